/*
 * What the files of the backend share. Nothing outside backend/ (but its unit tests) includes it.
 *
 * Lock order: tree (rwlock) > alloc.lock > ring.lock; syncer.lock is a leaf. The syncer thread holds none of
 * them during a sync.
 */
#ifndef MMFS_IMAGE_I_H
#define MMFS_IMAGE_I_H

#include "backend.h"
#include "mutant.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- overlay.c: changed metadata blocks in memory. Guarded by the tree lock. ---- */

struct overlay_block {
	struct overlay_block *next; /* in the hash chain */
	uint64_t block;
	uint64_t last_lsn; /* end of the last record that changed it; UINT64_MAX while in a transaction */
	_Alignas(16) uint8_t bytes[BLOCK_SIZE];
};

struct overlay {
	struct overlay_block **chains; /* grows with the count */
	size_t chain_count;	       /* a power of two */
	atomic_size_t count;	       /* blocks held */
};

int overlay_init(struct overlay *overlay) MUST_CHECK;
void overlay_free(struct overlay *overlay);
struct overlay_block *overlay_find(const struct overlay *overlay, uint64_t block);
/* Adds a block that is not there, its bytes uninitialised. NULL: no memory. */
struct overlay_block *overlay_add(struct overlay *overlay, uint64_t block);
void overlay_remove(struct overlay *overlay, uint64_t block);
/* Drops every block whose last change is before or at `lsn` (it has been applied). Tree lock held
 * exclusively. */
void overlay_drop_applied(struct overlay *overlay, uint64_t lsn);

/* ---- block.c: reading and checking metadata blocks ---- */

/* The block as seen by the holder of the tree lock: the overlay's, else the home's, checked on its first use
 * (checksum, own number, magic, structure: node_check, map_check, roots_check) and its magic and number at
 * each. */
int block_read(struct image *image, uint64_t block, uint32_t magic, const void **ret_bytes) MUST_CHECK;
/* What in a block with the right magic, number and checksum cannot be; NULL: nothing. Maps and roots. */
const char *block_fault(const struct image *image, uint64_t block, uint32_t magic,
			const void *bytes) MUST_CHECK;
void block_set_checksum(const struct image *image, void *bytes);
bool block_checksum_right(const struct image *image, const void *bytes);
/* Checks everything of a node that can be checked without its neighbours. `why` gets a static string. */
int node_check(const struct image *image, const struct node_disk *node, const char **why);
/* Which blocks have been checked since the image was opened: one bit each, atomic since readers share the
 * lock. A block whose contents come from a transaction counts as checked (its overlay bytes too); one that is
 * freed is forgotten. Blocks that recovery put into the overlay start unchecked. -ENOMEM, -EUCLEAN. */
int block_set_verified(struct image *image, uint64_t block) MUST_CHECK;
void block_forget(struct image *image, uint64_t block);
/* Frees what block.c keeps in the image. Called once at the end by image_close, image_drop and a failed
 * image_open. */
void block_cleanup(struct image *image);

/* ---- txn.c ---- */

#define TXN_MAX_BLOCKS 512u
#define TXN_MAX_FREES  256u

struct txn_block {
	struct overlay_block *overlay;
	bool is_new;	/* starts from zeros; was not in the overlay, or an old life of it was */
	bool was_there; /* the overlay had it before this transaction */
	uint64_t old_lsn;
	uint8_t *before; /* copy from before; NULL if is_new and !was_there */
};

