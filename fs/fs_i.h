/*
 * What the files of fs/ share. Nothing outside fs/ includes it.
 *
 * Lock order: fs->rename_lock, inode locks (ascending lock index), then the backend's tree lock.
 *
 * A change: lock the inodes; read what is needed by txn_begin + tree_get (inside the transaction nothing can
 * change); tree_put...; txn_commit; unlock. On any error txn_abort: nothing has changed. Reading: lock
 * shared, image_read_lock, tree_get, image_read_unlock. txn_begin may wait for a checkpoint while inode locks
 * are held: the syncer takes no inode lock. But data_reserve and txn_begin must not be called with
 * image_read_lock held.
 */
#ifndef MMFS_FS_I_H
#define MMFS_FS_I_H

#include "fs.h"

#include <pthread.h>
#include <stdatomic.h>

#define INODE_LOCKS 1024u /* inode numbers share that many locks by hash */

/* For txn_begin where all that changes is items that keep their size, as an inode, or go: it takes no block,
 * so it must not fail on a full image. */
#define TXN_REPLACES TXN_RELEASES

struct lookups; /* lookup.c: how often the kernel knows each inode */
struct dirty;	/* dirty.c: ranges overwritten in place, for each inode since its last sync */

#define COLLECT_MOST 64u

/* collect.c: inodes to be deleted soon. */
struct collect {
	pthread_mutex_t lock; /* guards both; count is also looked at without */
	uint64_t inodes[COLLECT_MOST];
	atomic_uint count;
};

struct fs {
	struct image *image;
	struct fs_options options;
	pthread_mutex_t rename_lock; /* held by renames of directories to another parent */
	pthread_rwlock_t inode_locks[INODE_LOCKS];
	struct lookups *lookups; /* NULL: not tracked, nobody knows any inode */
	struct dirty *dirty;
	bool inlines;		 /* contents of small files may stand in the tree (FEATURE_INLINE) */
	atomic_bool stopping;	 /* fs_stop */
	atomic_bool settle_over; /* fs_settle_stop */
	struct collect collect;
	atomic_ulong orphans; /* never fewer than there are on the orphan list */
};

/* ---- mount.c ---- */

/* Is this thread in an fs_settle that is to end? */
bool settle_is_over(struct fs *fs);

/* ---- inode.c: inode items ---- */

/* An inode item, decoded. */
struct inode {
	uint64_t number;
	uint32_t mode, uid, gid, nlink;
	uint64_t size, blocks; /* bytes; data blocks of 4096 */
	uint32_t rdev_major, rdev_minor;
	uint64_t parent;
	struct timespec atime, mtime, ctime, btime;
	uint64_t generation;
	uint32_t flags, xattrs;
	uint32_t inline_length; /* bytes of its inline item (inline.c), 0: it has none */
};

/* Needs image_read_lock or an open transaction. -ESTALE: no such inode; -EUCLEAN. */
int inode_load(struct fs *fs, uint64_t number, struct inode *ret_inode) MUST_CHECK;
int inode_store(struct txn *txn, const struct inode *inode) MUST_CHECK;
int inode_erase(struct txn *txn, uint64_t number) MUST_CHECK;
/* Generation of a new inode: as numbers are never reused, a keyed hash of the number is as good as chance. */
uint64_t inode_generation(struct fs *fs, uint64_t number);
void inode_attr(const struct fs *fs, const struct inode *inode, struct fs_attr *ret_attr);
struct timespec inode_now(void); /* CLOCK_REALTIME_COARSE */

void inode_lock_shared(struct fs *fs, uint64_t number);
void inode_lock(struct fs *fs, uint64_t number);
void inode_unlock(struct fs *fs, uint64_t number); /* either kind */
/* Exclusive locks on up to four inodes (zeros are skipped, equal ones and equal lock indices taken once), in
 * order. */
#define LOCK_SEVERAL_MAX 16u
void inode_lock_several(struct fs *fs, const uint64_t *numbers, unsigned count);
void inode_unlock_several(struct fs *fs, const uint64_t *numbers, unsigned count);

/* ---- dirent.c: directory items (within a transaction or read lock) ---- */

/* Finds a name. -ENOENT. ret_type (DT_) may be NULL. */
int dirent_find(struct fs *fs, uint64_t directory, struct fs_name name, uint64_t *ret_inode,
		uint8_t *ret_type) MUST_CHECK;
int dirent_add(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name, uint64_t inode,
	       uint8_t type) MUST_CHECK;
int dirent_remove(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name) MUST_CHECK;
/* Gives an existing name another inode. */
int dirent_replace(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name, uint64_t inode,
		   uint8_t type) MUST_CHECK;

