/*
 * Transactions: blocks are changed in the overlay, with a copy from before kept for each (R3). Commit
 * compares the two and appends one redo record; abort puts the copies back. There is one transaction at a
 * time: it holds the tree lock exclusively from txn_begin to txn_commit or txn_abort.
 */
#include "image_i.h"
#include "point.h"
#include "record_build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void txn_reply(struct txn *txn, uint64_t inode, uint64_t count, bool last)
{
	txn->reply_inode = inode;
	txn->reply_count = count;
	txn->not_last = !last;
}

void txn_for_request(struct txn *txn, struct request_identity request)
{
	txn->for_other = true;
	txn->request = request;
}

/* ---- buffers ---- */

static uint8_t *txn_take_buffer(struct txn *txn)
{
	void *buffer = txn->spare;

	if (!buffer)
		return malloc(BLOCK_SIZE);
	memcpy(&txn->spare, buffer, sizeof(txn->spare));
	return buffer;
}

static void txn_give_buffer(struct txn *txn, uint8_t *buffer)
{
	if (!buffer)
		return;
	memcpy(buffer, &txn->spare, sizeof(txn->spare));
	txn->spare = buffer;
}

void txn_cleanup(struct image *image)
{
	struct txn *txn = &image->txn;

	while (txn->spare)
		free(txn_take_buffer(txn));
	free(txn->record);
	txn->record = NULL;
	txn->record_room = 0;
}

static int txn_record_buffer(struct txn *txn)
{
	size_t most = sizeof(struct record_disk) + TXN_MAX_BLOCKS * RECORD_BLOCK_ROOM;
	size_t limit = RING_RECORD_MAX(&txn->image->ring) & ~(uint64_t)7;

	if (txn->record)
		return 0;
	txn->record_room = most < limit ? most : limit;
	txn->record = malloc(txn->record_room);
	return txn->record ? 0 : -ENOMEM;
}

/* ---- begin ---- */

static int txn_refused(const struct image *image)
{
	if (image->read_only)
		return -EROFS;
	return image_failure(image) ? -EIO : 0;
}

/* Keeps the overlay bounded: asks for a checkpoint at half of the bound, and waits for one at the bound. What
 * has begun meanwhile may pass it, by the blocks of one transaction for each thread. */
static int txn_wait_for_overlay(struct image *image)
{
	uint64_t bytes = atomic_load_explicit(&image->overlay.count, memory_order_relaxed) *
			 (uint64_t)sizeof(struct overlay_block);

	if (bytes <= image->overlay_max / 2)
		return 0;
	if (bytes > image->overlay_max)
		return image_checkpoint(image);
	syncer_want_checkpoint(image);
	return 0;
}

/* Nodes from root to leaf of the highest tree, for the next transactions' reservations. */
static int txn_note_height(struct image *image)
{
	const struct roots_disk *roots;
	unsigned height = 1;
	int result = block_read(image, image->roots_block, MAGIC_ROOTS, (const void **)&roots);

	if (result < 0)
		return result;
	for (unsigned i = 0; i < TREE_COUNT; i++)
		if (le32_get(roots->roots[i].level) + 1 > height)
			height = le32_get(roots->roots[i].level) + 1;
	atomic_store_explicit(&image->txn.height, height, memory_order_relaxed);
	return 0;
}

static void txn_reset(struct txn *txn, struct image *image)
{
	txn->image = image;
	txn->open = true;
	txn->spares = false;
	txn->block_count = txn->taken_count = txn->freed_count = txn->stored_count = 0;
	txn->reply_inode = txn->reply_count = 0;
	txn->not_last = txn->for_other = false;
	txn->meta_promised = 0;
	txn->below = 0;
}

/* Reserves ring room for records of that many blocks, then takes the tree lock. */
static int txn_start(struct image *image, unsigned blocks, struct txn **ret_txn)
{
	struct txn *txn = &image->txn;
	uint64_t bytes = sizeof(struct record_disk) + (uint64_t)blocks * RECORD_BLOCK_ROOM;
	uint64_t most = RING_RECORD_MAX(&image->ring) & ~(uint64_t)7;
	int result;

	if (bytes > most)
		bytes = most;
	result = journal_reserve(image, bytes);
	if (result < 0)
		return result;
	pthread_rwlock_wrlock(&image->tree_lock);
	result = txn_refused(image);
	txn_reset(txn, image);
	if (result == 0)
		result = txn_record_buffer(txn);
	if (result == 0)
		result = alloc_reserve_quarantine(image, TXN_MAX_FREES);
	if (result == 0)
		result = txn_note_height(image);
	if (result < 0) {
		txn->open = false;
		pthread_rwlock_unlock(&image->tree_lock);
		journal_unreserve(image, bytes);
		return result;
	}
	txn->ring_reserved = bytes;
	*ret_txn = txn;
	return 0;
}

