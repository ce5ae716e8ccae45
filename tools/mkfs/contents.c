/* What a file holds that is to become an image: it is only ever given up when the user says so. */
#include "mkfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 1: some byte of [from, to) is not zero, 0: none is. */
static int range_holds(int descriptor, off_t from, off_t to)
{
	static const uint8_t zeros[65536];
	static uint8_t bytes[65536];

	while (from < to) {
		size_t want = to - from < (off_t)sizeof(bytes) ? (size_t)(to - from) : sizeof(bytes);
		ssize_t got = pread(descriptor, bytes, want, from);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		if (memcmp(bytes, zeros, (size_t)got))
			return 1;
		from += got;
	}
	return 0;
}

/* A regular file: does it hold anything but zeros? Holes are skipped. */
static int file_holds(int descriptor, off_t size)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(descriptor, at, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : range_holds(descriptor, at, size);
		off_t hole = lseek(descriptor, data, SEEK_HOLE);
		if (hole < 0)
			hole = size;
		int holds = range_holds(descriptor, data, hole);
		if (holds)
			return holds;
		at = hole;
	}
	return 0;
}

/* Filesystems, partition tables and archives have their marks at either end of a device. */
#define DEVICE_END_BYTES 1048576

static int device_holds(int descriptor, off_t size)
{
	off_t end = size < DEVICE_END_BYTES ? size : DEVICE_END_BYTES;
	int holds = range_holds(descriptor, 0, end);

	return holds ? holds : range_holds(descriptor, size - end, size);
}

static int store_holds(const struct store *store)
{
	int descriptor = store_file_descriptor(store);
	off_t size = (off_t)store_size(store);
	struct stat status;

	if (fstat(descriptor, &status))
		return -errno;
	return S_ISBLK(status.st_mode) ? device_holds(descriptor, size) : file_holds(descriptor, size);
}

int contents_check(const struct settings *settings, const struct store *store)
{
	if (store_size(store) == 0 || settings->force)
		return 0;
	int holds = store_holds(store);
	if (holds > 0) {
		fprintf(stderr,
			PROGRAM
			": %s: already holds %s (it was not touched); give another file, or --force to "
			"give up what it holds\n",
			settings->path, image_detect(store) == 1 ? "an mmfs image" : "something");
		return -EEXIST;
	}
	if (holds < 0)
		fprintf(stderr, PROGRAM ": %s: cannot be read: %s\n", settings->path, strerror(-holds));
	return holds;
}
