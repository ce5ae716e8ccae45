/*
 * Keeps notes in an mmfs image, without mounting it:
 *
 *   cc -o notes notes.c $(pkg-config --cflags --libs mmfs)
 *   ./notes notes.img monday "bread, milk"      writes one, durably
 *   ./notes notes.img monday                    prints it
 *   ./notes notes.img                           lists all
 */
#include <mmfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int complain(const char *what, int error)
{
	fprintf(stderr, "notes: %s: %s\n", what, strerror(-error));
	return 1;
}

static int print_name(void *context, const char *name, const struct stat *status)
{
	(void)context;
	printf("%8lld %s\n", (long long)status->st_size, name);
	return 0;
}

/* Under another name first, so that a power cut leaves the old note or the new one. */
static int write_note(struct mmfs *image, const char *name, const char *text)
{
	struct mmfs_file *file;
	size_t length = strlen(text);

	int error = mmfs_file_open(image, ".new", O_CREAT | O_TRUNC, 0600, &file);
	if (error)
		return error;
	ssize_t written = mmfs_pwrite(file, text, length, 0);
	mmfs_file_close(file);
	if (written < 0)
		return (int)written;
	if ((size_t)written < length)
		return -ENOSPC;
	error = mmfs_rename(image, ".new", name, 0);
	return error ? error : mmfs_sync(image);
}

static int print_note(struct mmfs *image, const char *name)
{
	struct mmfs_file *file;
	char text[4096];
	uint64_t offset = 0;
	ssize_t got;

	int error = mmfs_file_open(image, name, 0, 0, &file);
	if (error)
		return error;
	while ((got = mmfs_pread(file, text, sizeof(text), offset)) > 0) {
		fwrite(text, 1, (size_t)got, stdout);
		offset += (uint64_t)got;
	}
	mmfs_file_close(file);
	putchar('\n');
	return (int)got;
}

int main(int count, char **arguments)
{
	struct mmfs *image;
	int error;

	if (count < 2 || count > 4) {
		fprintf(stderr, "usage: notes IMAGE [NAME [TEXT]]\n");
		return 2;
	}
	if (mmfs_open(arguments[1], count == 4 ? MMFS_CREATE : MMFS_READ_ONLY, &image)) {
		fprintf(stderr, "notes: %s\n", mmfs_message());
		return 1;
	}
	if (count == 4)
		error = write_note(image, arguments[2], arguments[3]);
	else if (count == 3)
		error = print_note(image, arguments[2]);
	else
		error = mmfs_list(image, "/", print_name, NULL);
	int close_error = mmfs_close(image);
	if (error)
		return complain(arguments[count > 2 ? 2 : 1], error);
	return close_error ? complain(arguments[1], close_error) : 0;
}
