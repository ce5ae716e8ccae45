/* What the argument IMAGE|MOUNTPOINT of a command names. */
#ifndef MMFS_CTL_TARGET_H
#define MMFS_CTL_TARGET_H

#include "mounted.h"

struct target {
	const char *path; /* as given */
	bool is_mounted;  /* it is reached through `mounted`; else it is an image to be opened */
	struct mounted mounted;
};

/*
 * A directory is a mountpoint. Of an image, the mount that serves it is looked for among those of this
 * process: one for reading and writing is used; one that is read-only shares the image, so that it can be
 * opened for reading; `changes`: the command changes something, for which the mount is needed then too. 0, or
 * -errno having said why.
 */
MUST_CHECK int target_find(const char *path, bool changes, struct target *ret_target);
/* For commands that make sense of a mount only: -ENOTCONN if the image has none. */
MUST_CHECK int target_mounted(const char *path, struct mounted *ret_mounted);
/* The mountpoint of an image that is mounted, or else the path itself; to be freed. */
MUST_CHECK int target_place(const char *path, bool changes, char **ret_place);
/* For commands that read the file itself: -EBUSY if it is mounted for writing. */
MUST_CHECK int target_not_mounted(const char *path);
void target_close(struct target *target);

#endif
