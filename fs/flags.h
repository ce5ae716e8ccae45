/*
 * chattr flags: what an immutable or append-only inode refuses, as ext4 does (chattr(1), ioctl_iflags(2)).
 * Each check gives 0 or -EPERM; the inodes concerned are loaded and locked.
 */
#ifndef MMFS_FLAGS_H
#define MMFS_FLAGS_H

#include "fs_i.h"

#include <errno.h>

#define FLAGS_GUARD (INODE_IMMUTABLE | INODE_APPEND)

/* Flags of what is made in a directory with these. */
static inline uint32_t flags_inherited(uint32_t parent_flags)
{
	return parent_flags & (INODE_NODUMP | INODE_NOATIME);
}

/* Making a name in the directory. */
static inline int flags_check_add(const struct inode *directory)
{
	return directory->flags & INODE_IMMUTABLE ? -EPERM : 0;
}

/* Another name for the inode, xattrs, or anything else that neither kind allows. */
static inline int flags_check_any(const struct inode *inode)
{
	return inode->flags & FLAGS_GUARD ? -EPERM : 0;
}

static inline int flags_check_xattr(const struct inode *inode)
{
	return flags_check_any(inode);
}

/* Taking the name of `inode` from the directory. */
static inline int flags_check_remove(const struct inode *directory, const struct inode *inode)
{
	return (directory->flags | inode->flags) & FLAGS_GUARD ? -EPERM : 0;
}

/* Contents; `appends`: only behind the end. */
static inline int flags_check_write(const struct inode *inode, bool appends)
{
	return inode->flags & (appends ? INODE_IMMUTABLE : FLAGS_GUARD) ? -EPERM : 0;
}

int flags_check_set(const struct inode *inode, const struct fs_set *set) MUST_CHECK;

#endif