int txn_begin_bare(struct image *image, unsigned blocks, struct txn **ret_txn)
{
	int result = txn_refused(image);

	if (result == 0)
		result = txn_start(image, blocks, ret_txn);
	/* What it makes room for is yet to come. */
	if (result == 0)
		(*ret_txn)->not_last = true;
	return result;
}

/* Nothing is promised to it: others may have taken what it found before it has the lock. */
static int txn_begin_release(struct image *image, unsigned blocks, unsigned flags, struct txn **ret_txn)
{
	for (;;) {
		int kept = alloc_prepare_metadata(image, 0, true), result;

		if (kept < 0)
			return kept;
		result = txn_start(image, blocks, ret_txn);
		if (result < 0)
			return result;
		(*ret_txn)->spares = flags & TXN_SPARES;
		if (kept > 0 || alloc_kept_at_hand(image))
			return 0;
		txn_abort(*ret_txn);
	}
}

int txn_begin(struct image *image, unsigned changes, unsigned flags, struct txn **ret_txn)
{
	unsigned height = atomic_load_explicit(&image->txn.height, memory_order_relaxed);
	unsigned blocks, nodes;
	int result = txn_refused(image);

	if (result < 0)
		return result;
	if (height == 0)
		height = TREE_MAX_LEVEL;
	if (changes > TXN_MAX_BLOCKS)
		changes = TXN_MAX_BLOCKS;
	/* a change touches its leaf, a new or merged neighbour and their parent; one path to the root splits
	 */
	blocks = 8 + changes * 3 + height * 2;
	nodes = changes * 2 + height;
	if (blocks > TXN_MAX_BLOCKS)
		blocks = TXN_MAX_BLOCKS;
	if (nodes > TXN_MAX_BLOCKS)
		nodes = TXN_MAX_BLOCKS;

	result = txn_wait_for_overlay(image);
	if (result < 0)
		return result;
	if (flags & TXN_RELEASES)
		return txn_begin_release(image, blocks, flags, ret_txn);
	result = alloc_prepare_metadata(image, nodes, false);
	if (result < 0)
		return result;
	result = txn_start(image, blocks, ret_txn);
	if (result < 0) {
		alloc_unprepare(image, nodes);
		return result;
	}
	(*ret_txn)->meta_promised = nodes;
	return 0;
}

/* ---- editing ---- */

static bool in_transaction(const struct overlay_block *overlay)
{
	return overlay && overlay->last_lsn == UINT64_MAX;
}

static void txn_add_block(struct txn *txn, struct overlay_block *overlay, bool is_new, bool was_there,
			  uint8_t *before)
{
	txn->blocks[txn->block_count++] = (struct txn_block){.overlay = overlay,
							     .is_new = is_new,
							     .was_there = was_there,
							     .old_lsn = overlay->last_lsn,
							     .before = before};
	overlay->last_lsn = UINT64_MAX;
}

int txn_edit(struct txn *txn, uint64_t block, uint32_t magic, void **ret_bytes)
{
	struct overlay_block *overlay = overlay_find(&txn->image->overlay, block);
	bool was_there = overlay != NULL;
	const void *bytes;
	uint8_t *before;
	int result = block_read(txn->image, block, magic, &bytes);

	if (result < 0)
		return result;
	if (in_transaction(overlay)) {
		*ret_bytes = overlay->bytes;
		return 0;
	}
	if (txn->block_count == TXN_MAX_BLOCKS)
		return -EFBIG;
	before = txn_take_buffer(txn);
	if (!before)
		return -ENOMEM;
	memcpy(before, bytes, BLOCK_SIZE);
	if (!overlay) {
		overlay = overlay_add(&txn->image->overlay, block);
		if (!overlay) {
			txn_give_buffer(txn, before);
			return -ENOMEM;
		}
		memcpy(overlay->bytes, before, BLOCK_SIZE);
	}
	txn_add_block(txn, overlay, false, was_there, before);
	*ret_bytes = overlay->bytes;
	return 0;
}