/* May a name be that? 0, -ENAMETOOLONG, -ENOENT (empty), -EINVAL ('/' or NUL in it). */
int dirent_name_check(struct fs_name name) MUST_CHECK;
/* Has the directory any entry? 1, 0 or an error. */
int dirent_any(struct fs *fs, uint64_t directory) MUST_CHECK;

/* One entry of a directory item, pointing into the item's bytes. */
struct dirent_view {
	uint64_t inode;
	const char *name;
	size_t name_length;
	uint16_t index;
	uint16_t next_index; /* of the item, if this is its last entry */
	uint8_t type;
};
/* Decodes and checks the entry at `*at` of an item and moves `*at` behind it. 1: there was one, 0: the item
 * ends there, -EUCLEAN. */
int dirent_decode(struct fs *fs, struct key key, const uint8_t *bytes, size_t size, size_t *at,
		  struct dirent_view *ret_view) MUST_CHECK;

/* ---- lookup.c. All accept NULL (add: nothing happens, sub: none is left, known: false). Counts are raised
 * under the lock (shared will do) of the inode, or of the directory whose entry names it; so whoever holds
 * both exclusively and has taken the last name away knows that an unknown inode stays unknown. ---- */
/* memory: NULL, or where the counts of an earlier process may be; it stays the caller's. -ENOMEM, -EINVAL. */
int lookups_open(const struct fs_lookup_memory *memory, struct lookups **ret_lookups) MUST_CHECK;
void lookups_close(struct lookups *lookups);
int lookups_add(struct lookups *lookups, uint64_t inode) MUST_CHECK;	   /* one more */
bool lookups_sub(struct lookups *lookups, uint64_t inode, uint64_t count); /* true: none is left */
bool lookups_known(struct lookups *lookups, uint64_t inode);
uint64_t lookups_known_count(struct lookups *lookups);

/* ---- orphan.c: inodes without names ---- */

/* In the transaction that takes the last name, or makes an inode without one: lists it as an orphan (nlink is
 * 0 then). */
int orphan_add(struct txn *txn, uint64_t inode) MUST_CHECK;
/* In the transaction that gives an orphan a name: takes it off the list. -EUCLEAN: it is not there. */
int orphan_remove(struct txn *txn, struct fs *fs, uint64_t inode) MUST_CHECK;
/* Counts one more in fs->orphans, before its transaction; one less, when it is none (any more). */
void orphan_count_more(struct fs *fs);
void orphan_count_less(struct fs *fs);
/* Deletes an orphan for good: extents in as many transactions as they need, xattrs, the inode, the orphan
 * item. Inode lock held exclusively by the caller. */
int orphan_delete(struct fs *fs, uint64_t inode) MUST_CHECK;
/* Deletes those of the inodes that are not 0, which have no xattrs and few extents, in one transaction. Inode
 * locks held. An error leaves all as they are; -EFBIG: one transaction cannot. */
int orphan_delete_small(struct fs *fs, const uint64_t *inodes, unsigned count) MUST_CHECK;
int orphan_clear_all(struct fs *fs) MUST_CHECK; /* fs_open and fs_close */
int orphan_count_all(struct fs *fs) MUST_CHECK; /* instead, where an earlier process' orphans are in use */
/* Deletes those that nobody knows. Others may work meanwhile. */
int orphan_clear_unknown(struct fs *fs) MUST_CHECK;
/* Most tree changes that orphan_unlinked makes; 2 without may_delete. */
#define ORPHAN_UNLINKED_CHANGES 26u
/* In the transaction that took the last name of `inode` (nlink is 0, locks held), stores it as an orphan;
 * with may_delete, if nobody knows it and it is small, it is deleted at once: *ret_gone. Call orphan_collect
 * after unlocking if not. */
int orphan_unlinked(struct txn *txn, struct fs *fs, struct inode *inode, bool may_delete,
		    bool *ret_gone) MUST_CHECK;
/* Deletes the inode if it has no names and nobody knows it. No locks held. An error leaves it on the list. */
void orphan_collect(struct fs *fs, uint64_t inode);
/* What is left to do about an inode that has lost a name, once that is committed and nothing is locked. */
enum orphan_next {
	ORPHAN_NOTHING,
	ORPHAN_COLLECT, /* it is listed */
	ORPHAN_FORGET,	/* it went with its name */
};
/* With deletes_later, collecting waits for fs_finish. */
void orphan_settle(struct fs *fs, uint64_t inode, enum orphan_next next);

/* ---- collect.c ---- */

int collect_open(struct fs *fs) MUST_CHECK;
void collect_close(struct fs *fs);
/* Nobody knows the inode any more: if it has no names it is deleted, now or by fs_collect. No locks held. */
void collect_forgotten(struct fs *fs, uint64_t inode);

