/*
 * The backend: an image with its mapping, journal, transactions, B+trees and free space. It knows no names
 * and no files. This is the only backend header (with format.h and le.h, whose structs items are made of)
 * that fs/ and tools/ include; store.h is included to open one.
 *
 * Usual order of calls:
 *
 *   store_file_open -> image_open -> { image_read_lock, tree_get..., image_read_unlock
 *                                    | txn_begin, tree_get/put/delete..., txn_commit or txn_abort
 *                                    | data_reserve, data_write, txn_begin, data_claim, tree_put, txn_commit
 *                                    | image_sync } -> image_close
 *
 * Locks: the tree lock (taken by image_read_lock and txn_begin) and, inside, the ring's and the allocator's.
 * Callers hold their own (inode) locks outside of these. Errors are negative errno; -EUCLEAN means that the
 * image is damaged (image_damage tells where), -EIO that the image failed, -EROFS that it is read-only.
 */
#ifndef MMFS_BACKEND_H
#define MMFS_BACKEND_H

#include "format.h"
#include "store.h"

#include <errno.h>

struct image;
struct txn;

/* ---- making, opening, closing (super.c, image.c, session.c) ---- */

struct image_make_options {
	uint64_t limit_bytes;	/* largest size; 0: as far as the host has room */
	uint64_t journal_bytes; /* 0: 16 MiB, at most 1/16 of the limit and of what the host has free, at
				   least 1 MiB */
	const char *label;	/* NULL: none */
	const uint8_t *uuid;	/* 16 bytes; NULL: random */
	uint64_t without;	/* incompatible features that it is not to have, as an image of before them */
};

/* Makes an empty image in an empty store (superblocks, zeroed ring, first zone, roots; no tree has an item
 * yet), marked clean and synced. Superblock slots are written last: an interrupted make leaves no image.
 * -EINVAL: bad sizes. */
MUST_CHECK int image_make(struct store *store, const struct image_make_options *options);

#define IMAGE_REQUESTS 80u /* threads that handle requests */

/* For each thread that handles requests, LSN + 1 of the last record of the request it has not answered; 0:
 * none (R17). Zeros at first. */
struct image_held {
	atomic_ullong requests[IMAGE_REQUESTS];
	atomic_ullong before; /* the least of an earlier process's */
};

/* When file data that the host caches of the image is dropped (cache_drop.c). */
enum image_cache {
	IMAGE_CACHE_AUTO, /* where memory is short */
	IMAGE_CACHE_DROP, /* each commit_seconds */
	IMAGE_CACHE_KEEP, /* never */
};

enum recover_mode { RECOVER_AUTO, RECOVER_WARM, RECOVER_COLD };

/* What image_open finds damaged and could make anew (repair.c). */
enum image_part {
	IMAGE_JOURNAL,
	IMAGE_ROOTS,
	IMAGE_MAP,
	IMAGE_SUPER, /* the newer slot (block 0 or 1), though its checksum is right: the older one counts */
	IMAGE_POSITION, /* of slot `block`: generation or journal position too large to be written to */
};

/* For fsck.mmfs: called for each part that is damaged; `why` is valid during the call only. true: make it
 * anew (in memory only if the image is opened read-only); false: refuse the image with -EUCLEAN. */
typedef bool (*image_repair)(void *context, enum image_part part, uint64_t block, const char *why);

struct image_options {
	bool read_only; /* recovery in memory; writes nothing. The store may be read-only too. */
	enum recover_mode recover;
	unsigned commit_seconds; /* the daemon seals that often; 0: 5 */
	bool fsync_async;	 /* image_sync returns at once (seals stay real) */
	bool no_syncer; /* no thread: tests and tools drive image_sync and image_checkpoint themselves */
	uint64_t overlay_max; /* bytes of changed metadata kept in memory, at most; 0: 64 MiB */
	const struct session_disk
	    *session;		/* where it is mounted (image_session_of); NULL: unknown, recovers cold */
	enum image_cache cache; /* the syncer's; of what is read only, nothing is dropped */
	uint64_t limit_bytes;	/* other than 0: becomes the image's limit */
	const char *label;	/* not NULL: becomes the image's label; at most 63 bytes, else -EINVAL */
	image_repair repair;	/* NULL: damage is refused. Otherwise maps are not to be believed: nothing is
				   punched and nothing cut off by this opening */
	void *repair_context;
	bool goes_on; /* the kernel still uses what an earlier process has served: a cold recovery, which
			 would take back what it knows, is refused with -ESTALE (R18) */
	uint64_t connection;	 /* with goes_on: whose requests may be sent again (R17) */
	struct image_held *held; /* memory that outlives the process; NULL: the image's own */
};

