/* chattr flags. A rule clears those it has set: what is immutable cannot be removed. */
#ifndef MMFS_SUITE_FLAGS_H
#define MMFS_SUITE_FLAGS_H

#include "../suite.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

/* sys/ioctl.h has another one */
#undef CTIME
#define CTIME 4u

/* These are the same on all the filesystems; others that one of them shows are left alone. */
#define FLAGS (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL)

static inline int flags_ioctl(const char *path, unsigned long command, void *argument)
{
	int file = open(path, O_RDONLY | O_NONBLOCK), error;

	if (file < 0)
		return -1;
	int result = ioctl(file, command, argument);
	error = errno;
	close(file);
	errno = error;
	return result;
}

static inline long long flags_of(const char *path)
{
	int flags;

	return flags_ioctl(path, FS_IOC_GETFLAGS, &flags) ? -1 : flags & FLAGS;
}

static inline int flags_set(const char *path, int flags)
{
	int now;

	if (flags_ioctl(path, FS_IOC_GETFLAGS, &now))
		return -1;
	now = (now & ~FLAGS) | flags;
	return flags_ioctl(path, FS_IOC_SETFLAGS, &now);
}

#endif
