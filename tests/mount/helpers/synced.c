/* synced MODE FILE: writes the mode's name into a new file, durable in that way when it returns. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			err(1, "line %d: %s", __LINE__, #condition);                                         \
	} while (0)

static void by_mapping(int file, const char *text, size_t length)
{
	CHECK(ftruncate(file, (off_t)length) == 0);
	char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(map != MAP_FAILED);
	memcpy(map, text, length);
	CHECK(msync(map, length, MS_SYNC) == 0);
}

int main(int count, char **argument)
{
	if (count != 3)
		errx(2, "usage: synced MODE FILE");
	const char *mode = argument[1];
	size_t length = strlen(mode);
	int flags = !strcmp(mode, "O_SYNC") ? O_SYNC : !strcmp(mode, "O_DSYNC") ? O_DSYNC : 0;
	int file = open(argument[2], O_RDWR | O_CREAT | O_EXCL | flags, 0644);
	struct iovec piece = {.iov_base = argument[1], .iov_len = length};

	CHECK(file >= 0);
	if (!strcmp(mode, "msync"))
		by_mapping(file, mode, length);
	else
		CHECK(pwritev2(file, &piece, 1, 0, strcmp(mode, "RWF_DSYNC") ? 0 : RWF_DSYNC) ==
		      (ssize_t)length);
	if (!strcmp(mode, "fsync"))
		CHECK(fsync(file) == 0);
	else if (!strcmp(mode, "fdatasync"))
		CHECK(fdatasync(file) == 0);
	else if (!strcmp(mode, "directory"))
		CHECK(fsync(open(".", O_RDONLY | O_DIRECTORY)) == 0);
	return 0;
}
