/*
 * One large directory: `directory make DIR COUNT` makes COUNT files; `directory remove DIR COUNT` removes all
 * but every tenth while it lists the directory again and again. In each listing no name may come twice, and
 * every file that stays must come once (readdir(3): only entries that come or go meanwhile are undefined).
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEEP = 10 };

static void name_of(char *name, size_t room, int number)
{
	snprintf(name, room, "file-number-%07d", number);
}

static void make(int directory, int count)
{
	char name[64];
	for (int i = 0; i < count; i++) {
		name_of(name, sizeof(name), i);
		int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (file < 0 || close(file))
			err(1, "create %s", name);
	}
}

static void remove_most(int directory, int count)
{
	char name[64];
	for (int i = 0; i < count; i++) {
		name_of(name, sizeof(name), i);
		if (i % KEEP != 0 && unlinkat(directory, name, 0))
			err(1, "unlink %s", name);
	}
}

static int list(const char *path, int count)
{
	char *seen = calloc(1, (size_t)count);
	DIR *directory = opendir(path);
	int entries = 0;
	if (!seen || !directory)
		err(1, "%s", path);
	for (struct dirent *entry; (entry = readdir(directory)); entries++) {
		int number;
		if (entry->d_name[0] == '.')
			continue;
		if (sscanf(entry->d_name, "file-number-%7d", &number) != 1 || number < 0 || number >= count)
			errx(1, "a name that nobody made: %s", entry->d_name);
		if (seen[number]++)
			errx(1, "listed twice: %s", entry->d_name);
	}
	for (int i = 0; i < count; i += KEEP)
		if (!seen[i])
			errx(1, "file %d was there all the time, but was not listed", i);
	closedir(directory);
	free(seen);
	return entries;
}

static void remove_and_list(const char *path, int directory, int count)
{
	int status, listings = 0;
	if (list(path, count) != count + 2)
		errx(1, "files are missing at the start");
	pid_t child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		remove_most(directory, count);
		_exit(0);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		list(path, count);
		listings++;
		usleep(50000); /* the removing is to get ahead between two listings */
	}
	if (status)
		errx(1, "removing failed");
	if (list(path, count) != (count + KEEP - 1) / KEEP + 2)
		errx(1, "not all that was removed has gone");
	printf("%d listings while removing\n", listings);
}

int main(int arguments, char **argument)
{
	if (arguments != 4)
		errx(2, "usage: directory make|remove DIR COUNT");
	int directory = open(argument[2], O_RDONLY | O_DIRECTORY);
	if (directory < 0)
		err(1, "%s", argument[2]);
	if (strcmp(argument[1], "make") == 0)
		make(directory, atoi(argument[3]));
	else
		remove_and_list(argument[2], directory, atoi(argument[3]));
	return 0;
}
