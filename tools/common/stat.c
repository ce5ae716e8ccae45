/* See stat.h. */
#include "stat.h"

#include <sys/sysmacros.h>

struct stat stat_of_attr(const struct fs_attr *attr)
{
	return (struct stat){
	    .st_ino = attr->inode,
	    .st_mode = attr->mode,
	    .st_nlink = attr->nlink,
	    .st_uid = attr->uid,
	    .st_gid = attr->gid,
	    .st_rdev = makedev(attr->rdev_major, attr->rdev_minor),
	    .st_size = (off_t)attr->size,
	    .st_blksize = BLOCK_SIZE,
	    .st_blocks = (blkcnt_t)attr->blocks512,
	    .st_atim = attr->atime,
	    .st_mtim = attr->mtime,
	    .st_ctim = attr->ctime,
	};
}
