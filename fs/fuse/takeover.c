/* See takeover.h. */
#include "takeover.h"
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE    "MMFS_TAKEOVER" /* "image,connection,handover": numbers of descriptors */
#define DESCRIPTORS 3u

int takeover_program(char *ret_path, size_t room)
{
	static const char deleted[] = " (deleted)";
	ssize_t length = readlink("/proc/self/exe", ret_path, room);

	if (length < 0)
		return -errno;
	if ((size_t)length == room)
		return -ENAMETOOLONG;
	ret_path[length] = 0;
	/* What the kernel adds when another file has taken the place. */
	size_t cut = (size_t)length - (sizeof(deleted) - 1);
	if ((size_t)length > sizeof(deleted) && !strcmp(ret_path + cut, deleted) && access(ret_path, F_OK))
		ret_path[cut] = 0;
	return 0;
}

static int keep_over_exec(const int *descriptors, bool keep)
{
	int error = 0;

	for (unsigned i = 0; i < DESCRIPTORS; i++) {
		if (fcntl(descriptors[i], F_SETFD, keep ? 0 : FD_CLOEXEC))
			error = -errno;
	}
	return error;
}

int takeover_exec(const struct daemon *daemon)
{
	const int descriptors[DESCRIPTORS] = {daemon->image_descriptor, daemon->fuse_descriptor,
					      daemon->handover_descriptor};
	char path[PATH_MAX], value[64];
	int error = takeover_program(path, sizeof(path));

	if (error)
		return error;
	snprintf(value, sizeof(value), "%d,%d,%d", descriptors[0], descriptors[1], descriptors[2]);
	error = setenv(VARIABLE, value, 1) ? -errno : keep_over_exec(descriptors, true);
	if (!error) {
		daemon->handover->upgrades++;
		execv(path, daemon->arguments);
		error = -errno;
		daemon->handover->upgrades--;
	}
	unsetenv(VARIABLE);
	int kept = keep_over_exec(descriptors, false);
	return error ? error : kept;
}

/* ---- the new program ---- */

static int parse(const char *text, int *ret_descriptors)
{
	for (unsigned i = 0; i < DESCRIPTORS; i++) {
		char *end;
		errno = 0;
		long number = strtol(text, &end, 10);

		if (end == text || errno || number < 3 || number > INT_MAX ||
		    *end != (i + 1 < DESCRIPTORS ? ',' : 0))
			return -EINVAL;
		ret_descriptors[i] = (int)number;
		text = end + 1;
	}
	return 0;
}

/* A string that ends within its field, and is not empty. */
static char *copy_path(const char *path, size_t room)
{
	return *path && strnlen(path, room) < room ? strdup(path) : NULL;
}

int takeover_begin(struct daemon *daemon, bool *ret_taken)
{
	const char *value = getenv(VARIABLE);
	int descriptors[DESCRIPTORS];

	*ret_taken = value != NULL;
	if (!value)
		return 0;
	int error = parse(value, descriptors);
	unsetenv(VARIABLE);
	if (!error)
		error = keep_over_exec(descriptors, false);
	if (!error)
		error = handover_open(descriptors[2], &daemon->handover);
	if (error)
		return error;
	const struct handover *handover = daemon->handover;
	daemon->image_descriptor = descriptors[0];
	daemon->fuse_descriptor = descriptors[1];
	daemon->handover_descriptor = descriptors[2];
	daemon->connection = handover->connection;
	daemon->goes_on = true;
	daemon->image_path = copy_path(handover->image_path, sizeof(handover->image_path));
	daemon->mountpoint = copy_path(handover->mountpoint, sizeof(handover->mountpoint));
	return daemon->image_path && daemon->mountpoint ? 0 : -EPROTO;
}
