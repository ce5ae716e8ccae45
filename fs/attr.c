/* Attributes. Reading them never writes them; what reading a file does to its atime is in file.c. */
#include "acl.h"
#include "flags.h"
#include "owner.h"

#include <errno.h>

int fs_getattr(struct fs *fs, uint64_t number, struct fs_attr *ret_attr)
{
	struct inode inode;
	inode_lock_shared(fs, number);
	image_read_lock(fs->image);
	int result = inode_load(fs, number, &inode);
	image_read_unlock(fs->image);
	inode_unlock(fs, number);
	if (!result)
		inode_attr(fs, &inode, ret_attr);
	return result;
}

static bool nanoseconds_valid(const struct timespec *time)
{
	return time->tv_nsec >= 0 && time->tv_nsec < 1000000000;
}

static int check_set(const struct fs_set *set)
{
	if ((set->what & FS_SET_ATIME) && !nanoseconds_valid(&set->atime))
		return -EINVAL;
	if ((set->what & FS_SET_MTIME) && !nanoseconds_valid(&set->mtime))
		return -EINVAL;
	if ((set->what & FS_SET_CTIME) && !nanoseconds_valid(&set->ctime))
		return -EINVAL;
	if ((set->what & FS_SET_SIZE) && set->size > FS_SIZE_MAX)
		return -EFBIG;
	return 0;
}

/* Does this change take set-id bits and security.capability away? Linux does so at every chown of what is not
 * a directory (notify_change, setattr_prepare). */
static bool kills_set_id(const struct fs_set *set, const struct inode *inode)
{
	return (set->what & (FS_KILL_SET_ID | FS_SET_UID | FS_SET_GID)) && !S_ISDIR(inode->mode);
}

static void kill_set_id(struct inode *inode)
{
	inode->mode &= ~(uint32_t)S_ISUID;
	/* Without group execution it means mandatory locking, not privilege. */
	if (inode->mode & S_IXGRP)
		inode->mode &= ~(uint32_t)S_ISGID;
}

static void apply(const struct fs_set *set, struct inode *inode)
{
	struct timespec now = inode_now();
	if (kills_set_id(set, inode))
		kill_set_id(inode);
	if (set->what & FS_SET_MODE) /* the kernel has decided what stays of it */
		inode->mode = (inode->mode & S_IFMT) | (set->mode & 07777);
	if (set->what & FS_SET_UID)
		inode->uid = set->uid;
	if (set->what & FS_SET_GID)
		inode->gid = set->gid;
	if (set->what & FS_SET_ATIME)
		inode->atime = set->atime;
	if (set->what & FS_SET_ATIME_NOW)
		inode->atime = now;
	if (set->what & (FS_SET_MTIME_NOW | FS_SET_SIZE))
		inode->mtime = now;
	if (set->what & FS_SET_MTIME)
		inode->mtime = set->mtime;
	inode->ctime = set->what & FS_SET_CTIME ? set->ctime : now;
}

static int plan_chmod(struct fs *fs, struct inode *inode, uint32_t mode, struct acl_update *ret_update)
{
	image_read_lock(fs->image);
	int result = acl_plan_chmod(fs, inode, mode, ret_update);
	image_read_unlock(fs->image);
	return result;
}

/* inode, and what xattr_drop_capability needs */
#define SETATTR_CHANGES 3u

/* Everything but the size, in one transaction. */
static int set_attributes(struct fs *fs, const struct fs_set *set, struct inode *inode, bool last)
{
	bool drops = kills_set_id(set, inode) && inode->xattrs;
	struct acl_update acl; /* large: not to be filled with zeros for nothing */
	struct txn *txn;
	acl.needed = false;
	int result = set->what & FS_SET_MODE ? plan_chmod(fs, inode, set->mode, &acl) : 0;
	if (!result)
		result = txn_begin(fs->image,
				   (drops ? SETATTR_CHANGES : 1) +
				       (acl.needed ? xattr_change_count(&acl.change) : 0),
				   acl.needed ? 0 : TXN_REPLACES, &txn);
	if (result)
		return result;
	if (acl.needed)
		result = xattr_make(txn, &acl.change);
	if (!result && drops)
		result = xattr_drop_capability(txn, fs, inode);
	if (!result) {
		apply(set, inode);
		result = inode_store(txn, inode);
	}
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_reply(txn, inode->number, 0, last);
	return txn_commit(txn, NULL);
}

static int set_with_size(struct fs *fs, const struct fs_set *set, struct inode *inode)
{
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode))
		return -EINVAL;
	if ((kills_set_id(set, inode) || (set->what & FS_SET_MODE)) && inode->xattrs) {
		/* Capability and permissions go first, by a record of their own. */
		int result = set_attributes(fs, set, inode, false);
		if (result)
			return result;
	} else {
		apply(set, inode);
	}
	return truncate_to(fs, inode, set->size);
}

static int change(struct fs *fs, const struct fs_set *set, struct inode *inode)
{
	int result = flags_check_set(inode, set);
	/* The kernel's time of the chattr itself, or of what was written before it. */
	if (result)
		return set->what & FS_SET_CACHED ? 0 : result;
	struct fs_set stored = {0};
	owner_restrict(fs, inode, set, &stored);
	if (stored.what & FS_SET_SIZE)
		return set_with_size(fs, &stored, inode);
	return stored.what ? set_attributes(fs, &stored, inode, !(stored.what & FS_SET_MORE)) : 0;
}

int fs_setattr(struct fs *fs, uint64_t number, const struct fs_set *set, struct fs_attr *ret_attr)
{
	int result = check_set(set);
	if (result)
		return result;
	if (set->what && fs->options.read_only)
		return -EROFS;
	struct inode inode;
	inode_lock(fs, number);
	image_read_lock(fs->image);
	result = inode_load(fs, number, &inode);
	image_read_unlock(fs->image);
	if (!result)
		result = change(fs, set, &inode);
	inode_unlock(fs, number);
	if (!result)
		inode_attr(fs, &inode, ret_attr);
	return result;
}
