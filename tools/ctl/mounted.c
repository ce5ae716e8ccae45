/* Finding the daemon behind a mountpoint. */
#include "mounted.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define USERSPACE_FILESYSTEM 0x65735546 /* what statfs(2) says of filesystems whose daemon is a process */

static bool silent;

static int say(const char *path, int error, const char *what)
{
	if (silent)
		return error;
	fprintf(stderr, PROGRAM ": %s: %s\n", path, what);
	return error;
}

static int say_not_opened(const char *path, int error)
{
	switch (-error) {
	case ENOTDIR:
		return say(path, error,
			   "not a directory; give the mountpoint ('" PROGRAM " info' looks into an image)");
	case ENOTCONN:
	case ECONNABORTED:
		return say(path, error, "the daemon of this mount has ended; unmount it and mount it again");
	case EACCES:
		return say(path, error, "no permission; ask as the user who mounted it");
	default:
		return say(path, error, strerror(-error));
	}
}

/* Somebody else's filesystem may take the same number for something of its own. */
static int ask(struct mounted *mounted)
{
	static const char not_ours[] = "no mmfs is mounted here (or it is served by another version)";
	struct statfs filesystem;

	if (fstatfs(mounted->descriptor, &filesystem))
		return say_not_opened(mounted->path, -errno);
	if (filesystem.f_type != USERSPACE_FILESYSTEM)
		return say(mounted->path, -ENOTTY, "no mmfs is mounted here");
	if (!ioctl(mounted->descriptor, CONTROL_STATUS, &mounted->status))
		return mounted->status.magic == CONTROL_MAGIC ? 0 : say(mounted->path, -ENOTTY, not_ours);
	if (errno == ENOTTY || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)
		return say(mounted->path, -ENOTTY, not_ours);
	return say_not_opened(mounted->path, -errno);
}

/* What another program has written ends somewhere. */
static void end_strings(struct control_status *status)
{
	status->version[sizeof(status->version) - 1] = 0;
	status->image[sizeof(status->image) - 1] = 0;
	status->damage[sizeof(status->damage) - 1] = 0;
	status->restart[sizeof(status->restart) - 1] = 0;
}

int mounted_open(const char *path, struct mounted *ret_mounted)
{
	struct mounted mounted = {.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

	if (mounted.descriptor < 0)
		return say_not_opened(path, -errno);
	mounted.path = realpath(path, NULL);
	int error = mounted.path ? ask(&mounted) : say_not_opened(path, -errno);
	if (error) {
		mounted_close(&mounted);
		return error;
	}
	end_strings(&mounted.status);
	*ret_mounted = mounted;
	return 0;
}

int mounted_try(const char *path, struct mounted *ret_mounted)
{
	silent = true;
	int error = mounted_open(path, ret_mounted);
	silent = false;
	return error;
}

void mounted_close(struct mounted *mounted)
{
	close(mounted->descriptor);
	free(mounted->path);
}