/* There is one at a time: it holds the tree lock exclusively. */
struct txn {
	struct image *image;
	bool open;
	bool spares;		/* leaves the last metadata blocks to others (TXN_SPARES) */
	uint64_t ring_reserved; /* bytes */
	unsigned block_count;
	struct txn_block blocks[TXN_MAX_BLOCKS];
	/* metadata and data blocks taken, freed, stored; put into effect or undone by commit and abort
	 * (alloc.c) */
	struct block_range taken[TXN_MAX_BLOCKS];
	unsigned taken_count; /* metadata blocks allocated by it: free again on abort */
	struct block_range freed[TXN_MAX_FREES];
	unsigned freed_count; /* data and metadata: quarantined on commit */
	struct byte_range stored[TXN_MAX_FREES];
	unsigned stored_count;
	uint64_t reply_inode, reply_count;
	bool not_last;
	bool for_other; /* its record is not of the request at hand, but of this one */
	struct request_identity request;
	uint8_t *record;	 /* buffer of the largest record, kept between transactions */
	size_t record_room;	 /* its size */
	unsigned meta_promised;	 /* metadata blocks prepared for it and not taken yet */
	uint64_t below;		 /* it takes metadata blocks before this one only; 0: any */
	void *spare;		 /* chain of unused `before` buffers */
	_Atomic unsigned height; /* nodes from root to leaf of the highest tree; 0: not known yet */
};

/* Frees the buffers that transactions keep. Called once at the end by image_close, image_drop and a failed
 * image_open. */
void txn_cleanup(struct image *image);

/* As txn_begin without asking the allocator for metadata blocks: for the allocator itself. */
int txn_begin_bare(struct image *image, unsigned blocks, struct txn **ret_txn) MUST_CHECK;
/* Writable bytes of a metadata block: its first touch copies it into the overlay and keeps a copy from
 * before. */
int txn_edit(struct txn *txn, uint64_t block, uint32_t magic, void **ret_bytes) MUST_CHECK;
/* A newly allocated metadata block: zeros (R4), its head filled in. */
int txn_edit_new(struct txn *txn, uint64_t block, uint32_t magic, void **ret_bytes) MUST_CHECK;
/* The roots block for writing. */
int txn_roots(struct txn *txn, struct roots_disk **ret_roots) MUST_CHECK;

/* ---- alloc.c: free space. The in-memory bitmap says what may be taken: set bits are in use, reserved, or
 * quarantined. */

struct alloc_zone; /* in alloc.c */

struct quarantined {
	struct block_range range;
	uint64_t lsn;  /* end of the record that freed it */
	bool metadata; /* not punched alone; its group becomes free for data only after the tail passed lsn
			  (R2) */
};

#define ALLOC_RECENT 16u

struct recent_range {
	struct block_range range; /* of one zone; some of it may be taken by now */
	uint64_t tick;		  /* alloc.recent_tick when it was freed */
};

/* Where to look next for metadata blocks; zeros: from the start (alloc_meta.c). */
struct meta_search {
	unsigned pass;
	uint64_t zone;	/* counted from that of meta_hint */
	unsigned chunk; /* of the zone */
};

struct alloc {
	pthread_mutex_t lock;
	pthread_mutex_t grow_lock; /* of whoever changes size or host space; taken before lock, after tree */
	struct alloc_zone **zones; /* zone_count of them; room for zone_capacity, as many as can ever be */
	_Atomic uint64_t zone_count;
	uint64_t zone_capacity;
	pthread_mutex_t zone_lock;	 /* of whoever adds or drops zones; taken before tree */
	_Atomic uint64_t punched_blocks; /* given back to the host since the image was opened */
	uint64_t limit_blocks;		 /* no block at or past it may be taken */
	uint64_t free_in_zones; /* blocks below the zones' end that may be taken, quarantined ones included */
	uint64_t data_hint, meta_hint;	/* zone to look into first */
	uint64_t meta_ready;		/* free metadata blocks with host space */
	uint64_t meta_promised;		/* of these, promised to transactions that have begun */
	struct meta_search meta_search; /* guarded by grow_lock */
	struct quarantined *quarantine;
	size_t quarantine_count, quarantine_capacity;
	struct recent_range recent[ALLOC_RECENT]; /* alloc_recent.c; the oldest first; guarded by lock */
	unsigned recent_count;			  /* guarded by lock */
	uint64_t recent_tick;			  /* ticks until now; guarded by lock */
};

