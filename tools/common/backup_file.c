/* See backup_file.h. */

/* linux/fs.h has a BLOCK_SIZE of its own. */
#include <linux/fs.h>
#undef BLOCK_SIZE

#include "backup_file.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int sink_write(void *context, uint64_t offset, const void *bytes, size_t length)
{
	const struct backup_file *file = context;
	const uint8_t *at = bytes;

	while (length > 0) {
		ssize_t written = pwrite(file->descriptor, at, length, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		at += written;
		offset += (uint64_t)written;
		length -= (size_t)written;
	}
	return 0;
}

static int sink_set_size(void *context, uint64_t size)
{
	const struct backup_file *file = context;

	while (ftruncate(file->descriptor, (off_t)size) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Another filesystem, a device, or one that cannot: each has an errno of its own for that. */
static int sink_clone(void *context)
{
	const struct backup_file *file = context;

	if (!ioctl(file->descriptor, FICLONE, file->source))
		return 0;
	return errno == ENOSPC || errno == EIO || errno == EDQUOT ? -errno : -EOPNOTSUPP;
}

static bool sink_stopped(void *context)
{
	const struct backup_file *file = context;

	return file->stopped && file->stopped(file->context);
}

struct image_sink backup_file_sink(struct backup_file *file)
{
	return (struct image_sink){
	    .context = file,
	    .write = sink_write,
	    .set_size = sink_set_size,
	    .clone = file->source >= 0 ? sink_clone : NULL,
	    .stopped = sink_stopped,
	};
}

/* Blocks are shared only between files that are both written in place, or both not; an empty one may change.
 */
static void follow_source(const struct backup_file *file)
{
	int source, own;

	if (file->source < 0 || ioctl(file->source, FS_IOC_GETFLAGS, &source) < 0 ||
	    ioctl(file->descriptor, FS_IOC_GETFLAGS, &own) < 0)
		return;
	own = (own & ~FS_NOCOW_FL) | (source & FS_NOCOW_FL);
	(void)ioctl(file->descriptor, FS_IOC_SETFLAGS, &own);
}

int backup_file_empty(const struct backup_file *file)
{
	struct stat status;

	if (fstat(file->descriptor, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (ftruncate(file->descriptor, 0))
		return -errno;
	follow_source(file);
	return 0;
}
