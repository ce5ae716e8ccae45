/* See flags.h. */
#include "flags.h"

#include <fcntl.h>

/* An append-only file's times may be set to now (both of them), and nothing else. */
static bool touches(const struct fs_set *set)
{
	const unsigned now = FS_SET_ATIME_NOW | FS_SET_MTIME_NOW;
	return (set->what & ~(unsigned)FS_KILL_SET_ID) == now;
}

int flags_check_set(const struct inode *inode, const struct fs_set *set)
{
	if (!(inode->flags & FLAGS_GUARD))
		return 0;
	if (inode->flags & INODE_IMMUTABLE)
		return -EPERM;
	return touches(set) || !(set->what & ~(unsigned)FS_KILL_SET_ID) ? 0 : -EPERM;
}

int fs_may_open(struct fs *fs, uint64_t number, int open_flags)
{
	struct fs_attr attr;
	int result = fs_getattr(fs, number, &attr);
	if (result)
		return result;
	bool writes = (open_flags & O_ACCMODE) != O_RDONLY, cuts = open_flags & O_TRUNC;
	if ((attr.flags & INODE_IMMUTABLE) && (writes || cuts))
		return -EPERM;
	if ((attr.flags & INODE_APPEND) && (cuts || (writes && !(open_flags & O_APPEND))))
		return -EPERM;
	return 0;
}

static int64_t guards(uint32_t flags)
{
	return flags & FLAGS_GUARD ? 1 : 0;
}

/* The inode is locked. */
static int set_locked(struct fs *fs, uint64_t number, uint32_t flags, bool may_guard)
{
	struct inode inode;
	struct txn *txn;
	int result = txn_begin(fs->image, 1, TXN_RELEASES, &txn);
	if (result)
		return result;
	result = inode_load(fs, number, &inode);
	uint32_t changed = result ? 0 : inode.flags ^ flags;
	if (!result && (changed & FLAGS_GUARD) && !may_guard)
		result = -EPERM;
	/* While it is immutable that is all that can be changed. */
	if (!result && (inode.flags & flags & INODE_IMMUTABLE) && changed)
		result = -EPERM;
	if (!result)
		result = txn_count_guarded(txn, guards(flags) - guards(inode.flags));
	if (!result) {
		inode.flags = flags;
		inode.ctime = inode_now();
		result = inode_store(txn, &inode);
	}
	if (!result)
		return txn_commit(txn, NULL);
	txn_abort(txn);
	return result;
}

int fs_set_flags(struct fs *fs, uint64_t number, uint32_t flags, bool may_guard)
{
	if (flags & ~INODE_FLAGS)
		return -EOPNOTSUPP;
	if (fs->options.read_only)
		return -EROFS;
	inode_lock(fs, number);
	int result = set_locked(fs, number, flags, may_guard);
	inode_unlock(fs, number);
	return result;
}