/* Why a recovery was cold (R14). */
enum cold_reason {
	COLD_NOT,
	COLD_ASKED,	   /* image_options.recover */
	COLD_FAILED,	   /* the last mount's image failed: SUPER_FAILED */
	COLD_DISK,	   /* the host cannot write what it caches */
	COLD_UNKNOWN,	   /* the host tells too little of the file, now or then */
	COLD_OTHER_HOST,   /* mounted last by a host of another name, in another boot */
	COLD_OTHER_BOOT,   /* the host has been restarted */
	COLD_OTHER_FILE,   /* moved, copied or replaced */
	COLD_OTHER_MOUNT,  /* its filesystem is mounted anew, or seen in another mount namespace */
	COLD_OTHER_DEVICE, /* the block device has been attached anew */
	COLD_DAMAGED,	   /* fsck.mmfs has emptied the journal */
};

/* What image_open found and did, for the program to tell. */
struct image_report {
	char text[256]; /* why it was refused: what, and what to do; "" if there is nothing to say */
	bool was_clean;
	bool warm; /* recovery was warm */
	enum cold_reason cold;
	uint64_t records_replayed;
	uint64_t records_dropped; /* a cold recovery dropped so many acknowledged but unsealed records */
	unsigned bad_slots;	  /* superblock slots that were damaged: 0, 1 */
};

/* Does the store begin like an mmfs image? 1: yes (perhaps damaged), 0: no. Reads the two slots. */
MUST_CHECK int image_detect(const struct store *store);

/* Opens, recovers (R14, R15) and starts the syncer. The image owns the store from here on, also when this
 * fails. Errors, each with report->text: -EINVAL (not an image), -EUCLEAN (damage), -EOPNOTSUPP (feature of a
 * newer format), -EROFS (read-only compatible feature and not read_only), -ENOSPC, -EIO, -ENOMEM. */
MUST_CHECK int image_open(struct store *store, const struct image_options *options, struct image **ret_image,
			  struct image_report *report);

/* Seals, checkpoints, cuts the free tail off, marks clean, closes the store. Returns the first error of
 * these, closed all the same. A read-only image just closes. NULL is allowed. */
int image_close(struct image *image);

/* Closes without writing anything more, as a kill would: for tests, and for what nobody keeps (scratch). NULL
 * is allowed. */
void image_drop(struct image *image);

/* Session identity of an open file (R14). Unknown parts make it differ from everything. */
void image_session_of(int descriptor, struct session_disk *ret_session);

/* The valid superblock, as last written or read. */
const struct super_disk *image_super(const struct image *image);

/* A copy of it, which nobody is changing just now. */
void image_super_copy(struct image *image, struct super_disk *ret_super);

/* Owner record of an image that cannot be opened since it is in use (or can): false if there is none. */
bool image_owner(const struct store *store, struct owner_disk *ret_owner);
/* The same by path, without a lock and without mapping it. */
bool image_owner_at(const char *path, struct owner_disk *ret_owner);

