/*
 * Operations whose messages are counted: `requests OPERATION DIRECTORY COUNT`, on files f0, f1, ... of the
 * directory, each by its path from there.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char bytes[4096];

static void name_of(char *name, const char *prefix, int number)
{
	sprintf(name, "%s%d", prefix, number);
}

static void check(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
}

static void create(const char *name)
{
	int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	check(file, name);
	close(file);
}

static void write_once(const char *name)
{
	int file = open(name, O_WRONLY);

	check(file, name);
	check(write(file, bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : -1, name);
	close(file);
}

/* 4 KiB pieces of one open file. */
static void write_often(const char *name, int count)
{
	int file = open(name, O_WRONLY);

	check(file, name);
	for (int i = 0; i < count; i++)
		check(write(file, bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : -1, name);
	close(file);
}

static void read_once(const char *name)
{
	int file = open(name, O_RDONLY);

	check(file, name);
	check(read(file, bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : -1, name);
	close(file);
}

static void stat_once(const char *name)
{
	struct stat status;

	check(stat(name, &status), name);
}

static void absent(const char *name)
{
	struct stat status;

	if (stat(name, &status) == 0 || errno != ENOENT)
		errx(1, "%s is there", name);
}

static void rename_once(const char *name)
{
	char other[32];

	snprintf(other, sizeof(other), "r-%s", name);
	check(rename(name, other), name);
	check(rename(other, name), name);
}

static void chmod_once(const char *name)
{
	check(chmod(name, 0600), name);
}

static void unlink_once(const char *name)
{
	check(unlink(name), name);
}

static void fsync_once(const char *name)
{
	int file = open(name, O_RDONLY);

	check(file, name);
	check(fsync(file), name);
	close(file);
}

/* As ls -l does. */
static void list(int with_attributes)
{
	DIR *directory = opendir(".");
	struct stat status;

	if (!directory)
		err(1, "opendir");
	for (struct dirent *entry; (entry = readdir(directory));)
		if (with_attributes)
			check(fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW),
			      entry->d_name);
	closedir(directory);
}

int main(int count, char **argument)
{
	static const struct {
		const char *name, *prefix;
		void (*run)(const char *name);
	} operations[] = {
	    {"create", "f", create},	{"write", "f", write_once},   {"read", "f", read_once},
	    {"stat", "f", stat_once},	{"absent", "no", absent},     {"rename", "f", rename_once},
	    {"chmod", "f", chmod_once}, {"unlink", "f", unlink_once}, {"fsync", "f", fsync_once},
	};
	char name[32];

	if (count != 4 || chdir(argument[2]))
		errx(2, "usage: requests OPERATION DIRECTORY COUNT");
	int times = atoi(argument[3]);
	/* The kernel cuts a write in two at a page that is not there yet. */
	memset(bytes, 'b', sizeof(bytes));
	if (!strcmp(argument[1], "append"))
		write_often("f0", times);
	else if (!strcmp(argument[1], "list") || !strcmp(argument[1], "names"))
		list(argument[1][0] == 'l');
	else
		for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
			for (int j = 0; j < times && !strcmp(operations[i].name, argument[1]); j++) {
				name_of(name, operations[i].prefix, j);
				operations[i].run(name);
			}
	return 0;
}
