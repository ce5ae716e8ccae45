/* Finding, making and removing names. Everything that belongs to one operation is in one transaction. */
#include "acl.h"
#include "flags.h"
#include "namespace_i.h"
#include "owner.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* ---- finding ---- */

static bool is_dot(struct fs_name name)
{
	return name.length == 1 && name.bytes[0] == '.';
}

static bool is_dot_dot(struct fs_name name)
{
	return name.length == 2 && name.bytes[0] == '.' && name.bytes[1] == '.';
}

int namespace_load_directory(struct fs *fs, uint64_t number, struct inode *ret_inode)
{
	struct inode inode;
	int result = inode_load(fs, number, &inode);
	if (result)
		return result;
	if (!S_ISDIR(inode.mode))
		return -ENOTDIR;
	*ret_inode = inode;
	return 0;
}

int namespace_peek(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t *ret_inode,
		   uint8_t *ret_type)
{
	struct inode directory;
	image_read_lock(fs->image);
	int result = namespace_load_directory(fs, parent, &directory);
	if (!result)
		result = dirent_find(fs, parent, name, ret_inode, ret_type);
	image_read_unlock(fs->image);
	return result;
}

int namespace_load_target(struct fs *fs, uint64_t number, struct inode *ret_inode)
{
	int result = inode_load(fs, number, ret_inode);
	if (result == -ESTALE)
		return image_damaged(fs->image, "inode %llu has a name but is not there",
				     (unsigned long long)number);
	if (!result && !ret_inode->nlink)
		return image_damaged(fs->image, "inode %llu has a name and no links",
				     (unsigned long long)number);
	return result;
}

/* The tree is locked. */
static int lookup_locked(struct fs *fs, uint64_t parent, struct fs_name name, struct inode *ret_inode)
{
	struct inode directory;
	int result = namespace_load_directory(fs, parent, &directory);
	if (result)
		return result;
	if (is_dot(name)) {
		*ret_inode = directory;
		return directory.nlink ? 0 : -ENOENT;
	}
	if (is_dot_dot(name)) {
		/* The parent of a removed directory may be gone too. */
		return directory.nlink ? inode_load(fs, directory.parent, ret_inode) : -ENOENT;
	}
	uint64_t number;
	result = dirent_find(fs, parent, name, &number, NULL);
	if (!result)
		result = namespace_load_target(fs, number, ret_inode);
	return result;
}

int fs_lookup(struct fs *fs, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	int result = dirent_name_check(name);
	if (result)
		return result;
	struct inode inode;
	inode_lock_shared(fs, parent);
	image_read_lock(fs->image);
	result = lookup_locked(fs, parent, name, &inode);
	image_read_unlock(fs->image);
	if (!result)
		result = lookups_add(fs->lookups, inode.number);
	inode_unlock(fs, parent);
	if (!result)
		inode_attr(fs, &inode, ret_attr);
	return result;
}

void fs_forget(struct fs *fs, uint64_t inode, uint64_t count)
{
	if (lookups_sub(fs->lookups, inode, count))
		collect_forgotten(fs, inode);
}

/* ---- making ---- */

int namespace_check_new(struct fs *fs, struct fs_name name)
{
	if (fs->options.read_only)
		return -EROFS;
	if (is_dot(name) || is_dot_dot(name))
		return -EEXIST;
	return dirent_name_check(name);
}

int namespace_link_entry(struct txn *txn, struct fs *fs, struct inode *parent, struct fs_name name,
			 const struct inode *inode, struct timespec now)
{
	if (!parent->nlink)
		return -ENOENT; /* removed, still open somewhere */
	if (flags_check_add(parent))
		return -EPERM;
	if (S_ISDIR(inode->mode)) {
		if (parent->nlink == UINT32_MAX)
			return -EMLINK;
		parent->nlink++;
	}
	int result = dirent_add(txn, fs, parent->number, name, inode->number, IFTODT(inode->mode));
	if (result)
		return result;
	parent->size++;
	parent->mtime = parent->ctime = now;
	return inode_store(txn, parent);
}

static void inherit(const struct fs *fs, const struct fs_caller *caller, const struct inode *parent,
		    struct inode *inode)
{
	owner_of_new(fs, caller, parent, inode);
	if (parent->mode & S_ISGID) {
		inode->gid = parent->gid;
		if (S_ISDIR(inode->mode))
			inode->mode |= S_ISGID;
		/* Who is not in that group must not make a program that runs with it (inode_init_owner of
		 * Linux; before 6.0 it is the filesystem that has to see to it). Without group execution the
		 * bit is no privilege. */
		else if ((inode->mode & S_IXGRP) && !caller->may_keep_setgid)
			inode->mode &= ~(uint32_t)S_ISGID;
	}
	inode->flags = flags_inherited(parent->flags);
}

