/*
 * What the files about file contents share: extent.c, piece.c, inline.c, file.c, write.c, prepare.c,
 * truncate.c, fallocate.c, seek.c, copy.c, dirty.c. Nothing else includes it.
 *
 * A file's blocks are seen as pieces: a run of logical blocks that is one extent (or a part of one), or a
 * hole. The usual order of a change, all of it under the exclusive inode lock:
 *
 *   piece_map -> piece_reserve (holes become new blocks) -> data_write, data_zero
 *             -> txn_begin, piece_record, inode_store, txn_commit -> (on any error) piece_release
 */
#ifndef MMFS_FILE_I_H
#define MMFS_FILE_I_H

#include "../backend/mutant.h"
#include "fs_i.h"

#include <errno.h>

#define FILE_BLOCKS_MAX (UINT64_C(1) << 44)
#define FILE_SIZE_MAX	(FILE_BLOCKS_MAX << BLOCK_SHIFT) /* bytes */
static_assert(FILE_SIZE_MAX == FS_SIZE_MAX, "files");

static inline uint64_t blocks_down(uint64_t bytes)
{
	return bytes >> BLOCK_SHIFT;
}

/* `bytes` is at most FILE_SIZE_MAX. */
static inline uint64_t blocks_up(uint64_t bytes)
{
	return (bytes + BLOCK_SIZE - 1) >> BLOCK_SHIFT;
}

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline bool time_equal(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* ---- extent.c, besides what fs_i.h declares (within a transaction or read lock) ---- */

/* Tree changes that these may take, at most. */
#define EXTENT_INSERT_CHANGES	     2u
#define EXTENT_MARK_CHANGES	     4u
#define EXTENT_REMOVE_CHANGES(limit) (2u + 2u * (limit))

/* The last extent that starts at or before `logical`, or the first that starts at or behind it. -ENOENT,
 * -EUCLEAN. */
int extent_before(struct fs *fs, uint64_t inode, uint64_t logical, struct extent *ret_extent) MUST_CHECK;
int extent_after(struct fs *fs, uint64_t inode, uint64_t logical, struct extent *ret_extent) MUST_CHECK;

/* ---- piece.c ---- */

enum piece_kind {
	PIECE_HOLE,	 /* physical: where a block for it would best stand (a goal for data_reserve) */
	PIECE_WRITTEN,	 /* owned, with contents */
	PIECE_UNWRITTEN, /* owned, reads as zeros */
	PIECE_NEW,	 /* reserved for what was a hole; not in the tree yet */
};

struct piece {
	uint64_t logical, physical; /* blocks */
	uint64_t length;	    /* blocks, at least 1 */
	enum piece_kind kind;
};

static inline uint64_t piece_end(const struct piece *piece)
{
	return piece->logical + piece->length;
}

/* The pieces of blocks [from, to), in order, without gaps; stops early when there are more than `room` (at
 * least one is given). Takes the tree lock for a moment; the caller holds the inode lock. */
int piece_map(struct fs *fs, uint64_t inode, uint64_t from, uint64_t to, struct piece *ret_pieces,
	      size_t room, size_t *ret_count) MUST_CHECK;

/* Copies `pieces` to `ret_pieces` with blocks reserved for the holes. Stops early, successfully, when there
 * are more than `room` or the space has run out behind the first piece. -ENOSPC: no piece could be had. */
int piece_reserve(struct fs *fs, const struct piece *pieces, size_t count, struct piece *ret_pieces,
		  size_t room, size_t *ret_count) MUST_CHECK;
/* Gives back what was reserved for new pieces (after a failed or aborted transaction). */
void piece_release(struct fs *fs, const struct piece *pieces, size_t count);

/* Tree changes that piece_record will make, at most. */
unsigned piece_changes(const struct piece *pieces, size_t count, bool written);
/* In the transaction: new pieces are claimed and inserted (unwritten or not), unwritten ones set written if
 * `written`; adds to inode->blocks. */
int piece_record(struct txn *txn, struct fs *fs, struct inode *inode, const struct piece *pieces,
		 size_t count, bool written) MUST_CHECK;

/* ---- inline.c: contents in the tree; the inode lock is held, exclusively for changes ---- */

#define INLINE_CHANGES 1u /* tree changes of inline_put and inline_cut, at most */

/* May a write that ends there go into the inline item? */
bool inline_fits(const struct fs *fs, const struct inode *inode, uint64_t end);
/* Copies [offset, offset+length), which lies within block 0, of a file that is inline. -EUCLEAN. */
int inline_read(struct fs *fs, const struct inode *inode, uint64_t offset, void *bytes,
		size_t length) MUST_CHECK;
/* In a transaction: stores bytes (NULL: zeros) at [offset, offset+length), which ends within INLINE_MAX, of a
 * file that is inline or owns no blocks. inode->inline_length is updated; the caller stores the inode. */
int inline_put(struct txn *txn, struct fs *fs, struct inode *inode, uint64_t offset, const void *bytes,
	       size_t length) MUST_CHECK;
/* In a transaction: at most `length` bytes are left; 0: no item. Same as above otherwise. */
int inline_cut(struct txn *txn, struct fs *fs, struct inode *inode, uint64_t length) MUST_CHECK;
/* As a hole punched at [offset, end): zeros, or no item any more if that is all of block 0. Takes no block.
 */
int inline_punch(struct fs *fs, struct inode *inode, uint64_t offset, uint64_t end) MUST_CHECK;
/* Puts block 0 in place of the item, with the same contents, in one record, which is not the request's last.
 * -ENOSPC. */
int inline_convert(struct fs *fs, struct inode *inode) MUST_CHECK;

/* ---- truncate.c ---- */

/*
 * Before a regular file grows beyond inode->size: completes a truncate of it that failed half-way
 * (inode->blocks is updated), then zeroes the bytes of its last block from the old end up to `up_to` or the
 * block's end (R13). *ret_zeroed: what to give to data_stored in the transaction that sets the size; length
 * 0: nothing.
 */
int truncate_before_growth(struct fs *fs, struct inode *inode, uint64_t up_to,
			   struct byte_range *ret_zeroed) MUST_CHECK;
/* Grows the file; the bytes between read as zeros. Stores `inode` with the new size in one transaction;
 * `count` is for the reply to the request, of which this is the last record. */
int truncate_grow(struct fs *fs, struct inode *inode, uint64_t size, uint64_t count) MUST_CHECK;

/* ---- file.c ---- */

/* 0, -EISDIR, or -EINVAL for what is not a regular file. */
int file_check_regular(const struct inode *inode) MUST_CHECK;
/* Loads a regular file's inode, the inode lock being held: -EISDIR, -EINVAL, -ESTALE. */
int file_load_for_reading(struct fs *fs, uint64_t number, struct inode *ret_inode) MUST_CHECK;
/* Loads an inode for a change of its contents, the inode lock being held: -EROFS, -EISDIR, -EINVAL, -ESTALE.
 */
int file_load(struct fs *fs, uint64_t number, struct inode *ret_inode) MUST_CHECK;
/* Reads with the inode lock held by the caller; [offset, offset+length) lies within the file. */
int file_copy_out(struct fs *fs, const struct inode *inode, uint64_t offset, void *bytes,
		  size_t length) MUST_CHECK;
/* Zeroes what the blocks [offset, offset+length) hold: in place, where owned and written. The range lies
 * within one block. The inode lock is held exclusively. */
int file_zero_in_block(struct fs *fs, uint64_t inode, uint64_t offset, uint64_t length,
		       struct byte_range *ret_zeroed) MUST_CHECK;

/* What the reply to the request will need (txn_reply). */
struct file_reply {
	uint64_t count;
	bool more; /* the operation has records behind this one */
};
/* Ends a transaction that changes what fdatasync has to cover. If `result` is 0, stores `changed`, commits,
 * and copies it to *inode; else, or on an error, nothing has changed and the error is returned. */
int file_commit(struct txn *txn, struct fs *fs, struct inode *inode, const struct inode *changed,
		const struct file_reply *reply, int result) MUST_CHECK;

/* ---- write.c ---- */

struct write_request {
	uint64_t offset;      /* in the file */
	const uint8_t *bytes; /* may point into the mapping if there are more than INLINE_MAX; NULL: zeros */
	uint64_t length;      /* offset + length is at most FILE_SIZE_MAX */
	bool kill_set_id;
	bool keep_times; /* mtime and ctime */
	bool more;	 /* the operation has records behind these */
	uint64_t before; /* bytes that the operation wrote before: for its reply */
};

/* As fs_write, the inode lock held exclusively; `inode` is loaded, and follows what was recorded. */
ssize_t write_locked(struct fs *fs, struct inode *inode, const struct write_request *request) MUST_CHECK;

/* ---- prepare.c; the inode lock is held exclusively ---- */

/* Before the transaction that makes `last` a part of the file: free blocks behind it are reserved and filled
 * with zeros, if that is likely to save host commits; *ret_range (count 0: none) goes to data_stored and then
 * to prepare_done, which gives them back. */
void prepare_blocks(struct fs *fs, const struct inode *inode, const struct piece *last,
		    struct block_range *ret_range);
/* written: the transaction was committed. */
void prepare_done(struct fs *fs, const struct inode *inode, struct block_range range, bool written);

/* ---- dirty.c, besides what fs_i.h declares ---- */

/* The sync of what the dirty_take with this ticket gave, and of all records up to `lsn`, has succeeded: those
 * ranges are forgotten. Until then every other dirty_take gives them as well, so that no fsync returns before
 * the overwrites it must cover. */
void dirty_synced(struct dirty *dirty, uint64_t inode, uint64_t ticket, uint64_t lsn);

/* Is the file synced now and then as it grows, and `range` not in what was prepared for it last? */
bool dirty_wants_prepared(struct dirty *dirty, uint64_t inode, struct block_range range);
/* Blocks that the host need not make a commit for any more. */
void dirty_note_prepared(struct dirty *dirty, uint64_t inode, struct block_range range);

#endif