static void fill_head(uint64_t block, uint32_t magic, uint64_t birth, void *bytes)
{
	struct block_head *head = bytes;

	memset(bytes, 0, BLOCK_SIZE);
	head->magic = le32_of(magic);
	head->block = le64_of(block);
	head->birth = le64_of(birth);
}

int txn_edit_new(struct txn *txn, uint64_t block, uint32_t magic, void **ret_bytes)
{
	struct overlay *blocks = &txn->image->overlay;
	struct overlay_block *overlay = overlay_find(blocks, block);
	bool was_there = overlay != NULL;
	const struct roots_disk *roots;
	uint8_t *before = NULL;
	int result = block_read(txn->image, txn->image->roots_block, MAGIC_ROOTS, (const void **)&roots);

	if (result < 0)
		return result;
	if (in_transaction(overlay))
		return image_damaged(txn->image, "block %" PRIu64 ": in use but marked free", block);
	if (txn->block_count == TXN_MAX_BLOCKS)
		return -EFBIG;
	result = block_set_verified(txn->image, block);
	if (result < 0)
		return result;
	if (was_there)
		before = txn_take_buffer(txn);
	else
		overlay = overlay_add(blocks, block);
	if (was_there ? !before : !overlay) {
		block_forget(txn->image, block);
		return -ENOMEM;
	}
	if (was_there)
		memcpy(before, overlay->bytes, BLOCK_SIZE);
	fill_head(block, magic, le64_get(roots->generation), overlay->bytes);
	txn_add_block(txn, overlay, true, was_there, before);
	*ret_bytes = overlay->bytes;
	return 0;
}

int txn_roots(struct txn *txn, struct roots_disk **ret_roots)
{
	return txn_edit(txn, txn->image->roots_block, MAGIC_ROOTS, (void **)ret_roots);
}

int txn_new_inode(struct txn *txn, uint64_t *ret_inode)
{
	struct roots_disk *roots;
	int result = txn_roots(txn, &roots);
	uint64_t inode;

	if (result < 0)
		return result;
	inode = le64_get(roots->next_inode);
	if (inode >= INODE_LIMIT)
		return -ENOSPC;
	roots->next_inode = le64_of(inode + 1);
	*ret_inode = inode;
	return 0;
}

int txn_count_inodes(struct txn *txn, int64_t change)
{
	struct roots_disk *roots;
	int result = txn_roots(txn, &roots);
	uint64_t inodes;

	if (result < 0)
		return result;
	inodes = le64_get(roots->inodes) + (uint64_t)change;
	if (inodes > INODE_LIMIT)
		return image_damaged(txn->image, "roots block: the number of inodes is wrong");
	roots->inodes = le64_of(inodes);
	return 0;
}

int txn_count_guarded(struct txn *txn, int64_t change)
{
	struct roots_disk *roots;
	int result = txn_roots(txn, &roots);
	uint64_t guarded;

	if (result < 0 || change == 0)
		return result;
	guarded = le64_get(roots->guarded) + (uint64_t)change;
	if (guarded > INODE_LIMIT)
		return image_damaged(txn->image, "roots block: the number of guarded inodes is wrong");
	roots->guarded = le64_of(guarded);
	return 0;
}

int data_stored(struct txn *txn, uint64_t offset, uint64_t length)
{
	struct byte_range *last = txn->stored_count ? &txn->stored[txn->stored_count - 1] : NULL;
	uint64_t end = offset + length;

	if (length == 0)
		return 0;
	if (end < offset)
		return -EINVAL;
	/* when there is no room for more ranges the last one spans everything: more is synced than must be */
	if (last && (txn->stored_count == TXN_MAX_FREES || offset == last->offset + last->length)) {
		uint64_t last_end = last->offset + last->length;

		if (offset < last->offset)
			last->offset = offset;
		last->length = (end > last_end ? end : last_end) - last->offset;
		return 0;
	}
	txn->stored[txn->stored_count++] = (struct byte_range){.offset = offset, .length = length};
	return 0;
}

/* ---- ending ---- */

static void txn_restore_block(struct txn *txn, struct txn_block *touched)
{
	struct image *image = txn->image;
	uint64_t block = touched->overlay->block;

	if (touched->was_there) {
		memcpy(touched->overlay->bytes, touched->before, BLOCK_SIZE);
		touched->overlay->last_lsn = touched->old_lsn;
	} else {
		overlay_remove(&image->overlay, block);
	}
	if (touched->is_new)
		block_forget(image, block);
}

