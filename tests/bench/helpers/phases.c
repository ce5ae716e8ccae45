/*
 * One phase of the benchmark: `phases PHASE DIRECTORY THREADS FILES EACH MEGABYTES` prints operations (MiB
 * for the sequential ones) per second, of all threads together. Each thread has directories and a large file
 * of its own; FILES and MEGABYTES are divided among them. Nothing is left out of the time but making
 * directories and opening large files.
 *
 *   create      empty files, EACH to a directory      small-write  4 KiB to a new file each, closed
 *   stat        each of them by path                  small-read   opens and reads each of those
 *   list        readdir, and lstat of each entry      append-fsync 4 KiB appended and fsynced
 *   rename      each within its directory
 *   unlink      each
 *
 *   seq-write, seq-rewrite, seq-read    in pieces of 1 MiB; the writes end without a sync
 *   rand-read, rand-write               FILES times 4 KiB at random places of what seq-write made; -direct:
 * with O_DIRECT
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE	  (1 << 20)
#define BLOCK	  4096
#define SYNC_PART 50 /* each thread syncs FILES / SYNC_PART times */
#define PATH_ROOM 96

struct worker {
	pthread_t thread;
	int number, directory; /* directory: descriptor */
	int file;	       /* of the large file; -1: none */
	uint64_t seed;
	long done;
	double begin, end; /* seconds */
	char *bytes;	   /* PIECE, aligned */
};

struct phase {
	const char *name;
	void (*prepare)(struct worker *); /* NULL: nothing */
	void (*run)(struct worker *);
};

static int threads, files, each, megabytes;
static const struct phase *phase;
static pthread_barrier_t start;

static int files_of_each(void)
{
	return files / threads;
}

static void path_of(char *path, const char *kind, int number)
{
	if (snprintf(path, PATH_ROOM, "%s%d/file-%06d", kind, number / each, number) >= PATH_ROOM)
		errx(1, "path");
}

static void make_directories(struct worker *worker, const char *kind)
{
	char path[PATH_ROOM];

	for (int i = 0; i < files_of_each(); i += each) {
		snprintf(path, sizeof(path), "%s%d", kind, i / each);
		if (mkdirat(worker->directory, path, 0755))
			err(1, "mkdir %s", path);
	}
}

/* ---- names ---- */

