/*
 * Two descriptors of one file, a mapping and sendfile, on a mount whose contents no cache keeps:
 *
 *   direct shares FILE            what one of them writes, each of the others reads at once
 *   direct reads FILE COUNT       reads the first 4 KiB COUNT times
 *   direct cached FILE            prints how many of the file's pages the kernel has
 *
 * "shares" prints "mapped", or "refused" where the kernel cannot map such a file shared.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGES 4
#define BYTES (PAGES * 4096)

static char wanted[BYTES], got[BYTES];

static int file_open(const char *name, int flags)
{
	int file = open(name, flags, 0644);

	if (file < 0)
		err(1, "%s", name);
	return file;
}

static void compare(const char *how)
{
	if (memcmp(wanted, got, BYTES))
		errx(1, "%s: other bytes", how);
}

static void check_read(int file)
{
	if (pread(file, got, BYTES, 0) != BYTES)
		err(1, "pread");
	compare("read");
}

static void check_sendfile(int file)
{
	int memory = memfd_create("sent", 0);
	off_t offset = 0;

	while (offset < BYTES) {
		if (sendfile(memory, file, &offset, (size_t)(BYTES - offset)) <= 0)
			err(1, "sendfile");
	}
	if (pread(memory, got, BYTES, 0) != BYTES)
		err(1, "pread of what was sent");
	close(memory);
	compare("sendfile");
}

static void check_mapping(const char *mapping)
{
	if (mapping == MAP_FAILED)
		return;
	memcpy(got, mapping, BYTES);
	compare("mapping");
}

/* Overwrites some bytes that no page begins or ends with. */
static void change(int file, int number)
{
	off_t at = 4096 * (number % PAGES) + 100;

	memset(wanted + at, 'a' + number % 26, 500);
	if (pwrite(file, wanted + at, 500, at) != 500)
		err(1, "pwrite");
}

static void shares(const char *name)
{
	int one = file_open(name, O_RDWR | O_CREAT), two = file_open(name, O_RDWR);
	char *mapping;

	if (pwrite(one, wanted, BYTES, 0) != BYTES)
		err(1, "pwrite");
	mapping = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, two, 0);
	if (mapping == MAP_FAILED && errno != ENODEV)
		err(1, "mmap");
	for (int i = 0; i < 40; i++) {
		change(i % 2 ? one : two, i);
		if (mapping != MAP_FAILED && i % 5 == 0) {
			wanted[4096 * (i % PAGES) + 3000] = (char)i;
			mapping[4096 * (i % PAGES) + 3000] = (char)i;
		}
		check_read(one);
		check_read(two);
		check_sendfile(one);
		check_mapping(mapping);
	}
	puts(mapping == MAP_FAILED ? "refused" : "mapped");
}

static void reads(const char *name, int count)
{
	int file = file_open(name, O_RDONLY);

	for (int i = 0; i < count; i++) {
		if (pread(file, got, 4096, 0) != 4096)
			err(1, "pread");
	}
}

static void cached(const char *name)
{
	int file = file_open(name, O_RDONLY);
	struct stat status;
	size_t pages, count = 0;

	if (fstat(file, &status))
		err(1, "%s", name);
	pages = ((size_t)status.st_size + 4095) / 4096;
	unsigned char *resident = malloc(pages);
	/* A private one is never refused. */
	void *mapping = mmap(NULL, pages * 4096, PROT_READ, MAP_PRIVATE, file, 0);

	if (!resident || mapping == MAP_FAILED || mincore(mapping, pages * 4096, resident))
		err(1, "mincore");
	for (size_t i = 0; i < pages; i++)
		count += resident[i] & 1;
	printf("%zu\n", count);
	free(resident);
}

int main(int count, char **arguments)
{
	if (count == 3 && !strcmp(arguments[1], "shares"))
		shares(arguments[2]);
	else if (count == 4 && !strcmp(arguments[1], "reads"))
		reads(arguments[2], atoi(arguments[3]));
	else if (count == 3 && !strcmp(arguments[1], "cached"))
		cached(arguments[2]);
	else
		errx(2, "usage: direct shares|reads|cached FILE [COUNT]");
	return 0;
}