static int put_target(struct txn *txn, uint64_t number, const char *target, size_t length)
{
	int result = 0;
	struct key key = {.object = number, .type = ITEM_SYMLINK};
	for (size_t at = 0; at < length && !result; at += SYMLINK_PIECE, key.offset++) {
		size_t piece = length - at < SYMLINK_PIECE ? length - at : SYMLINK_PIECE;
		result = tree_put(txn, TREE_FILES, key, target + at, piece);
	}
	return result;
}

int namespace_new_inode(struct txn *txn, struct fs *fs, const struct fs_caller *caller,
			const struct inode *parent, struct inode *inode)
{
	int result = txn_new_inode(txn, &inode->number);
	if (result)
		return result;
	inode->atime = inode->mtime = inode->ctime = inode->btime = inode_now();
	inode->generation = inode_generation(fs, inode->number);
	inode->nlink = S_ISDIR(inode->mode) ? 2 : 1;
	inode->parent = S_ISDIR(inode->mode) ? parent->number : 0;
	inherit(fs, caller, parent, inode);
	return txn_count_inodes(txn, 1);
}

/* In the transaction: makes `inode`, whose type, device and size are given, below `parent_number`; or,
 * without a name, an orphan that has from there what it inherits. */
static int make_locked(struct txn *txn, struct fs *fs, const struct fs_caller *caller, uint64_t parent_number,
		       const struct fs_name *name, const char *target, const struct acl_inherited *acl,
		       struct inode *inode)
{
	struct inode parent;
	int result = namespace_load_directory(fs, parent_number, &parent);
	if (!result)
		result = namespace_new_inode(txn, fs, caller, &parent, inode);
	if (result)
		return result;
	if (name) {
		result = namespace_link_entry(txn, fs, &parent, *name, inode, inode->ctime);
	} else {
		inode->nlink = 0;
		result = orphan_add(txn, inode->number);
	}
	if (!result)
		result = acl_inherit(txn, fs, inode, acl);
	if (!result)
		result = inode_store(txn, inode);
	if (!result && target)
		result = put_target(txn, inode->number, target, inode->size);
	return result;
}

/* entry, parent, inode, up to three pieces of a symlink's target */
#define MAKE_CHANGES 6u

/* name NULL: it gets none */
static int make(struct fs *fs, const struct fs_caller *caller, uint64_t parent, const struct fs_name *name,
		const char *target, struct inode *inode, struct fs_attr *ret_attr)
{
	struct acl_inherited acl;
	struct txn *txn;
	int result;
	inode_lock(fs, parent);
	result = acl_plan_inheritance(fs, caller, parent, inode, &acl);
	if (!result)
		result = txn_begin(fs->image, (target ? MAKE_CHANGES : 3) + acl.changes, 0, &txn);
	if (result)
		goto unlock;
	result = make_locked(txn, fs, caller, parent, name, target, &acl, inode);
	if (!result)
		result = lookups_add(fs->lookups, inode->number);
	if (result) {
		txn_abort(txn);
		goto unlock;
	}
	txn_reply(txn, inode->number, 0, true);
	result = txn_commit(txn, NULL);
	if (result)
		lookups_sub(fs->lookups, inode->number, 1);
	else
		inode_attr(fs, inode, ret_attr);
unlock:
	inode_unlock(fs, parent);
	return result;
}

static int make_named(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
		      const char *target, struct inode *inode, struct fs_attr *ret_attr)
{
	int result = namespace_check_new(fs, name);
	return result ? result : make(fs, caller, parent, &name, target, inode, ret_attr);
}

int fs_make(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
	    uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, struct fs_attr *ret_attr)
{
	struct inode inode = {.mode = mode & (S_IFMT | 07777)};
	switch (mode & S_IFMT) {
	case 0:
		inode.mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		inode.rdev_major = rdev_major;
		inode.rdev_minor = rdev_minor;
		break;
	default:
		return -EINVAL;
	}
	return make_named(fs, caller, parent, name, NULL, &inode, ret_attr);
}

int fs_tmpfile(struct fs *fs, const struct fs_caller *caller, uint64_t directory, uint32_t mode,
	       struct fs_attr *ret_attr)
{
	if (fs->options.read_only)
		return -EROFS;
	struct inode inode = {.mode = S_IFREG | (mode & 07777)};
	orphan_count_more(fs);
	int result = make(fs, caller, directory, NULL, NULL, &inode, ret_attr);
	if (result)
		orphan_count_less(fs);
	return result;
}