static void make_files(struct worker *worker, const char *kind, size_t length)
{
	char path[PATH_ROOM];

	for (int i = 0; i < files_of_each(); i++) {
		path_of(path, kind, i);
		int file = openat(worker->directory, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (file < 0 || (length && write(file, worker->bytes, length) != (ssize_t)length) ||
		    close(file))
			err(1, "create %s", path);
		worker->done++;
	}
}

static void prepare_create(struct worker *worker)
{
	make_directories(worker, "c");
}

static void run_create(struct worker *worker)
{
	make_files(worker, "c", 0);
}

static void prepare_small_write(struct worker *worker)
{
	make_directories(worker, "w");
}

static void run_small_write(struct worker *worker)
{
	make_files(worker, "w", BLOCK);
}

static void run_small_read(struct worker *worker)
{
	char path[PATH_ROOM];

	for (int i = 0; i < files_of_each(); i++) {
		path_of(path, "w", i);
		int file = openat(worker->directory, path, O_RDONLY);
		if (file < 0 || read(file, worker->bytes, BLOCK) != BLOCK || close(file))
			err(1, "read %s", path);
		worker->done++;
	}
}

static void run_stat(struct worker *worker)
{
	char path[PATH_ROOM];
	struct stat status;

	for (int i = 0; i < files_of_each(); i++) {
		path_of(path, "c", i);
		if (fstatat(worker->directory, path, &status, 0))
			err(1, "stat %s", path);
		worker->done++;
	}
}

static void list_one(struct worker *worker, const char *path)
{
	int descriptor = openat(worker->directory, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
	struct stat status;

	if (!directory)
		err(1, "opendir %s", path);
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		if (fstatat(descriptor, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
			err(1, "stat %s", entry->d_name);
		worker->done++;
	}
	closedir(directory);
}

static void run_list(struct worker *worker)
{
	char path[PATH_ROOM];

	for (int i = 0; i < files_of_each(); i += each) {
		snprintf(path, sizeof(path), "c%d", i / each);
		list_one(worker, path);
	}
	if (worker->done != files_of_each())
		errx(1, "%ld entries listed, %d made", worker->done, files_of_each());
}

static void run_rename(struct worker *worker)
{
	char path[PATH_ROOM], other[PATH_ROOM + 2];

	for (int i = 0; i < files_of_each(); i++) {
		path_of(path, "c", i);
		snprintf(other, sizeof(other), "%s-r", path);
		if (renameat(worker->directory, path, worker->directory, other))
			err(1, "rename %s", path);
		worker->done++;
	}
}

static void run_unlink(struct worker *worker)
{
	char path[PATH_ROOM], other[PATH_ROOM + 2];

	for (int i = 0; i < files_of_each(); i++) {
		path_of(path, "c", i);
		snprintf(other, sizeof(other), "%s-r", path);
		if (unlinkat(worker->directory, other, 0))
			err(1, "unlink %s", other);
		worker->done++;
	}
}

/* ---- a large file ---- */

static long pieces(void)
{
	return megabytes / threads;
}

static void open_large(struct worker *worker, int flags)
{
	worker->file = openat(worker->directory, "large", flags, 0644);
	if (worker->file < 0 && errno == EINVAL && (flags & O_DIRECT))
		exit(3); /* this filesystem has none */
	if (worker->file < 0)
		err(1, "large");
}

static void prepare_new(struct worker *worker)
{
	open_large(worker, O_RDWR | O_CREAT | O_EXCL);
}

static void prepare_old(struct worker *worker)
{
	open_large(worker, O_RDWR);
}

static void prepare_direct(struct worker *worker)
{
	open_large(worker, O_RDWR | O_DIRECT);
}

static void run_seq_write(struct worker *worker)
{
	for (; worker->done < pieces(); worker->done++)
		if (write(worker->file, worker->bytes, PIECE) != PIECE)
			err(1, "write");
}

static void run_seq_read(struct worker *worker)
{
	for (; worker->done < pieces(); worker->done++)
		if (read(worker->file, worker->bytes, PIECE) != PIECE)
			err(1, "read");
}

static off_t anywhere(struct worker *worker)
{
	/* xorshift64 */
	worker->seed ^= worker->seed << 13;
	worker->seed ^= worker->seed >> 7;
	worker->seed ^= worker->seed << 17;
	return (off_t)(worker->seed % ((uint64_t)pieces() * (PIECE / BLOCK))) * BLOCK;
}

static void run_rand_read(struct worker *worker)
{
	for (; worker->done < files_of_each(); worker->done++)
		if (pread(worker->file, worker->bytes, BLOCK, anywhere(worker)) != BLOCK)
			err(1, "read");
}

static void run_rand_write(struct worker *worker)
{
	for (; worker->done < files_of_each(); worker->done++)
		if (pwrite(worker->file, worker->bytes, BLOCK, anywhere(worker)) != BLOCK)
			err(1, "write");
}

static void prepare_synced(struct worker *worker)
{
	worker->file = openat(worker->directory, "synced", O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (worker->file < 0)
		err(1, "synced");
}

static void run_append_fsync(struct worker *worker)
{
	for (; worker->done < files / SYNC_PART; worker->done++)
		if (write(worker->file, worker->bytes, BLOCK) != BLOCK || fsync(worker->file))
			err(1, "write and fsync");
}

/* ---- all of them ---- */

static const struct phase phases[] = {
    {"create", prepare_create, run_create},
    {"stat", NULL, run_stat},
    {"list", NULL, run_list},
    {"rename", NULL, run_rename},
    {"unlink", NULL, run_unlink},
    {"small-write", prepare_small_write, run_small_write},
    {"small-read", NULL, run_small_read},
    {"append-fsync", prepare_synced, run_append_fsync},
    {"seq-write", prepare_new, run_seq_write},
    {"seq-rewrite", prepare_old, run_seq_write},
    {"seq-read", prepare_old, run_seq_read},
    {"rand-read", prepare_old, run_rand_read},
    {"rand-write", prepare_old, run_rand_write},
    {"rand-read-direct", prepare_direct, run_rand_read},
    {"rand-write-direct", prepare_direct, run_rand_write},
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "t%d", worker->number);
	if (mkdir(path, 0755) && errno != EEXIST)
		err(1, "mkdir %s", path);
	worker->directory = open(path, O_RDONLY | O_DIRECTORY);
	if (worker->directory < 0)
		err(1, "%s", path);
	worker->file = -1;
	worker->seed = 88172645463325252u + (uint64_t)worker->number * 7919;
	worker->bytes = aligned_alloc(BLOCK, PIECE);
	if (!worker->bytes)
		errx(1, "out of memory");
	memset(worker->bytes, 'b', PIECE);
	if (phase->prepare)
		phase->prepare(worker);
	pthread_barrier_wait(&start);
	worker->begin = now();
	phase->run(worker);
	worker->end = now();
	if (worker->file >= 0 && close(worker->file))
		err(1, "close");
	close(worker->directory);
	free(worker->bytes);
	return NULL;
}

int main(int count, char **argument)
{
	long done = 0;

	if (count != 7)
		errx(2, "usage: phases PHASE DIRECTORY THREADS FILES EACH MEGABYTES");
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (!strcmp(argument[1], phases[i].name))
			phase = &phases[i];
	threads = atoi(argument[3]);
	files = atoi(argument[4]);
	each = atoi(argument[5]);
	megabytes = atoi(argument[6]);
	if (!phase || threads < 1 || each < 1 || files < threads || megabytes < threads)
		errx(2, "bad argument");
	if (chdir(argument[2]))
		err(1, "%s", argument[2]);
	struct worker *workers = calloc((size_t)threads, sizeof(*workers));
	if (!workers)
		errx(1, "out of memory");
	pthread_barrier_init(&start, NULL, (unsigned)threads);
	for (int i = 0; i < threads; i++) {
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			errx(1, "thread");
	}
	pthread_join(workers[0].thread, NULL);
	double begin = workers[0].begin, end = workers[0].end;
	for (int i = 0; i < threads; i++) {
		if (i > 0)
			pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		begin = workers[i].begin < begin ? workers[i].begin : begin;
		end = workers[i].end > end ? workers[i].end : end;
	}
	printf("%.1f\n", (double)done / (end - begin));
	free(workers);
	return 0;
}