bool image_read_only(const struct image *image);
/* 0, or the errno that made the image fail (sticky): every change says -EIO (or -EROFS) from then on. */
int image_failure(const struct image *image);
/* What was found damaged last: structure and block; "" if nothing was. */
const char *image_damage(struct image *image);
/* Records damage found by upper layers (a bad item): returns -EUCLEAN. printf-like. */
int image_damaged(struct image *image, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* So that the callers' compilers know that it never returns 0. */
#define image_damaged(...) ((image_damaged)(__VA_ARGS__), -EUCLEAN)

struct image_space {
	uint64_t total_blocks; /* what the image could hold if everything in it were deleted */
	uint64_t free_blocks;  /* the smaller of what the limit and what the host has room for, free ones
				  inside included */
	uint64_t used_blocks;
	uint64_t inodes;
	uint64_t guarded; /* those that are immutable or append-only */
};
MUST_CHECK int image_space(struct image *image, struct image_space *ret_space);

/* Keyed 64-bit hash of bytes (XXH3-64 with the image's seed). */
uint64_t image_hash(const struct image *image, const void *bytes, size_t length);

/* ---- reading (image.c: the tree lock, shared) ---- */

void image_read_lock(struct image *image);
void image_read_unlock(struct image *image);

/* ---- B+tree (btree.c). Reading needs image_read_lock or an open transaction of the caller's. ---- */

struct key {
	uint64_t object;
	uint8_t type;
	uint64_t offset;
};

static inline int key_compare(struct key a, struct key b)
{
	if (a.object != b.object)
		return a.object < b.object ? -1 : 1;
	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	if (a.offset != b.offset)
		return a.offset < b.offset ? -1 : 1;
	return 0;
}

/* Copies the item with that key to `bytes` (room for `room` bytes; ITEM_MAX always suffices; a larger item
 * gives -ERANGE). -ENOENT. ret_size may be NULL. */
MUST_CHECK int tree_get(struct image *image, enum tree_id tree, struct key key, void *bytes, size_t room,
			size_t *ret_size);
/* The first item with a key >= `from`. -ENOENT. `bytes` may be NULL with room 0: only the key and size. */
MUST_CHECK int tree_next(struct image *image, enum tree_id tree, struct key from, struct key *ret_key,
			 void *bytes, size_t room, size_t *ret_size);
/* The last item with a key <= `from`. */
MUST_CHECK int tree_previous(struct image *image, enum tree_id tree, struct key from, struct key *ret_key,
			     void *bytes, size_t room, size_t *ret_size);

/* Called for each item in key order; `bytes` is valid during the call only. Other than 0 ends the scan. */
typedef int (*tree_visit)(void *context, struct key key, const void *bytes, size_t size);
/* All items with from <= key <= to. Returns 0, an error, or what `visit` returned to end it. */
MUST_CHECK int tree_scan(struct image *image, enum tree_id tree, struct key from, struct key to,
			 tree_visit visit, void *context);

/* Insert or replace; size 0..ITEM_MAX. -ENOSPC, -ENOMEM. */
MUST_CHECK int tree_put(struct txn *txn, enum tree_id tree, struct key key, const void *bytes, size_t size);
/* -ENOENT. Underfull nodes are merged with a neighbour. */
MUST_CHECK int tree_delete(struct txn *txn, enum tree_id tree, struct key key);

/* ---- transactions (txn.c) ---- */

/* Frees more than it takes: may use the metadata blocks kept back, so works on a full host. Where these are
 * few, it waits for what earlier ones have freed. */
#define TXN_RELEASES 1u
/* With it: but in a tree that may grow all the same (a hole in an extent). Leaves the last of them. */
#define TXN_SPARES 2u

/*
 * Reserves ring room, memory and host space for at most `changes` tree_put/tree_delete calls (R6), then takes
 * the tree lock exclusively. May wait for a checkpoint; call it with no image lock held. -ENOSPC, -ENOMEM,
 * -EROFS, -EIO.
 */
MUST_CHECK int txn_begin(struct image *image, unsigned changes, unsigned flags, struct txn **ret_txn);
/* Appends the redo record and lets go of the lock. From its return on a kill -9 loses nothing of it. On an
 * error nothing has changed. ret_lsn (may be NULL): pass it to image_sync. Without any change it appends
 * nothing. */
MUST_CHECK int txn_commit(struct txn *txn, uint64_t *ret_lsn);
/* Puts everything back and lets go of the lock. NULL is allowed. */
void txn_abort(struct txn *txn);

/* Takes the next inode number. */
MUST_CHECK int txn_new_inode(struct txn *txn, uint64_t *ret_inode);
/* Adds to the number of inodes that exist. */
MUST_CHECK int txn_count_inodes(struct txn *txn, int64_t change);
/* Adds to the number of inodes that are immutable or append-only. */
MUST_CHECK int txn_count_guarded(struct txn *txn, int64_t change);

/* What the reply to this request will need, and whether this record is the operation's last (the default: it
 * is). */
void txn_reply(struct txn *txn, uint64_t inode, uint64_t count, bool last);

/* ---- requests that may be sent again (answers.c, R17) ---- */

struct request_identity {
	uint64_t connection, unique; /* 0, 0: no request */
};
/* Of the request that this thread is at. */
struct request_identity image_request_identity(void);
/* The transaction does what is left of another request, which nobody waits for in this thread. Behind
 * txn_reply. */
void txn_for_request(struct txn *txn, struct request_identity request);

/* This thread begins with a request: it is named in its records. `place` is the thread's own, below
 * IMAGE_REQUESTS, and must not outlive the image without image_request_end: a kill ends both. */
void image_request_begin(struct image *image, unsigned place, uint64_t connection, uint64_t unique);
/* It has been answered: the journal need not keep its record. */
void image_request_end(struct image *image);
/* What this thread still does for it is no part of what was asked (an access time). */
void image_request_none(void);

struct request_answer {
	uint64_t inode, count; /* as given to txn_reply */
};
/* After goes_on: has this request of the connection happened? Then its answer. */
bool image_answer(const struct image *image, uint64_t unique, struct request_answer *ret_answer);
/* Before requests come: of this one there is enough that it must not be done again, as of one that has
 * happened; what its reply needs. -ENOMEM. */
MUST_CHECK int image_answer_begun(struct image *image, struct request_identity request, uint64_t inode);
/* All requests sent again have been answered. */
void image_answers_end(struct image *image);

/* ---- file data (alloc.c) ---- */

struct block_range {
	uint64_t start;
	uint64_t count;
};

/*
 * Reserves up to `want` contiguous blocks in memory, near `goal` (a block number; 0: anywhere), with host
 * space, for a later data_claim. May extend the image (its own transaction: call it with no image lock held).
 * Gives at least one block. -ENOSPC: neither image nor host has room; nothing changed.
 */
MUST_CHECK int data_reserve(struct image *image, uint64_t goal, uint64_t want, struct block_range *ret_range);
/* The same for a file that grows behind `goal`: if somebody else is there, it is put where `ahead` blocks
 * follow that others look for room in last. So files that grow in turns do not lie there in as small pieces
 * as they were written. Nothing is kept from anybody by that, so there is nothing to give back. */
MUST_CHECK int data_reserve_ahead(struct image *image, uint64_t goal, uint64_t want, unsigned ahead,
				  struct block_range *ret_range);
/* Gives back what was reserved and not claimed by a committed transaction. */
void data_release(struct image *image, struct block_range range);
/* The transaction puts reserved blocks to use. If it is aborted they are reserved again. */
MUST_CHECK int data_claim(struct txn *txn, struct block_range range);
/* Frees blocks in use: not reused nor punched before the record is sealed (R11). A range may span at most one
 * zone. */
MUST_CHECK int data_free(struct txn *txn, struct block_range range);
/* Bytes that were stored for this transaction's record, to be durable before a seal covers it (R8). `offset`
 * is of the image. */
MUST_CHECK int data_stored(struct txn *txn, uint64_t offset, uint64_t length);

/* Store into data blocks; offset is of the image. Caller holds the inode lock. -ENOSPC, -EIO. */
MUST_CHECK int data_write(struct image *image, uint64_t offset, const void *bytes, size_t length);
MUST_CHECK int data_zero(struct image *image, uint64_t offset, size_t length);
/* Pointer to read from; may fault (guarded: data_read; the kernel's write(2) from it gives EFAULT). */
const void *data_at(const struct image *image, uint64_t offset);
/* Maps the pages at [offset, offset + length) of the image, as far as that goes, so that write(2) from them
 * takes no fault: a process that is killed in one makes its peer see an error. */
void data_prefault(const struct image *image, uint64_t offset, size_t length);
/* Between the two, such pages stay mapped by us. The first may wait for a moment; each thread calls them in
 * turn. Without them data may be read as well, but with page faults. */
void data_read_begin(struct image *image);
void data_read_end(struct image *image);
/* Guarded copy out of the mapping. -EIO. */
MUST_CHECK int data_read(const struct image *image, uint64_t offset, void *bytes, size_t length);
/* Is [start, start+count) inside what data may occupy (not super, ring, maps)? For checking extents. */
bool data_valid(const struct image *image, uint64_t start, uint64_t count);

/* ---- durability (syncer.c, checkpoint.c) ---- */

struct byte_range {
	uint64_t offset; /* of the image */
	uint64_t length;
};

/*
 * Makes durable: every record before `lsn` (0: none) with its data, and the given ranges (overwrites in
 * place). Callers that arrive meanwhile share one sync. -EIO: the sync failed, the image is frozen (R16).
 */
MUST_CHECK int image_sync(struct image *image, uint64_t lsn, const struct byte_range *ranges, size_t count);
/* LSN after the last record: image_sync(image, image_head(image), NULL, 0) makes all metadata and new data
 * durable. */
uint64_t image_head(const struct image *image);
/* Largest L for which everything before is durable. */
uint64_t image_sealed(const struct image *image);
/* Everything, overwrites included, then a checkpoint: tail = head. */
MUST_CHECK int image_checkpoint(struct image *image);
/* Everything, overwrites included, is durable when it returns; the journal keeps its records. */
MUST_CHECK int image_seal(struct image *image);
/* As fstrim: gives free space in the image back to the host. Returns bytes by ret_bytes. */
MUST_CHECK int image_trim(struct image *image, uint64_t *ret_bytes);
/* A part of it, by steps of a bounded time, between which nothing is locked: call it until it returns 0 or an
 * error. 1: there is more to do. -EINVAL: not a block long, behind the image's limit, or `least` is more than
 * free runs can have. -EROFS. */
struct image_trimming {
	uint64_t start, end; /* bytes of the image */
	uint64_t least;	     /* bytes: shorter runs of free blocks stay as they are */
	uint64_t trimmed;    /* bytes given back until now */
	uint64_t at, run_end;
	bool begun; /* these are its own, 0 at first */
};
MUST_CHECK int image_trim_step(struct image *image, struct image_trimming *trimming);

/* ---- size and name (resize.c, compact.c) ---- */

/* At most 63 bytes, else -EINVAL; kept durably. */
MUST_CHECK int image_set_label(struct image *image, const char *label);
/* Largest size from now on; 0: as far as the host has room. *ret_least (may be NULL): the size that the image
 * takes now, below which it cannot go: -EBUSY. -EINVAL: larger than an image can be. */
MUST_CHECK int image_set_limit(struct image *image, uint64_t bytes, uint64_t *ret_least);
/* Takes in an enlarged device; files of no fixed size grow by themselves, so nothing happens. -ENXIO: it has
 * shrunk. */
MUST_CHECK int image_grow(struct image *image);
/* Drops free zones at the end and cuts the file behind the last block in use. What others use meanwhile
 * stays: then it does nothing. The file keeps its size where that is fixed. */
MUST_CHECK int image_shrink(struct image *image);
bool image_fixed_size(const struct image *image);

/* Where the image could end if what lies behind were moved before it: a block number, the present size if
 * that would gain nothing. *ret_above: blocks in use behind it, which would have to move. */
uint64_t image_compact_end(struct image *image, uint64_t *ret_above);
/* As data_reserve, of blocks before `end` and of the file as it is: it does not grow. */
MUST_CHECK int data_reserve_below(struct image *image, uint64_t end, uint64_t want,
				  struct block_range *ret_range);
/* Moves the nodes at or behind block `end` on the way to leaves, from that of `*cursor` on, which is set to
 * where to go on; looks at `leaves` of them. *ret_moved: nodes; *ret_more: there are more leaves. -ENOSPC:
 * there is no room before `end`. */
MUST_CHECK int tree_compact(struct image *image, enum tree_id tree, uint64_t end, unsigned leaves,
			    struct key *cursor, uint64_t *ret_moved, bool *ret_more);

/* ---- copying an image in use (backup.c) ---- */

/* Where the copy goes: an empty file, say. Each returns 0 or a negative errno. */
struct image_sink {
	void *context;
	int (*write)(void *context, uint64_t offset, const void *bytes, size_t length);
	int (*set_size)(void *context, uint64_t size); /* bytes; the last call */
	/* Makes it equal to the image's file at once, sharing its blocks. -EOPNOTSUPP: cannot. NULL: neither
	 */
	int (*clone)(void *context);
	bool (*stopped)(void *context); /* give up? NULL: never */
};

/* Keeps changes of upper layers out: called without any lock. */
struct image_pause {
	void *context;
	void (*begin)(void *context), (*end)(void *context);
};

struct image_backup_report {
	bool cloned;
	unsigned passes;       /* copies of what had been written, before the pause */
	uint64_t copied_bytes; /* in all */
	uint64_t frozen_us;    /* how long changes had to wait */
};

/* Copies what is acknowledged at one moment. The copy is an image that was not unmounted: opened on its own
 * (RECOVER_COLD) it loses nothing. Of a read-only image it is what the file holds, and `pause` is not used.
 * -EINTR: stopped; -EIO, -ENOMEM, and what the sink returns. */
MUST_CHECK int image_backup(struct image *image, const struct image_pause *pause,
			    const struct image_sink *sink, struct image_backup_report *ret_report);

/* ---- looking inside (dump, fsck) ---- */

/* A verified metadata block as the tree lock's holder sees it (overlay first). magic: MAGIC_. -EUCLEAN, -EIO.
 */
MUST_CHECK int image_block(struct image *image, uint64_t block, uint32_t magic, const void **ret_block);
uint64_t image_zone_first(const struct image *image);
uint64_t image_roots_block(const struct image *image);
uint64_t image_size_blocks(const struct image *image);

struct image_stats {
	uint64_t records, record_bytes, seals, checkpoints, syncs, punched_blocks, overlay_bytes, ring_used;
	uint64_t cache_drops;		      /* how often the host's cache of data was dropped */
	uint64_t ring_tail;		      /* LSN; the head is ring_used after it */
	uint64_t scratch_used, scratch_limit; /* bytes of memory; 0: not a scratch store */
};
void image_stats(struct image *image, struct image_stats *ret_stats);

#endif
