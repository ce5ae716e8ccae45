/*
 * File sizes. A file is cut by transactions of TRUNCATE_EXTENTS extents each; where one does not suffice the
 * first also puts an intent item, which the last removes, and recovery (truncate_finish_intents) goes on
 * where a crash stopped (R7). The item names the request: once it is there, the request is not to be run
 * again (R17), since others may have written to the file meanwhile. What lies behind the end in a file's last
 * block is not touched when the file is cut, but zeroed when it grows again (R13).
 */
#include "file_i.h"

#include <inttypes.h>
#include <string.h>

#define TRUNCATE_EXTENTS 16u /* in one transaction */

static struct key truncate_intent_key(uint64_t inode)
{
	return (struct key){.object = INTENT_OBJECT, .type = ITEM_INTENT, .offset = inode};
}

/* What is left of a truncate. */
struct truncate_rest {
	uint64_t first_block;
	struct request_identity request; /* that began it */
	bool is_own;			 /* it is the one at hand */
};

static int truncate_decode_intent(struct fs *fs, uint64_t inode, const void *bytes, size_t size,
				  struct truncate_rest *ret_rest)
{
	struct intent_disk disk = {.kind = le32_of(0)};
	if (size != sizeof(disk) && size != INTENT_BYTES_OLD)
		return image_damaged(fs->image, "intent of inode %" PRIu64 ": wrong item size", inode);
	memcpy(&disk, bytes, size);
	if (le32_get(disk.kind) != INTENT_TRUNCATE || le64_get(disk.first_block) > FILE_BLOCKS_MAX)
		return image_damaged(fs->image, "intent of inode %" PRIu64 ": bad contents", inode);
	*ret_rest = (struct truncate_rest){
	    .first_block = le64_get(disk.first_block),
	    .request = {.connection = le64_get(disk.connection), .unique = le64_get(disk.unique)},
	};
	return 0;
}

/* -ENOENT: none. */
static int truncate_find_intent(struct fs *fs, uint64_t inode, struct truncate_rest *ret_rest)
{
	uint8_t bytes[ITEM_MAX];
	size_t size;
	image_read_lock(fs->image);
	int result = tree_get(fs->image, TREE_FILES, truncate_intent_key(inode), bytes, sizeof(bytes), &size);
	image_read_unlock(fs->image);
	if (result)
		return result;
	return truncate_decode_intent(fs, inode, bytes, size, ret_rest);
}

static int truncate_put_intent(struct txn *txn, uint64_t inode, uint64_t first_block)
{
	struct request_identity request = image_request_identity();
	struct intent_disk disk = {.kind = le32_of(INTENT_TRUNCATE),
				   .first_block = le64_of(first_block),
				   .connection = le64_of(request.connection),
				   .unique = le64_of(request.unique)};
	return tree_put(txn, TREE_FILES, truncate_intent_key(inode), &disk, sizeof(disk));
}

/* Removes some extents and takes their blocks off the inode's count; stores the inode. */
static int truncate_step(struct txn *txn, struct fs *fs, struct inode *inode, uint64_t first_block,
			 bool *ret_done)
{
	uint64_t freed;
	int result = extent_remove(txn, fs, inode->number, first_block, FILE_BLOCKS_MAX, TRUNCATE_EXTENTS,
				   &freed, ret_done);
	if (result)
		return result;
	if (freed > inode->blocks)
		return image_damaged(fs->image, "inode %" PRIu64 ": owns more blocks than it counts",
				     inode->number);
	inode->blocks -= freed;
	return inode_store(txn, inode);
}

/* The next record of a truncate. The one that ends it is the last of its request. */
static int truncate_continue(struct fs *fs, uint64_t number, const struct truncate_rest *rest, bool *ret_done)
{
	struct txn *txn;
	struct inode inode;
	bool done = false;
	int result = txn_begin(fs->image, EXTENT_REMOVE_CHANGES(TRUNCATE_EXTENTS) + 2, TXN_RELEASES, &txn);
	if (result)
		return result;
	result = inode_load(fs, number, &inode);
	if (result == -ESTALE) { /* no such inode: nothing but the intent is to go */
		result = 0;
		done = true;
	} else if (!result) {
		result = truncate_step(txn, fs, &inode, rest->first_block, &done);
	}
	if (!result && done) {
		result = tree_delete(txn, TREE_FILES, truncate_intent_key(number));
		if (result == -ENOENT) /* an orphan's extents go without one */
			result = 0;
	}
	if (result) {
		txn_abort(txn);
		return result;
	}
	uint64_t lsn;
	txn_reply(txn, number, 0, done && (rest->is_own || rest->request.connection));
	if (!rest->is_own)
		txn_for_request(txn, rest->request);
	result = txn_commit(txn, &lsn);
	if (result)
		return result;
	dirty_note_lsn(fs->dirty, number, lsn);
	*ret_done = done;
	return 0;
}

static int truncate_finish(struct fs *fs, uint64_t inode, const struct truncate_rest *rest)
{
	bool done = false;
	int result = 0;
	while (!result && !done)
		result = atomic_load_explicit(&fs->stopping, memory_order_relaxed) || settle_is_over(fs)
			     ? -EINTR
			     : truncate_continue(fs, inode, rest, &done);
	return result;
}