int alloc_open(struct image *image) MUST_CHECK; /* after recovery: reads every zone's map */
void alloc_close(struct image *image);
/* Makes sure that `blocks` metadata blocks are at hand (with host space), besides those kept back for
 * releases; with `releases`, that some of these are: 1 if they cannot be had, by waiting neither. */
int alloc_prepare_metadata(struct image *image, unsigned blocks, bool releases) MUST_CHECK;
/* Host space for more metadata blocks before block `below`. -ENOSPC: there is no place. Called without any
 * lock.
 */
int alloc_extend_metadata_below(struct image *image, uint64_t below) MUST_CHECK;
/* Are as many of those kept back there as a release may need? */
bool alloc_kept_at_hand(struct image *image);
/* Takes back the promise of alloc_prepare_metadata (with releases nothing was promised: 0 blocks). */
void alloc_unprepare(struct image *image, unsigned blocks);
/* A metadata block for the transaction, near the last one taken. */
int alloc_metadata(struct txn *txn, uint64_t *ret_block) MUST_CHECK;
int alloc_free_metadata(struct txn *txn, uint64_t block) MUST_CHECK;
/* Called by txn_commit (lsn: end of its record) and txn_abort, tree lock held. */
void alloc_commit(struct txn *txn, uint64_t lsn);
void alloc_abort(struct txn *txn);
/* Room for `count` more quarantine entries, so that alloc_commit cannot fail. */
int alloc_reserve_quarantine(struct image *image, size_t count) MUST_CHECK;
/* After a seal: everything freed by records before `sealed` is punched in merged ranges and may be taken
 * again, but for small ranges, which may be taken before they are punched. Called by the syncer without
 * locks. */
void alloc_sealed(struct image *image, uint64_t sealed);
/* Small data ranges that were freed lately keep their host space. At each tick those are punched that were
 * there at the last one; alloc_recent_give_up punches all, and says whether there were any. Called without
 * any lock. */
void alloc_recent_tick(struct image *image);
bool alloc_recent_give_up(struct image *image);
/* After a checkpoint with this tail: empty metadata groups whose last free it passed become free for any use
 * (R2). */
void alloc_checkpointed(struct image *image, uint64_t tail);
/* Before the image is made shorter: finds metadata blocks with host space that deletes will have after a
 * remount, if none are known. */
int alloc_find_kept(struct image *image) MUST_CHECK;
/* Cuts the free end of the image off, but for those. Only with tail == head and nothing running (unmount, or
 * tree lock exclusive). */
int alloc_cut_tail(struct image *image) MUST_CHECK;
/* Drops zones at the end that hold nothing but their map, by a transaction (their maps count as used, so the
 * tail could not be cut). At unmount: image_sync (so that freed blocks are released), alloc_find_kept,
 * alloc_drop_empty_zones, image_checkpoint, alloc_cut_tail. */
int alloc_drop_empty_zones(struct image *image) MUST_CHECK;
/* The blocks that may ever be used: below the image's limit, and within what is mapped. */
uint64_t alloc_limit(const struct image *image);
/* Takes over image->limit_blocks, in memory. -EBUSY: blocks past it are in use. *ret_end: behind the last
 * block in use. Called without any lock. */
int alloc_set_limit(struct image *image, uint64_t limit_blocks, uint64_t *ret_end) MUST_CHECK;
/* Bytes at the end of the file that nothing uses. */
uint64_t alloc_slack(struct image *image);
uint64_t alloc_free_blocks(struct image *image);
bool alloc_is_metadata_place(const struct image *image, uint64_t block); /* may a tree node stand there? */