int fs_symlink(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
	       const char *target, struct fs_attr *ret_attr)
{
	size_t length = strlen(target);
	if (!length)
		return -ENOENT;
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	struct inode inode = {.mode = S_IFLNK | 0777, .size = length};
	return make_named(fs, caller, parent, name, target, &inode, ret_attr);
}

/* The tree is locked. */
static int read_target(struct fs *fs, uint64_t number, char *target, size_t *ret_length)
{
	struct inode inode;
	int result = inode_load(fs, number, &inode);
	if (result)
		return result;
	if (!S_ISLNK(inode.mode))
		return -EINVAL;
	struct key key = {.object = number, .type = ITEM_SYMLINK};
	for (size_t at = 0; at < inode.size; at += SYMLINK_PIECE, key.offset++) {
		size_t piece = inode.size - at < SYMLINK_PIECE ? inode.size - at : SYMLINK_PIECE, size;
		result = tree_get(fs->image, TREE_FILES, key, target + at, piece, &size);
		if (result == -ENOENT || result == -ERANGE || (!result && size != piece))
			return image_damaged(fs->image, "symlink %llu: target", (unsigned long long)number);
		if (result)
			return result;
	}
	if (memchr(target, '\0', inode.size))
		return image_damaged(fs->image, "symlink %llu: zero in target", (unsigned long long)number);
	*ret_length = inode.size;
	return 0;
}

int fs_readlink(struct fs *fs, uint64_t inode, char *ret_target, size_t room, size_t *ret_length)
{
	char target[PATH_MAX];
	size_t length = 0;
	inode_lock_shared(fs, inode);
	image_read_lock(fs->image);
	int result = read_target(fs, inode, target, &length);
	image_read_unlock(fs->image);
	inode_unlock(fs, inode);
	if (result)
		return result;
	if (length > room)
		length = room; /* as readlink(2) */
	memcpy(ret_target, target, length);
	*ret_length = length;
	return 0;
}

static int link_locked(struct txn *txn, struct fs *fs, uint64_t number, uint64_t parent_number,
		       struct fs_name name, struct inode *inode)
{
	struct inode parent;
	int result = inode_load(fs, number, inode);
	if (result)
		return result;
	if (S_ISDIR(inode->mode))
		return -EPERM;
	if (flags_check_any(inode))
		return -EPERM;
	result = namespace_load_directory(fs, parent_number, &parent);
	if (result)
		return result;
	if (!inode->nlink) {
		result = orphan_remove(txn, fs, number);
		if (result)
			return result;
	}
	if (inode->nlink >= FS_LINK_MAX) {
		uint64_t other;
		result = dirent_find(fs, parent_number, name, &other, NULL);
		return result == -ENOENT ? -EMLINK : result ? result : -EEXIST;
	}
	inode->nlink++;
	inode->ctime = inode_now();
	result = namespace_link_entry(txn, fs, &parent, name, inode, inode->ctime);
	return result ? result : inode_store(txn, inode);
}

/* entry, parent, inode, list of orphans */
#define LINK_CHANGES 4u

int fs_link(struct fs *fs, uint64_t number, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	int result = namespace_check_new(fs, name);
	if (result)
		return result;
	const uint64_t locked[] = {number, parent};
	struct inode inode;
	struct txn *txn;
	inode_lock_several(fs, locked, 2);
	result = txn_begin(fs->image, LINK_CHANGES, 0, &txn);
	if (result)
		goto unlock;
	result = link_locked(txn, fs, number, parent, name, &inode);
	if (!result)
		result = lookups_add(fs->lookups, number);
	if (result) {
		txn_abort(txn);
		goto unlock;
	}
	txn_reply(txn, number, 0, true);
	result = txn_commit(txn, NULL);
	if (result) {
		lookups_sub(fs->lookups, number, 1);
		goto unlock;
	}
	inode_attr(fs, &inode, ret_attr);
	if (inode.nlink == 1) /* it had no name before */
		orphan_count_less(fs);
unlock:
	inode_unlock_several(fs, locked, 2);
	return result;
}

/* ---- removing ---- */

int namespace_check_removal(struct fs *fs, const struct inode *inode, bool want_directory)
{
	if (!S_ISDIR(inode->mode))
		return want_directory ? -ENOTDIR : 0;
	if (!want_directory)
		return -EISDIR;
	int any = dirent_any(fs, inode->number);
	return any > 0 ? -ENOTEMPTY : any;
}

