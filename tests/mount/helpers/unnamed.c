/*
 * Files without a name, and handles.
 *
 *   unnamed hold DIRECTORY BYTES      makes one of that size, says "open", waits to be killed
 *   unnamed wait DIRECTORY NAME       makes one, says "open", waits for a line on stdin, links it as NAME
 *   unnamed take FILE HANDLE          writes a file's handle into HANDLE
 *   unnamed open MOUNT HANDLE         prints what the handle leads to: its inode number, type and first line
 *   unnamed copy FROM TO OFFSET LENGTH   one copy_file_range to the same offset; prints the count
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			err(1, "line %d: %s", __LINE__, #condition);                                         \
	} while (0)

struct handle {
	struct file_handle head;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static int make_unnamed(const char *directory, long bytes)
{
	static char block[1 << 20];
	int file = open(directory, O_TMPFILE | O_RDWR, 0644);

	CHECK(file >= 0);
	for (memset(block, 'x', sizeof(block)); bytes > 0; bytes -= (long)sizeof(block))
		CHECK(write(file, block, sizeof(block)) == sizeof(block));
	puts("open");
	fflush(stdout);
	return file;
}

static int do_hold(char **argument)
{
	make_unnamed(argument[0], atol(argument[1]));
	pause();
	return 0;
}

static int do_wait(char **argument)
{
	char link[64];
	int file = make_unnamed(argument[0], 1);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	CHECK(getchar() == '\n');
	CHECK(linkat(AT_FDCWD, link, AT_FDCWD, argument[1], AT_SYMLINK_FOLLOW) == 0);
	puts("linked");
	fflush(stdout);
	pause();
	return 0;
}

static int do_take(char **argument)
{
	struct handle handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	int mount, file = open(argument[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(name_to_handle_at(AT_FDCWD, argument[0], &handle.head, &mount, 0) == 0);
	CHECK(file >= 0 && write(file, &handle, sizeof(handle)) == sizeof(handle));
	return 0;
}

static int do_open(char **argument)
{
	struct handle handle;
	struct stat status;
	char text[256] = "";
	int mount = open(argument[0], O_RDONLY | O_DIRECTORY), file = open(argument[1], O_RDONLY);

	CHECK(mount >= 0 && file >= 0 && read(file, &handle, sizeof(handle)) == sizeof(handle));
	int opened = open_by_handle_at(mount, &handle.head, O_RDONLY);
	if (opened < 0)
		return errno;
	CHECK(fstat(opened, &status) == 0);
	if (S_ISREG(status.st_mode))
		CHECK(read(opened, text, sizeof(text) - 1) >= 0);
	text[strcspn(text, "\n")] = 0;
	printf("%llu %s %s\n", (unsigned long long)status.st_ino,
	       S_ISDIR(status.st_mode) ? "directory" : "file", text);
	return 0;
}

static int do_copy(char **argument)
{
	int from = open(argument[0], O_RDONLY), to = open(argument[1], O_WRONLY | O_CREAT, 0644);
	off_t offset = atoll(argument[2]), to_offset = offset;

	CHECK(from >= 0 && to >= 0);
	ssize_t count = copy_file_range(from, &offset, to, &to_offset, (size_t)atoll(argument[3]), 0);
	if (count < 0)
		return errno;
	CHECK(offset - atoll(argument[2]) == count && to_offset == offset);
	printf("%lld\n", (long long)count);
	return 0;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **argument);
} commands[] = {
    {"hold", 2, do_hold}, {"wait", 2, do_wait}, {"take", 2, do_take},
    {"open", 2, do_open}, {"copy", 4, do_copy},
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
	errx(2, "usage: unnamed COMMAND ARGUMENT...");
}
