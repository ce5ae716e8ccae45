/*
 * What the files of the allocator share.
 *
 *   alloc_zone.c   one zone in memory: its bits, groups, and runs of free blocks; no locking of its own
 *   alloc.c        opening, adding and dropping zones
 *   alloc_space.c  size of the file and host space: growing, backing, punching, cutting
 *   alloc_trim.c   punching what is free when asked to
 *   alloc_free.c   what transactions took and freed: commit, abort, quarantine
 *   alloc_recent.c small ranges that were freed lately, and are not punched yet
 *   alloc_meta.c   metadata blocks
 *   alloc_data.c   data blocks, and the bytes in them
 *
 * A group has a type in memory, which runs ahead of the one in the image: a transaction that puts the first
 * block of a group to use writes the type with it.
 *
 *            data reserved                          metadata prepared
 *   DATA <------------------- NONE -----------------------------------> METADATA
 *   DATA -------------------> NONE <----------------------------------- METADATA
 *         last block released       empty, and the tail has passed its last record (R2)
 *
 * Host space is looked after in chunks of CHUNK_BLOCKS. A chunk is `backed` if all of it is known to have
 * host space, `punched` if it is known to have none.
 */
#ifndef MMFS_ALLOC_I_H
#define MMFS_ALLOC_I_H

#include "image_i.h"

#define CHUNK_BLOCKS 32u
#define ZONE_WORDS   (ZONE_BLOCKS / 64)
#define ZONE_CHUNKS  (ZONE_BLOCKS / CHUNK_BLOCKS)
#define GROUP_CHUNKS (GROUP_BLOCKS / CHUNK_BLOCKS)
#define META_KEPT    32u /* metadata blocks kept back for transactions that release */
#define META_LEFT                                                                                            \
	(META_KEPT / 4) /* of these, what such a transaction may need, and what an unmount leaves            \
			 */
#define PUNCH_LEAST 16u /* blocks; a smaller hole is not worth the call, unless it makes up a chunk */

struct alloc_group {
	uint64_t last_free_lsn; /* METADATA: end of the last record that freed a block of it */
	uint16_t used;		/* blocks in use, reserved or quarantined; not the map and roots block */
	uint16_t free;		/* blocks that may be taken */
	uint8_t type;		/* enum group_type; written under alloc.lock, read without (atomic) */
};

/* Guarded by alloc.lock. Zones never move and are freed by alloc_close only. */
struct alloc_zone {
	uint64_t start;	 /* block */
	unsigned usable; /* blocks of it that lie below the image's limit */
	unsigned beyond; /* behind the last block in use past that, when the image was opened; 0: none is */
	unsigned cursor; /* where to look for data blocks next */
	struct alloc_group groups[ZONE_GROUPS];
	uint64_t bits[ZONE_WORDS]; /* may not be taken; written under alloc.lock, read without (atomic) */
	uint64_t backed[ZONE_CHUNKS / 64];
	uint64_t punched[ZONE_CHUNKS / 64];
};

/* ---- alloc_zone.c; `at` and counts are blocks of the zone. alloc.lock is held. ---- */

/* A zone whose map has these bits and types (NULL: nothing is in use but the map). */
void zone_load(struct alloc *alloc, struct alloc_zone *zone, uint64_t index, const struct map_disk *map);
/* Takes free blocks, or gives taken ones back, in bits, groups and alloc->meta_ready. */
void zone_take(struct alloc *alloc, struct alloc_zone *zone, unsigned at, unsigned count);
void zone_release(struct alloc *alloc, struct alloc_zone *zone, unsigned at, unsigned count);
void zone_set_type(struct alloc *alloc, struct alloc_zone *zone, unsigned group, enum group_type type);
void zone_set_backed(struct alloc *alloc, struct alloc_zone *zone, unsigned chunk, bool backed);
enum group_type zone_type(const struct alloc_zone *zone, unsigned group);
bool zone_all_free(const struct alloc_zone *zone, unsigned at, unsigned count);
bool zone_all_taken(const struct alloc_zone *zone, unsigned at, unsigned count);
bool zone_is_backed(const struct alloc_zone *zone, unsigned chunk);
bool zone_range_backed(const struct alloc_zone *zone, unsigned at, unsigned count);
/* Are all chunks that the range touches punched already? */
bool zone_is_punched(const struct alloc_zone *zone, unsigned at, unsigned count);
bool zone_is_empty(const struct alloc_zone *zone);
/* Free blocks of the group that have host space. */
unsigned zone_ready(const struct alloc_zone *zone, unsigned group);
/* The same for a chunk; 0 if its group is not for metadata. */
unsigned zone_ready_in_chunk(const struct alloc_zone *zone, unsigned chunk);
/* All of them in groups for metadata. */
unsigned zone_ready_all(const struct alloc_zone *zone);
/* Free blocks for data from `at` on, at most `most`; 0: it is taken or for metadata. */
unsigned zone_run(const struct alloc_zone *zone, unsigned at, unsigned most);
/* The first free block for data at or after `at`; ZONE_BLOCKS: none. */
unsigned zone_next_free(const struct alloc_zone *zone, unsigned at);
/* A run for data, from the cursor on around: the first of `want` blocks, else the longest. Returns its
 * length. */