/* ---- extent.c: extents of a file (within a transaction or read lock) ---- */

struct extent {
	uint64_t logical, physical; /* blocks */
	uint32_t length;	    /* blocks */
	bool unwritten;
};

/* The extent that covers `logical`, or else the first one behind it (then extent.logical > logical). -ENOENT:
 * none. Checks it: -EUCLEAN. */
int extent_find(struct fs *fs, uint64_t inode, uint64_t logical, struct extent *ret_extent) MUST_CHECK;
/* Inserts an extent where there is a hole; merges it with neighbours that it continues. */
int extent_insert(struct txn *txn, struct fs *fs, uint64_t inode, struct extent extent) MUST_CHECK;
/* Removes the blocks of [from, to) from the map and frees them (splitting extents at the ends), at most
 * `limit_extents` extents, from the END backwards; *ret_freed blocks went; *ret_done: nothing is left in the
 * range. Adds at most 2 + 2 * limit_extents tree changes. */
int extent_remove(struct txn *txn, struct fs *fs, uint64_t inode, uint64_t from, uint64_t to,
		  unsigned limit_extents, uint64_t *ret_freed, bool *ret_done) MUST_CHECK;
/* Marks [logical, logical+length), which lies within one extent of the other kind, written or unwritten (up
 * to 3 pieces, merged with neighbours). If it is the whole extent, that takes no block (TXN_REPLACES). */
int extent_mark(struct txn *txn, struct fs *fs, uint64_t inode, uint64_t logical, uint32_t length,
		bool unwritten) MUST_CHECK;

/* Maps [logical, logical+length), which lies within one extent, to the blocks from `physical` on, which are
 * claimed, and frees those that it had. At most 4 tree changes. */
int extent_move(struct txn *txn, struct fs *fs, uint64_t inode, uint64_t logical, uint32_t length,
		uint64_t physical) MUST_CHECK;
/* ---- inline.c ---- */
/* In the transaction that erases a regular file's inode: its inline item. At most 1 tree change. */
int inline_erase(struct txn *txn, const struct inode *inode) MUST_CHECK;

/* ---- file.c ---- */
/* Gives the zeros that holes read as memory of their own (prefault_reads). */
void file_prefault_zeros(void);

/* ---- truncate.c ---- */

/* Sets the size (regular file, inode lock held exclusively), in several transactions with an intent where it
 * takes more than one (R7). Growing zeroes the bytes behind the old end first (R13). `inode` is updated,
 * stored with mtime/ctime as given in it by the caller; mode, uid etc. in it are stored with the first
 * record. */
int truncate_to(struct fs *fs, struct inode *inode, uint64_t size) MUST_CHECK;
/* Finishes all truncates that were cut short, each inode locked meanwhile. -EINTR: after fs_stop. */
int truncate_finish_intents(struct fs *fs) MUST_CHECK; /* fs_open, fs_settle */
/* Instead, where requests of an earlier process may be sent again: those truncates are not to be done again.
 */
int truncate_note_intents(struct fs *fs) MUST_CHECK;

/* ---- xattr.c ---- */
int xattr_delete_all(struct fs *fs, uint64_t inode) MUST_CHECK; /* in its own transactions; inode locked */
/* In a transaction: does nothing if there is none. At most 2 tree changes; inode->xattrs is updated, the
 * caller stores the inode. */
int xattr_drop_capability(struct txn *txn, struct fs *fs, struct inode *inode) MUST_CHECK;

/* ---- dirty.c ---- */
int dirty_open(struct dirty **ret_dirty) MUST_CHECK;
void dirty_close(struct dirty *dirty);
/* Bytes of the image were overwritten for this inode. Bounded: nearby ranges are joined when there are many.
 */
void dirty_add(struct dirty *dirty, uint64_t inode, uint64_t offset, uint64_t length);
/* The last record that touched the inode's size or extents (for fdatasync). */
void dirty_note_lsn(struct dirty *dirty, uint64_t inode, uint64_t lsn);
#define DIRTY_RANGES 16u
/* Takes the ranges for a sync (up to `room`, at least 1; ret_count) and tells the LSN (UINT64_MAX: not
 * known). A length of UINT64_MAX means the whole image. Returns a ticket for dirty_synced, which the caller
 * calls when its sync has succeeded; after a failure nothing needs to be put back (the image is frozen). */
uint64_t dirty_take(struct dirty *dirty, uint64_t inode, struct byte_range *ret_ranges, size_t room,
		    size_t *ret_count, uint64_t *ret_lsn);
void dirty_forget(struct dirty *dirty, uint64_t inode); /* deleted */

#endif
