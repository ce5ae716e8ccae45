/* A mutant under the real daemon: mounted, walked and changed through the kernel, unmounted. */
#include "damage.h"

#include "../../sim/power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WAIT_MS	    60000
#define POLL_MS	    10
#define ENTRIES_MAX 1500

struct mount_run {
	char image[300], point[300], report[300];
	pid_t daemon, client;
	int status; /* the daemon's, when it has ended */
	bool ended;
};

static void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

/* ---- the image's file ---- */

static int copy_out(int from, const char *path)
{
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	off_t end = lseek(from, 0, SEEK_END), data, hole = 0;

	if (to < 0 || ftruncate(to, end))
		return -errno;
	while (hole < end && (data = lseek(from, hole, SEEK_DATA)) >= 0) {
		char bytes[BLOCK_SIZE];
		ssize_t got;

		hole = lseek(from, data, SEEK_HOLE);
		for (; data < hole; data += got) {
			got = pread(from, bytes, sizeof(bytes), data);
			if (got <= 0 || pwrite(to, bytes, (size_t)got, data) != got)
				return -EIO;
		}
	}
	return close(to) ? -errno : 0;
}

/* ---- the daemon ---- */

static void start_daemon(struct checker *checker, struct mount_run *run)
{
	char options[600];
	const char *given = getenv("ASAN_OPTIONS");

	run->daemon = fork();
	if (run->daemon)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(options, sizeof(options), "%s:log_path=%s:exitcode=99", given ? given : "", run->report);
	setenv("ASAN_OPTIONS", options, 1);
	setenv("UBSAN_OPTIONS", options, 1);
	execl(checker->mmfs, "mmfs", "-f", run->image, run->point, (char *)NULL);
	fprintf(stderr, "%s: %s\n", checker->mmfs, strerror(errno));
	_exit(98);
}

static bool daemon_ended(struct mount_run *run)
{
	if (!run->ended)
		run->ended = waitpid(run->daemon, &run->status, WNOHANG) == run->daemon;
	return run->ended;
}

/* Is the mountpoint the root of another filesystem than its directory? */
static bool is_mounted(struct checker *checker, struct mount_run *run)
{
	struct stat point, above;

	return !stat(checker->directory, &above) && !stat(run->point, &point) && point.st_dev != above.st_dev;
}

static const char *wait_mounted(struct checker *checker, struct mount_run *run)
{
	for (unsigned waited = 0; waited < WAIT_MS; waited += POLL_MS) {
		if (daemon_ended(run) || is_mounted(checker, run))
			return NULL;
		sleep_ms(POLL_MS);
	}
	return "a mount that is neither there nor refused";
}

static const char *wait_daemon(struct mount_run *run)
{
	for (unsigned waited = 0; waited < WAIT_MS && !daemon_ended(run); waited += POLL_MS)
		sleep_ms(POLL_MS);
	if (!run->ended)
		return "the daemon does not end";
	if (WIFSIGNALED(run->status))
		return "the daemon was ended by a signal";
	/* 1: refused, or the image could not be closed in order */
	return WEXITSTATUS(run->status) <= 1 ? NULL : "the daemon ended with an impossible status";
}

/* Sanitizers leave report.PID. */
static const char *look_for_reports(struct checker *checker)
{
	DIR *directory = opendir(checker->directory);
	const struct dirent *entry;
	const char *result = NULL;

	while (directory && (entry = readdir(directory)))
		if (!strncmp(entry->d_name, "report.", 7)) {
			fprintf(stderr, "%s/%s\n", checker->directory, entry->d_name);
			result = "a sanitizer's report";
		}
	if (directory)
		closedir(directory);
	return result;
}

/* ---- the client ---- */

struct client {
	uint64_t random;
	unsigned entries;
	bool dead; /* nobody answers */
};

static void note_result(struct client *client, long result)
{
	if (result < 0 && (errno == ENOTCONN || errno == ECONNABORTED))
		client->dead = true;
}