/* ---- journal.c: the ring ---- */

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t room;	/* signalled when the tail moved or the image failed */
	uint64_t size;		/* bytes */
	uint64_t start;		/* byte offset of the ring in the image */
	atomic_ullong head;	/* LSN of the next record */
	atomic_ullong tail;	/* ring space before it may be used again */
	uint64_t tail_checksum; /* of the record before the tail */
	uint64_t synced;	/* everything before is durable in the ring */
	uint64_t reserved;	/* bytes lent to transactions */
	atomic_uint waiting;	/* threads that wait for room */
	uint64_t last_checksum; /* of the last record */
	uint64_t epoch;
	atomic_ullong durable_seal; /* L of the last SEAL(L) that is durable */
	/* Everything before is durable: durable_seal, or the position after that SEAL if its L was its own
	 * position. So an image at rest has sealed == head. */
	atomic_ullong sealed;
	atomic_ullong records, record_bytes; /* REDO records appended since the image was opened */
	/* Of record_read: a checkpoint must not fail for want of memory. Whoever makes one, or recovers, has
	 * it.
	 */
	uint8_t *buffer;
	size_t buffer_room;
};

#define RING_RECORD_MAX(ring) ((ring)->size / 8)
/* Room that no transaction is lent (R6): for the SEAL that the syncer appends, which may take two pages, and
 * for the one that recovery appends after a kill; between them the syncer makes a checkpoint. */
#define RING_KEPT      (8 * BLOCK_SIZE)
#define RING_SEAL_ROOM (2 * BLOCK_SIZE) /* a SEAL and the rest of its page */

/* Lends `bytes` (+ alignment) of ring room, waiting for a checkpoint if there is none; -EIO: the image
 * failed. */
int journal_reserve(struct image *image, uint64_t bytes) MUST_CHECK;
void journal_unreserve(struct image *image, uint64_t bytes);
/* Fills in magic, lsn, epoch, checksums, durable_seal and stores the record at the head; *ret_end is the LSN
 * behind it. `record` starts with a record_disk whose length, kind, flags, blocks, sealed_lsn and request
 * fields are set. */
int journal_append(struct image *image, void *record, uint64_t *ret_end) MUST_CHECK;
/* Appends SEAL(sealed); the next record starts at the next page. */
int journal_append_seal(struct image *image, uint64_t sealed, uint64_t *ret_end) MUST_CHECK;
/* Is there room for a SEAL besides what is lent and what recovery needs? */
bool journal_seal_fits(struct image *image);
/* Starts the ring at `lsn`: nothing in it, everything before durable. */
void journal_restart(struct image *image, uint64_t lsn, uint64_t last_checksum);
/* Ring space before `lsn` may be used again. */
void journal_move_tail(struct image *image, uint64_t lsn, uint64_t checksum);
/* Makes ring bytes [ring.synced, lsn) durable. */
int journal_sync(struct image *image, uint64_t lsn) MUST_CHECK;
/* Copies ring bytes out, around the end if need be. */
int journal_read(struct image *image, uint64_t lsn, void *bytes, size_t length) MUST_CHECK;

/* Makes the buffer of record_read: large enough for every record that a transaction appends. Freed with the
 * image. -ENOMEM. */
int record_init(struct image *image) MUST_CHECK;
/* One valid record at `lsn`? Checks the numbered list of docs/FORMAT.md; 0: valid, *ret_record is a copy that
 * stands until the next call; -ENODATA: the log ends here; -EIO; -ENOMEM: a record larger than any of ours.
 * checkpoint_lock held, or nothing else running. */
int record_read(struct image *image, uint64_t lsn, uint64_t previous_checksum,
		const struct record_disk **ret_record) MUST_CHECK;
/* Does a whole record stand at `position` in the ring, whatever its LSN and epoch? For telling a stale
 * superblock (R1). *ret_length: bytes hashed to find out. */
bool record_peek(struct image *image, uint64_t position, uint64_t *ret_lsn, uint64_t *ret_epoch,
		 uint32_t *ret_length);
