/*
 * One phase of a metadata benchmark: `metadata PHASE DIR FILES EACH` prints operations per second.
 *
 *   create   makes FILES empty files, EACH to a directory    stat     of every file, by path
 *   write    4 KiB to a new file each, no fsync             readdir  every directory, no stat
 *   read     4 KiB of each of those                         unlink   everything that create and write made
 *   fsync    FILES/50 times 4 KiB appended and fsynced
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int each; /* files to a directory */
static char block[4096];

static void path_of(char *path, size_t room, const char *kind, int number)
{
	if (snprintf(path, room, "%s%d/file-%06d", kind, number / each, number) >= (int)room)
		errx(1, "path");
}

static void make_directories(const char *kind, int files)
{
	char path[64];
	for (int i = 0; i < files; i += each) {
		snprintf(path, sizeof(path), "%s%d", kind, i / each);
		if (mkdir(path, 0755))
			err(1, "mkdir %s", path);
	}
}

static void create(const char *kind, int number, size_t length)
{
	char path[64];
	path_of(path, sizeof(path), kind, number);
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (file < 0 || write(file, block, length) != (ssize_t)length || close(file))
		err(1, "create %s", path);
}

static void read_one(int number)
{
	char path[64];
	path_of(path, sizeof(path), "w", number);
	int file = open(path, O_RDONLY);
	if (file < 0 || read(file, block, sizeof(block)) != sizeof(block) || close(file))
		err(1, "read %s", path);
}

static void stat_one(int number)
{
	char path[64];
	struct stat status;
	path_of(path, sizeof(path), "c", number);
	if (stat(path, &status))
		err(1, "stat %s", path);
}

static void unlink_one(const char *kind, int number)
{
	char path[64];
	path_of(path, sizeof(path), kind, number);
	if (unlink(path))
		err(1, "unlink %s", path);
}

static void read_directories(int files)
{
	char path[64];
	int count = 0;
	for (int i = 0; i < files; i += each) {
		snprintf(path, sizeof(path), "c%d", i / each);
		DIR *directory = opendir(path);
		if (!directory)
			err(1, "opendir %s", path);
		for (struct dirent *entry; (entry = readdir(directory));)
			count += entry->d_name[0] != '.';
		closedir(directory);
	}
	if (count != files)
		errx(1, "%d entries listed, %d made", count, files);
}

static void append_and_sync(int times)
{
	int file = open("synced", O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (file < 0)
		err(1, "synced");
	for (int i = 0; i < times; i++)
		if (write(file, block, sizeof(block)) != sizeof(block) || fsync(file))
			err(1, "write and fsync");
	if (close(file))
		err(1, "close");
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns how many operations it made. */
static int phase(const char *name, int files)
{
	if (strcmp(name, "readdir") == 0) {
		read_directories(files);
		return files;
	}
	if (strcmp(name, "fsync") == 0) {
		append_and_sync(files / 50);
		return files / 50;
	}
	for (int i = 0; i < files; i++) {
		if (strcmp(name, "create") == 0)
			create("c", i, 0);
		else if (strcmp(name, "write") == 0)
			create("w", i, sizeof(block));
		else if (strcmp(name, "read") == 0)
			read_one(i);
		else if (strcmp(name, "stat") == 0)
			stat_one(i);
		else if (strcmp(name, "unlink") == 0)
			unlink_one("c", i);
		else
			errx(2, "no such phase: %s", name);
	}
	return files;
}

int main(int count, char **argument)
{
	if (count != 5 || atoi(argument[4]) < 1)
		errx(2, "usage: metadata PHASE DIR FILES EACH");
	int files = atoi(argument[3]);
	each = atoi(argument[4]);
	if (chdir(argument[2]))
		err(1, "%s", argument[2]);
	memset(block, 'b', sizeof(block));
	if (strcmp(argument[1], "create") == 0)
		make_directories("c", files);
	if (strcmp(argument[1], "write") == 0)
		make_directories("w", files);
	double start = now();
	int made = phase(argument[1], files);
	printf("%.0f\n", made / (now() - start));
	return 0;
}