static void read_file(struct client *client, int parent, const char *name, off_t size)
{
	int file = openat(parent, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char bytes[5000];

	note_result(client, file);
	if (file < 0)
		return;
	note_result(client, pread(file, bytes, sizeof(bytes), 0));
	note_result(client, pread(file, bytes, sizeof(bytes), size > 100 ? size - 100 : 0));
	note_result(client, lseek(file, 0, SEEK_DATA));
	note_result(client, flistxattr(file, bytes, sizeof(bytes)));
	note_result(client, fgetxattr(file, "user.large", bytes, sizeof(bytes)));
	close(file);
}

static void change_file(struct client *client, int parent, const char *name)
{
	char other[32];
	int file;

	snprintf(other, sizeof(other), "c%u", client->entries);
	switch (random_next(&client->random) % 8) {
	case 0:
		note_result(client, unlinkat(parent, name, 0));
		break;
	case 1:
		note_result(client, renameat(parent, name, parent, other));
		break;
	case 2:
		note_result(client, mkdirat(parent, other, 0700));
		break;
	case 3:
	case 4:
		file = openat(parent, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (file < 0)
			break;
		note_result(client, pwrite(file, other, sizeof(other),
					   (off_t)(random_next(&client->random) % 40000)));
		note_result(client, ftruncate(file, (off_t)(random_next(&client->random) % 40000)));
		note_result(client, fsetxattr(file, "user.new", other, sizeof(other), 0));
		note_result(client, fsync(file));
		close(file);
		break;
	default:
		break;
	}
}

/* Directories to come are kept open, in a list: names may be longer than a path. */
static void walk_mount(struct client *client, int root)
{
	static int waiting[64];
	unsigned count = 1;
	struct dirent *entry;
	struct stat status;
	char target[200];

	waiting[0] = root;
	while (count) {
		int descriptor = waiting[--count];
		DIR *directory = fdopendir(descriptor);

		if (!directory)
			continue;
		while (!client->dead && client->entries < ENTRIES_MAX && (entry = readdir(directory))) {
			client->entries++;
			if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
				continue;
			int result = fstatat(descriptor, entry->d_name, &status, AT_SYMLINK_NOFOLLOW);
			note_result(client, result);
			if (result)
				continue;
			if (S_ISLNK(status.st_mode))
				note_result(client,
					    readlinkat(descriptor, entry->d_name, target, sizeof(target)));
			if (S_ISREG(status.st_mode))
				read_file(client, descriptor, entry->d_name, status.st_size);
			if (S_ISDIR(status.st_mode) && count < 64) {
				waiting[count] =
				    openat(descriptor, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
				count += waiting[count] >= 0;
			} else {
				change_file(client, descriptor, entry->d_name);
			}
		}
		closedir(directory);
	}
}

static _Noreturn void run_client(const struct mount_run *run, uint64_t random)
{
	struct client client = {.random = random};
	int root = open(run->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	alarm(WAIT_MS / 1000);
	note_result(&client, root);
	if (root >= 0)
		walk_mount(&client, root);
	_exit(client.dead ? 1 : 0);
}

/* ---- all of it ---- */

static const char *use_mount(struct mount_run *run, uint64_t random)
{
	int status = 0;

	run->client = fork();
	if (!run->client)
		run_client(run, random);
	for (unsigned waited = 0; waited < WAIT_MS; waited += POLL_MS) {
		if (waitpid(run->client, &status, WNOHANG) == run->client) {
			run->client = 0;
			return WIFSIGNALED(status)   ? "the mount does not answer in time"
			       : WEXITSTATUS(status) ? "the daemon has died under its client"
						     : NULL;
		}
		sleep_ms(POLL_MS);
	}
	return "the mount does not answer in time";
}

static void unmount(struct mount_run *run)
{
	for (unsigned tries = 0; tries < 100 && umount2(run->point, 0); tries++) {
		if (errno != EBUSY)
			break;
		sleep_ms(POLL_MS);
	}
}

/* Nothing of this run goes on. */
static void end_run(struct checker *checker, struct mount_run *run)
{
	if (!run->ended) {
		kill(run->daemon, SIGKILL);
		waitpid(run->daemon, &run->status, 0);
	}
	if (run->client > 0) {
		kill(run->client, SIGKILL);
		waitpid(run->client, NULL, 0);
	}
	if (is_mounted(checker, run))
		umount2(run->point, MNT_DETACH);
	unlink(run->image);
}

const char *mount_try(struct checker *checker, uint64_t random, bool *ret_mounted)
{
	struct mount_run run = {.ended = false};
	const char *why;

	snprintf(run.image, sizeof(run.image), "%s/mutant.img", checker->directory);
	snprintf(run.point, sizeof(run.point), "%s/mnt", checker->directory);
	snprintf(run.report, sizeof(run.report), "%s/report", checker->directory);
	if (mkdir(run.point, 0700) && errno != EEXIST)
		return "the mountpoint cannot be made";
	if (copy_out(checker->file, run.image))
		return "the image cannot be copied out";
	fflush(NULL);
	start_daemon(checker, &run);
	why = wait_mounted(checker, &run);
	*ret_mounted = !why && !run.ended;
	if (*ret_mounted) {
		why = use_mount(&run, random);
		unmount(&run);
	}
	if (!why)
		why = wait_daemon(&run);
	end_run(checker, &run);
	return why ? why : look_for_reports(checker);
}
