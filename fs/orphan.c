/*
 * Inodes without names. The transaction that takes the last name, or makes an inode without one (O_TMPFILE),
 * lists the inode as an orphan; one that gives it a name takes it off the list. It is deleted once nobody
 * knows it any more: at once, by fs_forget, by fs_close, or at the next mount. A small one that
 * nobody knows is deleted by that very transaction and never listed.
 */
#include "flags.h"

#include <errno.h>

/* Extents freed in one transaction, and in one that takes the name as well. */
#define DELETE_EXTENTS 16u
#define SMALL_EXTENTS  8u
#define BLOCKS_END     (UINT64_C(1) << 44) /* behind every logical block */

#define EXTENT_CHANGES(extents) (2u + 2u * (extents))
#define SYMLINK_PIECES		3u		      /* of the longest target */
#define ERASE_CHANGES		(SYMLINK_PIECES + 3u) /* orphan_erase: pieces, intent, inode, list */

/* Of one among many: they share leaves, so that there is room for one that takes more. */
#define SMALL_CHANGES 4u

static_assert(EXTENT_CHANGES(SMALL_EXTENTS) + ERASE_CHANGES <= ORPHAN_UNLINKED_CHANGES, "changes");
static_assert(SYMLINK_PIECES * SYMLINK_PIECE >= 4095, "the longest target");

static struct key orphan_key(uint64_t inode)
{
	return (struct key){.object = ORPHAN_OBJECT, .type = ITEM_ORPHAN, .offset = inode};
}

int orphan_add(struct txn *txn, uint64_t inode)
{
	return tree_put(txn, TREE_FILES, orphan_key(inode), NULL, 0);
}

int orphan_remove(struct txn *txn, struct fs *fs, uint64_t inode)
{
	int result = tree_delete(txn, TREE_FILES, orphan_key(inode));
	if (result == -ENOENT)
		return image_damaged(fs->image, "inode %llu: has no links, but is not listed as an orphan",
				     (unsigned long long)inode);
	return result;
}

void orphan_count_more(struct fs *fs)
{
	atomic_fetch_add(&fs->orphans, 1);
}

void orphan_count_less(struct fs *fs)
{
	atomic_fetch_sub(&fs->orphans, 1);
}

static int delete_if_there(struct txn *txn, struct key key)
{
	int result = tree_delete(txn, TREE_FILES, key);
	return result == -ENOENT ? 0 : result;
}

/* Deletes what is left of an inode that has neither extents nor xattrs any more. */
static int orphan_erase(struct txn *txn, const struct inode *inode)
{
	int result = 0;
	if (S_ISLNK(inode->mode)) {
		struct key key = {.object = inode->number, .type = ITEM_SYMLINK};
		for (; key.offset * SYMLINK_PIECE < inode->size && !result; key.offset++)
			result = delete_if_there(txn, key);
	} else if (S_ISREG(inode->mode)) {
		/* A truncate may have failed half-way. */
		struct key key = {.object = INTENT_OBJECT, .type = ITEM_INTENT, .offset = inode->number};
		result = delete_if_there(txn, key);
		if (!result)
			result = inline_erase(txn, inode);
	}
	if (!result)
		result = delete_if_there(txn, orphan_key(inode->number));
	if (!result)
		result = inode_erase(txn, inode->number);
	if (!result)
		result = txn_count_inodes(txn, -1);
	if (!result && flags_check_any(inode)) /* made so after its last name had gone */
		result = txn_count_guarded(txn, -1);
	return result;
}

/* Frees up to `limit` extents; then, if nothing else is left, erases the inode (*ret_gone), else stores it.
 */
static int orphan_shrink(struct txn *txn, struct fs *fs, struct inode *inode, unsigned limit, bool *ret_gone)
{
	bool no_extents = true;
	if (S_ISREG(inode->mode)) {
		uint64_t freed = 0;
		int result = extent_remove(txn, fs, inode->number, 0, BLOCKS_END, limit, &freed, &no_extents);
		if (result)
			return result;
		if (!no_extents && !freed)
			return image_damaged(fs->image, "inode %llu: extents without blocks",
					     (unsigned long long)inode->number);
		inode->blocks -= freed < inode->blocks ? freed : inode->blocks;
	}
	*ret_gone = no_extents && !inode->xattrs;
	return *ret_gone ? orphan_erase(txn, inode) : inode_store(txn, inode);
}

int orphan_unlinked(struct txn *txn, struct fs *fs, struct inode *inode, bool may_delete, bool *ret_gone)
{
	/* Counted before asking who knows it: fs_forget takes the last lookup off, then looks at the number.
	 * So either it sees this orphan, or the inode is seen to be unknown here or in orphan_collect. */
	orphan_count_more(fs);
	bool gone = false;
	int result;
	if (!may_delete || lookups_known(fs->lookups, inode->number))
		result = inode_store(txn, inode);
	else
		result = orphan_shrink(txn, fs, inode, SMALL_EXTENTS, &gone);
	if (!result && !gone)
		result = orphan_add(txn, inode->number);
	if (result || gone)
		orphan_count_less(fs);
	if (!result)
		*ret_gone = gone;
	return result;
}

