/* System calls that no command of the shell makes. Each subcommand checks what it sees; status 0 or a
 * message. */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			err(1, "line %d: %s", __LINE__, #condition);                                         \
	} while (0)

static void fill(uint8_t *bytes, size_t length, unsigned seed)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
}

static int do_exchange(char **argument)
{
	return renameat2(AT_FDCWD, argument[0], AT_FDCWD, argument[1], RENAME_EXCHANGE) ? errno : 0;
}

static int do_noreplace(char **argument)
{
	return renameat2(AT_FDCWD, argument[0], AT_FDCWD, argument[1], RENAME_NOREPLACE) ? errno : 0;
}

/* Stores through a shared mapping are seen by read, and writes by the mapping. */
static int do_mmap(char **argument)
{
	enum { LENGTH = 1 << 20 };
	static uint8_t expected[LENGTH], seen[LENGTH];
	int file = open(argument[0], O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(file >= 0 && ftruncate(file, LENGTH) == 0);
	uint8_t *map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(map != MAP_FAILED);
	fill(expected, LENGTH, 1);
	memcpy(map, expected, LENGTH);
	CHECK(msync(map, LENGTH, MS_SYNC) == 0);
	CHECK(pread(file, seen, LENGTH, 0) == LENGTH && memcmp(seen, expected, LENGTH) == 0);
	CHECK(pwrite(file, "written", 7, 70000) == 7 && memcmp(map + 70000, "written", 7) == 0);
	memcpy(map + 500000, "stored", 6);
	CHECK(munmap(map, LENGTH) == 0);
	CHECK(fsync(file) == 0);
	CHECK(pread(file, seen, 6, 500000) == 6 && memcmp(seen, "stored", 6) == 0);
	CHECK(close(file) == 0);
	return 0;
}

/* A file without a name lives as long as it is open, and so does one that was renamed over. */
static int do_unlinked(char **argument)
{
	char other[4096], bytes[5] = "";
	struct stat status;
	int file = open(argument[0], O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(file >= 0 && write(file, "first", 5) == 5 && unlink(argument[0]) == 0);
	CHECK(access(argument[0], F_OK) != 0 && errno == ENOENT);
	CHECK(fstat(file, &status) == 0 && status.st_nlink == 0 && status.st_size == 5);
	CHECK(pread(file, bytes, 5, 0) == 5 && memcmp(bytes, "first", 5) == 0);
	CHECK(pwrite(file, "again", 5, 1 << 20) == 5 && ftruncate(file, (1 << 20) + 2) == 0);
	CHECK(pread(file, bytes, 5, 1 << 20) == 2 && memcmp(bytes, "ag", 2) == 0);
	CHECK(fchmod(file, 0600) == 0 && fsync(file) == 0);

	int second = open(argument[0], O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(second >= 0 && write(second, "old", 3) == 3);
	snprintf(other, sizeof(other), "%s.new", argument[0]);
	int third = open(other, O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(third >= 0 && write(third, "new", 3) == 3 && rename(other, argument[0]) == 0);
	CHECK(pread(second, bytes, 3, 0) == 3 && memcmp(bytes, "old", 3) == 0);
	CHECK(fstat(second, &status) == 0 && status.st_nlink == 0);
	CHECK(close(file) == 0 && close(second) == 0 && close(third) == 0 && unlink(argument[0]) == 0);
	return 0;
}

static int do_holes(char **argument)
{
	const off_t step = 1 << 20;
	int file = open(argument[0], O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(file >= 0 && pwrite(file, "x", 1, 2 * step) == 1 && pwrite(file, "y", 1, 6 * step) == 1);
	CHECK(ftruncate(file, 8 * step) == 0);
	CHECK(lseek(file, 0, SEEK_HOLE) == 0);
	off_t data = lseek(file, 0, SEEK_DATA);
	CHECK(data > step && data <= 2 * step);
	off_t hole = lseek(file, data, SEEK_HOLE);
	CHECK(hole > 2 * step && hole <= 3 * step);
	data = lseek(file, hole, SEEK_DATA);
	CHECK(data > 5 * step && data <= 6 * step);
	CHECK(lseek(file, 7 * step, SEEK_DATA) == -1 && errno == ENXIO);
	CHECK(lseek(file, 7 * step, SEEK_HOLE) == 7 * step);
	CHECK(lseek(file, 8 * step, SEEK_HOLE) == -1 && errno == ENXIO);
	CHECK(close(file) == 0);
	return 0;
}

static int do_copy_range(char **argument)
{
	struct stat status;
	int from = open(argument[0], O_RDONLY), to = open(argument[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(from >= 0 && to >= 0 && fstat(from, &status) == 0);
	for (off_t left = status.st_size; left > 0;) {
		ssize_t copied = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
		CHECK(copied > 0);
		left -= copied;
	}
	CHECK(close(from) == 0 && close(to) == 0);
	return 0;
}

/* Two processes append; no line is lost or torn. */
static int do_append(char **argument)
{
	enum { LINES = 2000, LENGTH = 37 };
	char line[LENGTH + 1];
	pid_t child = fork();
	CHECK(child >= 0);
	int file = open(argument[0], O_WRONLY | O_CREAT | O_APPEND, 0644);
	CHECK(file >= 0);
	for (int i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "%-*s%6d\n", LENGTH - 7, child ? "parent" : "child", i);
		CHECK(write(file, line, LENGTH) == LENGTH);
	}
	CHECK(close(file) == 0);
	if (!child)
		_exit(0);
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	FILE *lines = fopen(argument[0], "r");
	int next[2] = {0, 0}, number;
	CHECK(lines);
	while (fgets(line, sizeof(line), lines)) {
		int who = line[0] == 'p';
		CHECK(strlen(line) == LENGTH && sscanf(line + LENGTH - 7, "%d", &number) == 1);
		CHECK(number == next[who]);
		next[who]++;
	}
	CHECK(next[0] == LINES && next[1] == LINES && fclose(lines) == 0);
	return 0;
}

/* Positions taken while reading a directory lead back to the same entries. */
static int do_seekdir(char **argument)
{
	enum { MOST = 5000 };
	static long positions[MOST];
	static char names[MOST][256];
	int count = 0;
	DIR *directory = opendir(argument[0]);
	CHECK(directory);
	positions[0] = telldir(directory);
	for (struct dirent *entry; count < MOST - 1 && (entry = readdir(directory));) {
		snprintf(names[count++], sizeof(names[0]), "%s", entry->d_name);
		positions[count] = telldir(directory);
	}
	CHECK(count == atoi(argument[1]));
	for (int i = count - 1; i >= 0; i -= 7) {
		seekdir(directory, positions[i]);
		struct dirent *entry = readdir(directory);
		CHECK(entry && strcmp(entry->d_name, names[i]) == 0);
	}
	rewinddir(directory);
	CHECK(readdir(directory) && closedir(directory) == 0);
	return 0;
}

static int do_locks(char **argument)
{
	int first = open(argument[0], O_RDWR | O_CREAT, 0644), second = open(argument[0], O_RDWR);
	CHECK(first >= 0 && second >= 0 && flock(first, LOCK_EX) == 0);
	CHECK(flock(second, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	CHECK(flock(first, LOCK_UN) == 0 && flock(second, LOCK_EX | LOCK_NB) == 0);
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
	CHECK(fcntl(first, F_SETLK, &range) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (!child) {
		struct flock asked = range;
		CHECK(fcntl(second, F_GETLK, &asked) == 0 && asked.l_type == F_WRLCK);
		CHECK(asked.l_pid == getppid());
		range.l_start = 20;
		CHECK(fcntl(second, F_SETLK, &range) == 0);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(close(first) == 0 && close(second) == 0);
	return 0;
}

static int do_socket(char **argument)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CHECK(strlen(argument[0]) < sizeof(address.sun_path));
	strcpy(address.sun_path, argument[0]);
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(server >= 0 && client >= 0);
	CHECK(bind(server, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(server, 1) == 0);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(close(client) == 0 && close(server) == 0);
	return 0;
}

/* What a truncation cut off never comes back, and what was never written is zero. */
static int do_zeros(char **argument)
{
	static char bytes[20000], zeros[20000];
	memset(bytes, 'x', sizeof(bytes));
	int file = open(argument[0], O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(file >= 0 && write(file, bytes, sizeof(bytes)) == sizeof(bytes));
	CHECK(ftruncate(file, 5000) == 0 && ftruncate(file, 20000) == 0);
	CHECK(pread(file, bytes, 20000, 0) == 20000 && bytes[4999] == 'x');
	CHECK(memcmp(bytes + 5000, zeros, 15000) == 0);
	CHECK(ftruncate(file, 5000) == 0 && pwrite(file, "z", 1, 8191) == 1);
	CHECK(pread(file, bytes, 20000, 0) == 8192 && memcmp(bytes + 5000, zeros, 3191) == 0);
	CHECK(ftruncate(file, 0) == 0 && pwrite(file, "z", 1, 4096) == 1);
	CHECK(pread(file, bytes, 20000, 0) == 4097 && memcmp(bytes, zeros, 4096) == 0);
	CHECK(close(file) == 0);
	return 0;
}

/* Opens the file and holds it open until killed, having said so. */
static int do_hold(char **argument)
{
	CHECK(open(argument[0], O_RDWR) >= 0);
	puts("open");
	fflush(stdout);
	pause();
	return 0;
}

static int do_open_truncate(char **argument)
{
	struct stat status;
	int file = open(argument[0], O_WRONLY | O_TRUNC);
	CHECK(file >= 0 && fstat(file, &status) == 0 && status.st_size == 0);
	CHECK(close(file) == 0);
	return 0;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **argument);
} commands[] = {
    {"exchange", 2, do_exchange}, {"noreplace", 2, do_noreplace}, {"mmap", 1, do_mmap},
    {"unlinked", 1, do_unlinked}, {"holes", 1, do_holes},	  {"copy-range", 2, do_copy_range},
    {"append", 1, do_append},	  {"seekdir", 2, do_seekdir},	  {"locks", 1, do_locks},
    {"socket", 1, do_socket},	  {"zeros", 1, do_zeros},	  {"open-truncate", 1, do_open_truncate},
    {"hold", 1, do_hold},
};

int main(int count, char **argument)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (count == 2 + commands[i].arguments && strcmp(argument[1], commands[i].name) == 0) {
			int error = commands[i].run(argument + 2);
			if (error)
				fprintf(stderr, "%s: %s\n", argument[1], strerrorname_np(error));
			return error ? 1 : 0;
		}
	errx(2, "usage: syscalls COMMAND ARGUMENT...");
}