/* Lets go of everything that a transaction holds; its blocks and allocations have been dealt with. */
static void txn_end(struct txn *txn)
{
	struct image *image = txn->image;

	for (unsigned i = 0; i < txn->block_count; i++)
		txn_give_buffer(txn, txn->blocks[i].before);
	txn->block_count = 0;
	txn->open = false;
	journal_unreserve(image, txn->ring_reserved);
	txn->ring_reserved = 0;
	pthread_rwlock_unlock(&image->tree_lock);
}

void txn_abort(struct txn *txn)
{
	if (!txn)
		return;
	for (unsigned i = txn->block_count; i-- > 0;)
		txn_restore_block(txn, &txn->blocks[i]);
	alloc_abort(txn);
	txn_end(txn);
}

/* Builds the record; drops from the transaction the blocks that are as they were. */
static int txn_build(struct txn *txn, struct record_builder *builder)
{
	unsigned kept = 0;

	record_build_start(builder, txn->record,
			   txn->record_room < txn->ring_reserved ? txn->record_room : txn->ring_reserved);
	for (unsigned i = 0; i < txn->block_count; i++) {
		struct txn_block touched = txn->blocks[i];
		int result;

		block_set_checksum(txn->image, touched.overlay->bytes);
		if (MUTANT(R3_STORED_IN_PLACE))
			(void)!store_write(txn->image->store, touched.overlay->block << BLOCK_SHIFT,
					   touched.overlay->bytes, BLOCK_SIZE);
		result = record_build_block(builder, touched.overlay->block,
					    touched.is_new ? NULL : touched.before, touched.overlay->bytes);
		if (result < 0) {
			/* what was dropped is restored already: close the gap, so that abort sees the rest */
			memmove(&txn->blocks[kept], &txn->blocks[i],
				(txn->block_count - i) * sizeof(txn->blocks[0]));
			txn->block_count -= i - kept;
			return result;
		}
		if (result == 0) {
			txn_restore_block(txn, &touched);
			txn_give_buffer(txn, touched.before);
			continue;
		}
		txn->blocks[kept++] = touched;
	}
	txn->block_count = kept;
	return 0;
}

static int txn_append(struct txn *txn, struct record_builder *builder, uint64_t *ret_end)
{
	struct record_disk *record = (struct record_disk *)(void *)builder->bytes;

	record->length = le32_of((uint32_t)builder->used);
	record->kind = le16_of(RECORD_REDO);
	record->flags = le16_of(txn->not_last ? 0 : RECORD_LAST);
	record->blocks = le32_of(builder->blocks);
	answers_stamp(record, txn->for_other ? txn->request : image_request_identity());
	record->reply_inode = le64_of(txn->reply_inode);
	record->reply_count = le64_of(txn->reply_count);
	if (MUTANT(R5_REPLY_WITHOUT_RECORD)) {
		*ret_end = image_head(txn->image);
		return 0;
	}
	/* noted first: a seal that takes up the record finds its data ranges (R8) */
	syncer_note_stored(txn->image, txn->stored, txn->stored_count);
	(void)point_reached(POINT_RECORD_NEXT);
	answers_hold(txn->image, !txn->not_last && !txn->for_other);
	(void)point_reached(POINT_RECORD_HELD);
	int result = journal_append(txn->image, record, ret_end);
	(void)point_reached(POINT_RECORD_DONE);
	if (result < 0 && !txn->for_other)
		answers_unhold();
	return result;
}

int txn_commit(struct txn *txn, uint64_t *ret_lsn)
{
	struct record_builder builder;
	uint64_t end = 0;
	int result = txn_refused(txn->image);

	if (result == 0)
		result = txn_build(txn, &builder);
	if (result == 0 && builder.blocks == 0) {
		syncer_note_stored(txn->image, txn->stored, txn->stored_count);
		end = image_head(txn->image);
		txn_abort(txn);
	} else if (result == 0) {
		result = txn_append(txn, &builder, &end);
		if (result == 0) {
			for (unsigned i = 0; i < txn->block_count; i++)
				txn->blocks[i].overlay->last_lsn = end;
			alloc_commit(txn, end);
			if (MUTANT(R11_REUSED_EARLY))
				alloc_sealed(txn->image, UINT64_MAX);
			txn_end(txn);
		}
	}
	if (result < 0) {
		txn_abort(txn);
		return result;
	}
	if (ret_lsn)
		*ret_lsn = end;
	return 0;
}