/* Calls `change` for each range of a REDO record (and once with length 0 for a NEW block without ranges);
 * offset is in the block; `is_new` with the first range of a NEW block only. Checks bounds: -EUCLEAN. */
typedef int (*record_change)(void *context, uint64_t block, bool is_new, unsigned at, const void *bytes,
			     unsigned length);
int record_walk(struct image *image, const struct record_disk *record, record_change change,
		void *context) MUST_CHECK;
/* LSN of the record after this one: page-aligned after a SEAL. */
uint64_t record_next_lsn(const struct record_disk *record);

/* ---- recover.c ---- */

/* Replays the ring into the overlay: warm or cold as R14 says; sets ring.head, last_checksum. Fills the
 * report. */
int recover_replay(struct image *image, const struct image_options *options,
		   struct image_report *report) MUST_CHECK;

/* After recover_replay on a writable image: brings the replayed records home, warm or cold as `report` says
 * (R15), with the first write of the superblock. The ring is ready for appending afterwards. */
int recover_finish(struct image *image, const struct image_options *options,
		   struct image_report *report) MUST_CHECK;

/* ---- repair.c: image_open for fsck.mmfs. All ask options->repair; -EUCLEAN: it says no. ---- */

/* Reads the superblock, as super_read and super_check_room, and asks about what these refuse. */
int repair_super(struct image *image, const struct image_options *options,
		 struct image_report *report) MUST_CHECK;
/* After recover_finish, if image->counts_anew: empties the ring and counts generation and LSN anew. */
int repair_position(struct image *image) MUST_CHECK;
/* After a recover_replay that found the journal damaged: as if nothing stood in it. */
int repair_journal(struct image *image, const struct image_options *options,
		   struct image_report *report) MUST_CHECK;
/* After recovery, the ring being empty: makes the roots block and maps anew that would be refused. */
int repair_blocks(struct image *image, const struct image_options *options) MUST_CHECK;

/* ---- checkpoint.c ---- */

/* Stores the records from the tail on that end at or before `sealed` into their homes; no sync. Gives the
 * position of the first record not applied and the checksum of the one before it. */
int checkpoint_apply(struct image *image, uint64_t sealed, uint64_t *ret_tail,
		     uint64_t *ret_checksum) MUST_CHECK;

/* Applies all records before `sealed` to their homes, syncs, moves the tail in the superblock, drops overlay
 * blocks. */
int checkpoint_run(struct image *image, uint64_t sealed) MUST_CHECK;

/* ---- syncer.c ---- */

struct batch; /* in syncer.c */

struct syncer {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* the thread waits here */
	pthread_cond_t done; /* callers wait here */
	pthread_t thread;
	bool running; /* there is a thread; set before it starts, cleared after it has ended */
	bool stop;
	bool checkpoint_wanted, seal_wanted, release_wanted;
	pthread_cond_t gathered;	 /* who is to run a batch waits here for others to join it */
	bool busy;			 /* somebody runs a batch */
	unsigned callers;		 /* in the batch that is collected ... */
	unsigned callers_expected;	 /* ... and as many may come: those of the last one and who waited */
	uint64_t batch_ns;		 /* how long the last one took */
	struct batch *batch;		 /* the one that is run */
	pthread_mutex_t checkpoint_lock; /* one checkpoint at a time; outermost, before the tree */
	pthread_mutex_t release_lock;	 /* one alloc_sealed at a time; outermost */
	/* requests not yet taken up: callers' ranges merged, and their LSN */
	uint64_t wanted_lsn;
	struct byte_range *ranges;
	size_t range_count, range_capacity;
	bool all_wanted;	    /* too many ranges, or a whole-image sync asked for */
	uint64_t arrived, finished; /* ticket numbers of batches */
	atomic_bool overwritten;    /* data was stored since the last sync of everything */
	/* data stored for records not yet sealed; guarded by the tree lock and `unsealed_lock` */
	pthread_mutex_t unsealed_lock;
	struct byte_range *unsealed;
	size_t unsealed_count, unsealed_capacity;
	bool unsealed_all; /* too many: sync everything */
	atomic_ullong seals, checkpoints, syncs;
};

