/* See set_id.h. */
#include "set_id.h"
#include "caller.h"
#include "wire.h"

#include <linux/fuse.h>

/* May the caller change the file's contents, and so take its privileges away? */
static bool may_write(fuse_req_t request, const struct fs_attr *attr)
{
	uid_t uid = fuse_req_ctx(request)->uid;

	if (uid == 0 || uid == attr->uid)
		return true;
	if (caller_in_group(request, attr->gid))
		return attr->mode & S_IWGRP;
	return attr->mode & S_IWOTH;
}

/* The kernel sends a SETATTR of nothing before a write to a file with set-id bits, and for a chown to nobody,
 * which others than the owner may call but should not succeed with. Both look alike, so it counts for those
 * who could write. */
bool set_id_killed_by_setattr(fuse_req_t request, fuse_ino_t inode)
{
	const uint32_t changes = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME |
				 FATTR_ATIME_NOW | FATTR_MTIME_NOW;
	uint32_t valid = wire_request()->setattr_valid;
	struct fs_attr attr;

	if (!wire_killpriv())
		return false;
	if (valid & changes)
		return valid & FATTR_KILL_SUIDGID;
	return fs_getattr(daemon_of(request)->fs, inode, &attr) == 0 && may_write(request, &attr);
}

int set_id_kill(fuse_req_t request, fuse_ino_t inode)
{
	struct fs *fs = daemon_of(request)->fs;
	struct fs_set set = {.what = FS_KILL_SET_ID | FS_SET_MORE};
	struct fs_attr attr;
	int error;

	if (!wire_killpriv() || fuse_req_ctx(request)->uid == 0)
		return 0;
	error = fs_getattr(fs, inode, &attr);
	if (error || !(attr.mode & (S_ISUID | S_ISGID)))
		return error;
	return fs_setattr(fs, inode, &set, &attr);
}