static int truncate_reload_blocks(struct fs *fs, struct inode *inode)
{
	struct inode now;
	image_read_lock(fs->image);
	int result = inode_load(fs, inode->number, &now);
	image_read_unlock(fs->image);
	if (!result)
		inode->blocks = now.blocks;
	return result;
}

int truncate_before_growth(struct fs *fs, struct inode *inode, uint64_t up_to, struct byte_range *ret_zeroed)
{
	struct truncate_rest rest;
	uint64_t size = inode->size;
	*ret_zeroed = (struct byte_range){0};
	int result = truncate_find_intent(fs, inode->number, &rest);
	if (result == 0) {
		result = truncate_finish(fs, inode->number, &rest);
		if (!result)
			result = truncate_reload_blocks(fs, inode);
	}
	if (result && result != -ENOENT)
		return result;
	uint64_t end = smaller(up_to, blocks_up(size) << BLOCK_SHIFT);
	if (end <= size || MUTANT(R13_TAIL_NOT_ZEROED))
		return 0;
	return file_zero_in_block(fs, inode->number, size, end - size, ret_zeroed);
}

int truncate_grow(struct fs *fs, struct inode *inode, uint64_t size, uint64_t count)
{
	struct byte_range zeroed;
	struct txn *txn;
	int result = truncate_before_growth(fs, inode, size, &zeroed);
	if (!result)
		result = txn_begin(fs->image, 1, TXN_REPLACES, &txn);
	if (result)
		return result;
	struct inode changed = *inode;
	changed.size = size;
	if (zeroed.length > 0)
		result = data_stored(txn, zeroed.offset, zeroed.length);
	return file_commit(txn, fs, inode, &changed, &(struct file_reply){.count = count}, result);
}

/* The first record of a cut; *ret_done: it was the only one. */
static int truncate_cut(struct fs *fs, struct inode *inode, uint64_t size, bool *ret_done)
{
	uint64_t first_block = blocks_up(size), lsn;
	struct inode changed = *inode;
	struct txn *txn;
	bool done = false;
	changed.size = size;
	int result = txn_begin(fs->image, EXTENT_REMOVE_CHANGES(TRUNCATE_EXTENTS) + INLINE_CHANGES + 2,
			       TXN_RELEASES, &txn);
	if (result)
		return result;
	result = inline_cut(txn, fs, &changed, size);
	if (!result)
		result = truncate_step(txn, fs, &changed, first_block, &done);
	if (!result && !done && !MUTANT(R7_NO_INTENT))
		result = truncate_put_intent(txn, inode->number, first_block);
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_reply(txn, inode->number, 0, done);
	result = txn_commit(txn, &lsn);
	if (result)
		return result;
	dirty_note_lsn(fs->dirty, inode->number, lsn);
	*inode = changed;
	*ret_done = done;
	return 0;
}

int truncate_to(struct fs *fs, struct inode *inode, uint64_t size)
{
	if (size > FILE_SIZE_MAX)
		return -EFBIG;
	int result = file_check_regular(inode);
	if (result)
		return result;
	if (size > inode->size)
		return truncate_grow(fs, inode, size, 0);
	bool done;
	result = truncate_cut(fs, inode, size, &done);
	if (result || done)
		return result;
	/* The file has its new size by now: that this is not undone, the intent sees to. If the rest fails it
	 * is taken up again when the file grows, or by the next mount. */
	const struct truncate_rest rest = {.first_block = blocks_up(size), .is_own = true};
	result = truncate_finish(fs, inode->number, &rest);
	result = truncate_reload_blocks(fs, inode);
	(void)result;
	return 0;
}

static int truncate_finish_intent(struct fs *fs, uint64_t inode)
{
	struct truncate_rest rest;
	inode_lock(fs, inode);
	int result = truncate_find_intent(fs, inode, &rest);
	if (!result)
		result = truncate_finish(fs, inode, &rest);
	inode_unlock(fs, inode);
	return result == -ENOENT ? 0 : result;
}

static int truncate_note_intent(struct fs *fs, uint64_t inode)
{
	struct truncate_rest rest;
	int result = truncate_find_intent(fs, inode, &rest);
	return result ? result : image_answer_begun(fs->image, rest.request, inode);
}

/* For each inode that has an intent. One that is damaged must not keep the others; other errors end it. */
static int truncate_each_intent(struct fs *fs, int (*each)(struct fs *fs, uint64_t inode))
{
	struct key from = truncate_intent_key(0);
	int first_error = 0;
	for (;;) {
		struct key key;
		image_read_lock(fs->image);
		int result = tree_next(fs->image, TREE_FILES, from, &key, NULL, 0, NULL);
		image_read_unlock(fs->image);
		if (result == -ENOENT ||
		    (result == 0 && (key.object != INTENT_OBJECT || key.type != ITEM_INTENT)))
			return first_error;
		if (result)
			return result;
		result = each(fs, key.offset);
		if (result && !first_error)
			first_error = result;
		if ((result && result != -EUCLEAN) || key.offset == UINT64_MAX)
			return first_error;
		from = truncate_intent_key(key.offset + 1);
	}
}

int truncate_finish_intents(struct fs *fs)
{
	if (fs->options.read_only || image_read_only(fs->image))
		return 0;
	return truncate_each_intent(fs, truncate_finish_intent);
}

int truncate_note_intents(struct fs *fs)
{
	return truncate_each_intent(fs, truncate_note_intent);
}