/* Locks and buffers, with or without a thread; free them also when this fails. */
int syncer_init(struct image *image) MUST_CHECK;
void syncer_free(struct image *image);
int syncer_start(struct image *image) MUST_CHECK;
void syncer_stop(struct image *image);
/* The image failed: wakes everybody who waits. */
void syncer_fail(struct image *image);
/* Asks for a checkpoint soon (ring half full, overlay large). */
void syncer_want_checkpoint(struct image *image);
/* At commit, tree lock held: data of a record. */
void syncer_note_stored(struct image *image, const struct byte_range *ranges, size_t count);
/* Seals everything up to the present head, overwritten data included, and releases what was freed before it.
 * No lock of the image held. */
int syncer_seal(struct image *image) MUST_CHECK;

/* ---- pressure.c: is memory short? ---- */

struct pressure {
	uint64_t looked_us;	/* CLOCK_MONOTONIC; 0: not yet */
	uint64_t stalled_us[2]; /* until then: of the machine, of this control group; UINT64_MAX: not known */
};

/* Since it was asked last, has something waited for memory, or is hardly any left? Asks the kernel. */
bool pressure_is_high(struct pressure *pressure);
/* The same of texts as the kernel gives, "" for what it does not tell: the two memory.pressure, and meminfo.
 */
bool pressure_judge(struct pressure *pressure, uint64_t now_us, const char *machine, const char *group,
		    const char *meminfo);

/* ---- cache_drop.c ---- */

#define CACHE_READERS 64u

/* In a cache line of its own. */
struct cache_readers {
	atomic_uint count;
	uint8_t unused[60];
};

struct cache {
	enum image_cache policy;
	pthread_mutex_t lock; /* held while a part is dropped; a leaf */
	atomic_bool dropping;
	atomic_bool used; /* data was read or written since the last pass began */
	uint64_t at;	  /* group where the pass at hand goes on; the syncer's, as pressure is */
	struct pressure pressure;
	atomic_ullong passes;
	struct cache_readers readers[CACHE_READERS];
};

/* If it is time to, drops the data that the host caches and the disk has; until `stop` says so, and goes on
 * from there the next time. By one thread at a time, without locks. */
void cache_drop(struct image *image, bool (*stop)(struct image *image));
/* Data was read or written. */
void cache_note_used(struct image *image);

/* ---- super.c ---- */

/* Reads both slots; picks the valid one with the larger generation and checks every field of it. Errors as
 * image_open, with report->text; *ret_bad_slots is 1 if the other slot is damaged. */
int super_read(const struct store *store, struct super_disk *ret_super, unsigned *ret_bad_slots,
	       struct image_report *report) MUST_CHECK;
/* For repair, where super_read refuses the newer slot though its checksum is right: the other one, if nothing
 * is wrong with that. -EUCLEAN. */
int super_read_older(const struct store *store, struct super_disk *ret_super, unsigned *ret_newer_slot,
		     struct image_report *report) MUST_CHECK;
/* May an image with these features be opened so? -EOPNOTSUPP, -EROFS, with report->text. */
int super_check_features(const struct super_disk *super, bool read_only,
			 struct image_report *report) MUST_CHECK;
/* May it be counted on from here, for an image that is written to? -EUCLEAN, with report->text. */
int super_check_room(const struct super_disk *super, struct image_report *report) MUST_CHECK;
/* Writes `image->super` with the next generation into its slot and syncs it (R1). -EIO if the image has
 * failed. super_lock held. */
int super_write(struct image *image) MUST_CHECK;
/* Writes `image->super` into both slots, the generation counted anew, the newest one last. For repair, with
 * super_lock held or nothing running. */
