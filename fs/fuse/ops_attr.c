/* Requests about attributes, and about the filesystem as a whole. */
#include "daemon.h"
#include "set_id.h"
#include "sibling.h"
#include "wire.h"

#include <errno.h>
#include <sys/statvfs.h>

static void ops_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	struct fs_attr attr;
	int error = fs_getattr(daemon_of(request)->fs, inode, &attr);

	(void)file; /* opens are stateless */
	if (wire_request()->opcode == SIBLING_STATX)
		sibling_reply_statx(request, error, &attr);
	else
		reply_attr(request, error, &attr);
}

/* The kernel has checked permissions. */
static unsigned set_flags(int valid)
{
	static const struct {
		int from;
		unsigned to;
	} flags[] = {
	    {FUSE_SET_ATTR_MODE, FS_SET_MODE},	 {FUSE_SET_ATTR_UID, FS_SET_UID},
	    {FUSE_SET_ATTR_GID, FS_SET_GID},	 {FUSE_SET_ATTR_SIZE, FS_SET_SIZE},
	    {FUSE_SET_ATTR_ATIME, FS_SET_ATIME}, {FUSE_SET_ATTR_MTIME, FS_SET_MTIME},
	    {FUSE_SET_ATTR_CTIME, FS_SET_CTIME},
	};
	unsigned what = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (valid & flags[i].from)
			what |= flags[i].to;
	}
	/* "Now" comes with or without the bit of the time itself, whose value does not count then. */
	if (valid & FUSE_SET_ATTR_ATIME_NOW)
		what = (what & ~FS_SET_ATIME) | FS_SET_ATIME_NOW;
	if (valid & FUSE_SET_ATTR_MTIME_NOW)
		what = (what & ~FS_SET_MTIME) | FS_SET_MTIME_NOW;
	/* A chown of neither owner nor group moves the time of change. */
	return what ? what : FS_SET_CTIME_NOW;
}

static void ops_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *status, int valid,
			struct fuse_file_info *file)
{
	struct fs_attr attr;
	struct fs_set set = {
	    .what = set_flags(valid),
	    .mode = status->st_mode,
	    .uid = status->st_uid,
	    .gid = status->st_gid,
	    .size = (uint64_t)status->st_size,
	    .atime = status->st_atim,
	    .mtime = status->st_mtim,
	    .ctime = status->st_ctim,
	};

	(void)file;
	if (set_id_killed_by_setattr(request, inode))
		set.what |= FS_KILL_SET_ID;
	if (daemon_of(request)->writeback && set.what == (FS_SET_MTIME | FS_SET_CTIME))
		set.what |= FS_SET_CACHED;
	reply_attr(request, fs_setattr(daemon_of(request)->fs, inode, &set, &attr), &attr);
}

static void ops_statfs(fuse_req_t request, fuse_ino_t inode)
{
	struct fs_statfs space;
	int error = fs_statfs(daemon_of(request)->fs, &space);

	(void)inode;
	if (error) {
		reply_error(request, error);
		return;
	}
	struct statvfs status = {
	    .f_bsize = BLOCK_SIZE,
	    .f_frsize = BLOCK_SIZE,
	    .f_blocks = space.blocks,
	    .f_bfree = space.free_blocks,
	    .f_bavail = space.free_blocks,
	    .f_files = space.inodes + space.free_inodes,
	    .f_ffree = space.free_inodes,
	    .f_favail = space.free_inodes,
	    .f_namemax = FS_NAME_MAX,
	};
	fuse_reply_statfs(request, &status);
}

void ops_attr(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = ops_getattr;
	ops->setattr = ops_setattr;
	ops->statfs = ops_statfs;
}