unsigned zone_find(const struct alloc_zone *zone, unsigned want, unsigned *ret_at);
/* Behind the last block in use. */
unsigned zone_end(const struct alloc_zone *zone);

static inline bool bitmap_get(const uint64_t *bits, unsigned bit)
{
	return bits[bit / 64] >> (bit % 64) & 1;
}
static inline void bitmap_set(uint64_t *bits, unsigned bit, bool value)
{
	if (value)
		bits[bit / 64] |= UINT64_C(1) << (bit % 64);
	else
		bits[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/* ---- alloc.c ---- */

/* The zone that holds the block; NULL: none does. *ret_at: where in it. */
struct alloc_zone *alloc_zone_of(const struct image *image, uint64_t block, unsigned *ret_at);
/* Adds a zone, by a transaction of its own: called without any lock. 0 also if somebody else just did.
 * -ENOSPC. */
int alloc_add_zone(struct image *image) MUST_CHECK;
/* There was no room: could waiting bring some? *stage is 0 at first. Punches what was freed
 * lately; seals, then checkpoints, if that gives blocks back; last it waits for whoever is punching. true:
 * try again. Called without any lock. */
bool alloc_make_room(struct image *image, unsigned *stage);

/* ---- alloc_free.c ---- */

/* Punches what is free of a range, if it is worth the call with what is free around it. Called without any
 * lock. */
void alloc_punch_free(struct image *image, struct block_range range);

/* ---- alloc_recent.c; alloc.lock is held ---- */

#define RECENT_LARGEST 64u /* blocks */

/* Remembers free blocks; at most RECENT_LARGEST. Returns what is remembered no more: nothing, or a range that
 * may be punched. */
struct block_range recent_add(struct alloc *alloc, struct block_range range);
/* Where that many of them are, which the caller is going to take; NULL: nowhere. */
struct alloc_zone *recent_find(struct image *image, unsigned want, unsigned *ret_at);

/* ---- alloc_space.c ---- */

/* Makes the file reach to the end of block `end - 1`. grow_lock is held. */
int space_ensure_size(struct image *image, uint64_t end) MUST_CHECK;
/* Host space for the chunks [first, end) of a zone; marks them backed. grow_lock is held. */
int space_back_chunks(struct image *image, struct alloc_zone *zone, unsigned first, unsigned end) MUST_CHECK;
/* Host space for taken data blocks; on a full host for fewer of them: *count is how many. No lock is held. */
int space_back_data(struct image *image, struct alloc_zone *zone, unsigned at, unsigned *count) MUST_CHECK;
/* Cuts the file behind the last block of this, the last zone, that is needed. grow_lock and alloc.lock
 * are held, and the tail has passed every record that touches what is cut (R11). */
int space_cut(struct image *image, struct alloc_zone *last) MUST_CHECK;
/* Where it would be cut: a block. alloc.lock is held. */
uint64_t space_needed(const struct alloc *alloc, const struct alloc_zone *last);
/* Is the image's end what an earlier cut has left, as far as that can be told while nothing is known of host
 * space? alloc.lock is held. */
bool space_left_by_cut(const struct image *image);
/* Punches blocks that are taken, and gives them back. free_in_zones is the caller's. grow_lock is held. */
void space_punch(struct image *image, struct alloc_zone *zone, unsigned at, unsigned count);

/* ---- bits of a map in the image ---- */

/* Sets (clears) bits of a map, all of which have to be clear (set): false if not, and some may be changed. */
bool map_set(struct map_disk *map, unsigned at, unsigned count);
bool map_clear(struct map_disk *map, unsigned at, unsigned count);

#endif