int super_count_anew(struct image *image) MUST_CHECK;
/* Writes `super` with its checksum into the slot of its generation and syncs it: for image_make. */
int super_store(struct store *store, struct super_disk *super) MUST_CHECK;
/* Leaves the mark SUPER_FAILED in the host's cache, without a sync and without harm to the slot that is
 * durable. super_lock held. */
void super_mark_failed(struct image *image);

/* ---- session.c ---- */

/* Random bytes of the kernel's; never fails (waits at early boot). */
void session_random(void *bytes, size_t length);
/* COLD_NOT: the same identity, with no part unknown (R14). */
enum cold_reason session_compare(const struct session_disk *now, const struct session_disk *then);
/* This host's name and this process. */
void session_owner(struct owner_disk *ret_owner);

/* ---- answers.c (R17) ---- */

struct answer; /* in answers.c */

struct answers {
	uint64_t connection; /* of an earlier process; 0: none */
	struct image_held *held;
	bool own_held;
	atomic_ullong all_held; /* nothing from this LSN on may go; UINT64_MAX: no such bound */
	struct answer *list;	/* of requests that have happened; fixed once requests come */
	size_t count, capacity;
};

int answers_init(struct image *image, const struct image_options *options) MUST_CHECK;
void answers_free(struct image *image);
/* Before replay: takes the places of an earlier process over, and holds everything. */
void answers_begin(struct image *image);
/* In replay: a record. -ENOMEM. */
int answers_note(struct image *image, const struct record_disk *record) MUST_CHECK;
/* No record from this LSN on may go home. */
uint64_t answers_held(const struct image *image);
/* The ring is full: what is known to be answered may go. */
void answers_need_room(struct image *image);
/* At commit, tree lock held: names the request at hand; holds its last record before that is appended, or
 * not, where that failed. */
void answers_stamp(struct record_disk *record, struct request_identity request);
void answers_hold(struct image *image, bool last);
void answers_unhold(void);

/* ---- the image ---- */

struct image {
	struct store *store;
	pthread_rwlock_t tree_lock;
	struct super_disk super;
	pthread_mutex_t super_lock; /* guards super and its writing; a leaf */
	bool super_durable;	    /* the slot of super.generation is on the disk; guarded by super_lock */
	uint64_t hash_seed;
	uint64_t zone_first; /* block */
	uint64_t roots_block;
	uint64_t limit_blocks; /* UINT64_MAX-like MAX_BLOCKS: no limit but the mapping's */
	bool read_only;
	bool repairing;	  /* opened by fsck.mmfs: maps may be wrong, so nothing is punched, cut or dropped */
	bool counts_anew; /* repairing: generation and journal position are too large */
	bool fsync_async;
	unsigned commit_seconds;
	uint64_t overlay_max;
	/* What recover_replay found, for recover_finish: the last seal, whether the log ends with it and it
	 * seals all, the last block changed. */
	uint64_t recovered_seal, recovered_last_block;
	bool recovered_seal_last;
	atomic_int failure;	  /* errno, 0 */
	bool replayed;		  /* recovery has ended: nodes may be checked */
	_Atomic(void *) verified; /* block.c */
	struct overlay overlay;
	struct txn txn;
	struct alloc alloc;
	struct ring ring;
	struct syncer syncer;
	struct answers answers;
	struct cache cache;
	pthread_mutex_t damage_lock;
	char damage[256];
};

/* Takes over what follows from image->super: sizes, places, seed, epoch, an empty ring. At opening only. */
void image_set_up(struct image *image, const struct image_options *options);

/* Sets the sticky failure: freezes the store, marks the superblock FAILED (best effort), wakes everybody.
 * `error`, a negative errno, is what image_failure tells. Returns -EIO: a full host that fails a sync is no
 * -ENOSPC, which would make callers look for room. */
int image_fail(struct image *image, int error);

#endif