int namespace_entry_gone(struct fs *fs, struct inode *parent, bool directory)
{
	if (!parent->size || (directory && parent->nlink < 3))
		return image_damaged(fs->image, "directory %llu: counts of entries or links",
				     (unsigned long long)parent->number);
	parent->size--;
	if (directory)
		parent->nlink--;
	return 0;
}

int namespace_drop_link(struct txn *txn, struct fs *fs, struct inode *inode, struct timespec now,
			bool may_delete, enum orphan_next *ret_next)
{
	inode->ctime = now;
	inode->nlink = S_ISDIR(inode->mode) ? 0 : inode->nlink - 1;
	if (inode->nlink)
		return inode_store(txn, inode);
	bool gone = false;
	int result = orphan_unlinked(txn, fs, inode, may_delete, &gone);
	if (!result)
		*ret_next = gone ? ORPHAN_FORGET : ORPHAN_COLLECT;
	return result;
}

/* In the transaction, parent and `expected` are locked. -EAGAIN: the name means another inode by now. */
static int remove_locked(struct txn *txn, struct fs *fs, uint64_t parent_number, struct fs_name name,
			 uint64_t expected, bool want_directory, bool may_delete, enum orphan_next *ret_next)
{
	struct inode parent, inode;
	uint64_t number;
	int result = namespace_load_directory(fs, parent_number, &parent);
	if (!result)
		result = dirent_find(fs, parent_number, name, &number, NULL);
	if (result)
		return result;
	if (number != expected)
		return -EAGAIN;
	if (number == parent_number || number == ROOT_INODE)
		return image_damaged(fs->image, "directory %llu contains itself or the root",
				     (unsigned long long)parent_number);
	result = namespace_load_target(fs, number, &inode);
	if (!result)
		result = flags_check_remove(&parent, &inode);
	if (!result)
		result = namespace_check_removal(fs, &inode, want_directory);
	if (!result)
		result = namespace_entry_gone(fs, &parent, S_ISDIR(inode.mode));
	if (!result)
		result = dirent_remove(txn, fs, parent_number, name);
	if (result)
		return result;
	parent.mtime = parent.ctime = inode_now();
	result = inode_store(txn, &parent);
	if (!result)
		result = namespace_drop_link(txn, fs, &inode, parent.ctime, may_delete, ret_next);
	return result;
}

/* entry, parent; the inode with what orphan_unlinked needs */
#define REMOVE_CHANGES (3u + ORPHAN_UNLINKED_CHANGES)

/* One try with the inode that the name meant a moment ago. */
static int remove_once(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t expected,
		       bool want_directory)
{
	const uint64_t locked[] = {parent, expected};
	enum orphan_next next = ORPHAN_NOTHING;
	struct txn *txn;
	inode_lock_several(fs, locked, 2);
	/* A known one is just listed as an orphan, which takes few changes. */
	bool may_delete = !lookups_known(fs->lookups, expected);
	int result = txn_begin(fs->image, may_delete ? REMOVE_CHANGES : 4, TXN_RELEASES, &txn);
	if (!result) {
		result = remove_locked(txn, fs, parent, name, expected, want_directory, may_delete, &next);
		if (result)
			txn_abort(txn);
		else
			result = txn_commit(txn, NULL);
	}
	inode_unlock_several(fs, locked, 2);
	if (!result)
		orphan_settle(fs, expected, next);
	return result;
}

static int remove_name(struct fs *fs, uint64_t parent, struct fs_name name, bool want_directory)
{
	if (fs->options.read_only)
		return -EROFS;
	int result = dirent_name_check(name);
	while (!result) {
		uint64_t number;
		result = namespace_peek(fs, parent, name, &number, NULL);
		if (result)
			break;
		result = remove_once(fs, parent, name, number, want_directory);
		if (result != -EAGAIN)
			break;
		result = 0; /* somebody else got on meanwhile: look again */
	}
	return result;
}

int fs_unlink(struct fs *fs, uint64_t parent, struct fs_name name)
{
	if (is_dot(name) || is_dot_dot(name))
		return -EISDIR;
	return remove_name(fs, parent, name, false);
}

int fs_rmdir(struct fs *fs, uint64_t parent, struct fs_name name)
{
	if (is_dot(name))
		return -EINVAL;
	if (is_dot_dot(name))
		return -ENOTEMPTY;
	return remove_name(fs, parent, name, true);
}