/* One transaction's worth of orphan_delete. */
static int delete_step(struct fs *fs, uint64_t number, bool *ret_gone, bool *ret_xattrs)
{
	struct txn *txn;
	int result = txn_begin(fs->image, EXTENT_CHANGES(DELETE_EXTENTS) + ERASE_CHANGES, TXN_RELEASES, &txn);
	if (result)
		return result;
	struct inode inode;
	bool gone = false, xattrs = false;
	result = inode_load(fs, number, &inode);
	if (result == -ESTALE) { /* listed, but not there: nothing but the listing is to be deleted */
		result = delete_if_there(txn, orphan_key(number));
		gone = true;
	} else if (!result && inode.nlink) {
		result = image_damaged(fs->image, "orphan %llu has names", (unsigned long long)number);
	} else if (!result) {
		result = orphan_shrink(txn, fs, &inode, DELETE_EXTENTS, &gone);
		xattrs = inode.xattrs != 0;
	}
	if (result) {
		txn_abort(txn);
		return result;
	}
	/* No request has asked for this. */
	txn_reply(txn, 0, 0, false);
	result = txn_commit(txn, NULL);
	if (!result) {
		*ret_gone = gone;
		*ret_xattrs = xattrs;
	}
	return result;
}

int orphan_delete(struct fs *fs, uint64_t inode)
{
	bool gone = false;
	while (!gone) {
		bool xattrs = false;
		int result = settle_is_over(fs) ? -EINTR : delete_step(fs, inode, &gone, &xattrs);
		if (!result && xattrs)
			result = xattr_delete_all(fs, inode);
		if (result)
			return result;
	}
	dirty_forget(fs->dirty, inode);
	orphan_count_less(fs);
	return 0;
}

int orphan_delete_small(struct fs *fs, const uint64_t *inodes, unsigned count)
{
	struct txn *txn;
	int result = txn_begin(fs->image, count * SMALL_CHANGES, TXN_RELEASES, &txn);
	if (result)
		return result;
	for (unsigned i = 0; i < count && !result; i++) {
		struct inode inode;
		bool gone = true;
		if (inodes[i])
			result = inode_load(fs, inodes[i], &inode);
		if (!result && inodes[i])
			result = orphan_shrink(txn, fs, &inode, SMALL_EXTENTS, &gone);
		if (!result && !gone)
			result = -EFBIG;
	}
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_for_request(txn, (struct request_identity){0});
	result = txn_commit(txn, NULL);
	for (unsigned i = 0; i < count && !result; i++) {
		if (!inodes[i])
			continue;
		dirty_forget(fs->dirty, inodes[i]);
		orphan_count_less(fs);
	}
	return result;
}

void orphan_collect(struct fs *fs, uint64_t number)
{
	if (fs->options.read_only || !atomic_load(&fs->orphans) || lookups_known(fs->lookups, number))
		return;
	inode_lock(fs, number);
	struct inode inode;
	image_read_lock(fs->image);
	int result = inode_load(fs, number, &inode);
	image_read_unlock(fs->image);
	if (!result && inode.nlink == 0 && !lookups_known(fs->lookups, number))
		result = orphan_delete(fs, number);
	(void)result; /* what could not be deleted now stays listed: fs_close and the next mount try again */
	inode_unlock(fs, number);
}

/* The one that the request at hand has left: an operation takes at most one last name. */
static _Thread_local uint64_t later;

void fs_finish(struct fs *fs)
{
	if (later)
		orphan_collect(fs, later);
	later = 0;
}

void orphan_settle(struct fs *fs, uint64_t inode, enum orphan_next next)
{
	if (next == ORPHAN_FORGET)
		dirty_forget(fs->dirty, inode);
	if (next != ORPHAN_COLLECT)
		return;
	fs_finish(fs);
	later = inode;
	if (!fs->options.deletes_later)
		fs_finish(fs);
}

/* The first one listed from `from` on. -ENOENT. */
static int orphan_listed(struct fs *fs, uint64_t from, uint64_t *ret_number)
{
	struct key key;
	image_read_lock(fs->image);
	int result = tree_next(fs->image, TREE_FILES, orphan_key(from), &key, NULL, 0, NULL);
	image_read_unlock(fs->image);
	if (!result && (key.object != ORPHAN_OBJECT || key.type != ITEM_ORPHAN))
		result = -ENOENT;
	if (!result)
		*ret_number = key.offset;
	return result;
}

int orphan_clear_all(struct fs *fs)
{
	int first_error = 0;
	uint64_t left = 0, number = 0;
	for (uint64_t from = 0;; from = number + 1) {
		int result = orphan_listed(fs, from, &number);
		if (result == -ENOENT)
			break;
		if (result)
			return result;
		inode_lock(fs, number);
		orphan_count_more(fs); /* which orphan_delete takes off */
		result = orphan_delete(fs, number);
		if (result)
			orphan_count_less(fs);
		inode_unlock(fs, number);
		/* One that is damaged must not keep the others. */
		if (result && !first_error)
			first_error = result;
		if (result && result != -EUCLEAN)
			break;
		left += result != 0;
		if (number == UINT64_MAX)
			break;
	}
	atomic_store(&fs->orphans, left);
	return first_error;
}

int orphan_count_all(struct fs *fs)
{
	uint64_t count = 0, number = 0;
	int result = 0;
	for (uint64_t from = 0; !result; from = number + 1) {
		result = orphan_listed(fs, from, &number);
		count += !result;
		if (number == UINT64_MAX)
			break;
	}
	atomic_store(&fs->orphans, count);
	return result == -ENOENT ? 0 : result;
}

int orphan_clear_unknown(struct fs *fs)
{
	uint64_t number = 0;
	int result = 0;
	for (uint64_t from = 0; !result; from = number + 1) {
		result = settle_is_over(fs) ? -EINTR : orphan_listed(fs, from, &number);
		if (!result)
			orphan_collect(fs, number);
		if (number == UINT64_MAX)
			break;
	}
	return result == -ENOENT ? 0 : result;
}
