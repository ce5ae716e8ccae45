/*
 * How often the kernel knows each inode: inode number -> count. Open addressing with linear probing, in
 * shards of their own so that threads seldom meet. An entry whose count falls to 0 keeps its place until the
 * shard's table is copied: into a larger one when it is 4/5 full, into a smaller one when less than half of
 * it is in use. So a known inode takes 10 to 16 bytes.
 *
 * An entry is one word, of which the shard and so a part of the inode number is not:
 *
 *   63                                   21   20   19         0
 *   | number, mixed, without shard, plus 1 | high | count      |    0: free
 *
 * Where 20 bits do not suffice, an entry with `high` set counts units of HIGH_UNIT.
 *
 * The tables may lie in memory that outlives this process (struct fs_lookup_memory):
 *
 *   | state: a word for each shard | shard 0: half 0, half 1 | shard 1: half 0, half 1 | ...
 *
 * A shard's word says which half holds its table, and how many entries that has; a copy goes into the other
 * half, and then the word changes. Each step is one store, in an order in which a kill at any point leaves
 * counts that are right, or too high.
 */
#include "fs_i.h"

#include <errno.h>
#include <stdlib.h>

#define SHARDS	    64u
#define SHARD_BITS  6u
#define INODE_BITS  48u
#define TABLE_LEAST 64u
#define STATE_BYTES 65536u
#define HALF_ALIGN  65536u /* a multiple of every page size in use */

#define COUNT_BITS 20u
#define COUNT_MOST ((UINT64_C(1) << COUNT_BITS) - 1)
#define HIGH_UNIT  (UINT64_C(1) << 19)

struct entry {
	atomic_ullong word;
};
static_assert(sizeof(struct entry) == 8,
	      "promised to users: with tables that are half full, 16 bytes an inode");

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct entry *entries; /* NULL until the first one */
	size_t capacity;       /* of entries, of which one at least is free */
	size_t used;	       /* entries that are not free ... */
	size_t counting;       /* ... those of them with a count ... */
	size_t highs; /* ... and of these, with `high` set: their inode has another that counts, too */
};

struct lookups {
	const struct fs_lookup_memory *memory; /* NULL: the heap */
	size_t half_bytes;
	struct shard shards[SHARDS];
};

/* ---- memory ---- */

/* capacity << 1 | half */
static atomic_ullong *state_of(struct lookups *lookups, unsigned shard)
{
	return (atomic_ullong *)lookups->memory->base + shard;
}

static struct entry *half_at(struct lookups *lookups, unsigned shard, unsigned half)
{
	uint8_t *halves = (uint8_t *)lookups->memory->base + STATE_BYTES;

	return (struct entry *)(void *)(halves + (2 * (size_t)shard + half) * lookups->half_bytes);
}

/* Zeros; NULL: no room. */
static struct entry *table_new(struct lookups *lookups, unsigned shard, size_t capacity)
{
	if (!lookups->memory)
		return calloc(capacity, sizeof(struct entry));
	if (capacity > lookups->half_bytes / sizeof(struct entry))
		return NULL;
	return half_at(lookups, shard, !(atomic_load(state_of(lookups, shard)) & 1));
}

/* From here on the new table counts. */
static void table_replace(struct lookups *lookups, unsigned number, struct entry *entries, size_t capacity)
{
	struct shard *shard = &lookups->shards[number];
	struct entry *before = shard->entries;
	size_t before_bytes = shard->capacity * sizeof(struct entry);

	shard->entries = entries;
	shard->capacity = capacity;
	if (!lookups->memory) {
		free(before);
		return;
	}
	unsigned half = entries == half_at(lookups, number, 1);
	atomic_store_explicit(state_of(lookups, number), (unsigned long long)capacity << 1 | half,
			      memory_order_release);
	if (before)
		lookups->memory->clear(before, before_bytes);
}

/* ---- a shard ---- */

/* Another number for each inode number, of as many bits. */
static uint64_t mix(uint64_t inode)
{
	uint64_t mixed = inode * UINT64_C(0x9e3779b97f4a7c15) & (INODE_LIMIT - 1);
	return mixed ^ (mixed >> (INODE_BITS / 2));
}

static unsigned shard_of(uint64_t inode)
{
	return (unsigned)(mix(inode) % SHARDS);
}

/* All of an entry but its count. */
static uint64_t tag_of(uint64_t inode, bool high)
{
	return ((mix(inode) >> SHARD_BITS) + 1) << 1 | high;
}

static uint64_t load(const struct entry *at)
{
	return atomic_load_explicit(&at->word, memory_order_relaxed);
}

static uint64_t entry_tag(const struct entry *at)
{
	return load(at) >> COUNT_BITS;
}

static uint64_t entry_count(const struct entry *at)
{
	return load(at) & COUNT_MOST;
}

static void entry_put(struct entry *at, uint64_t tag, uint64_t count)
{
	atomic_store_explicit(&at->word, tag << COUNT_BITS | count, memory_order_release);
}

/* Where it stands, or the free place where it would. Those of an inode are neighbours, and of the mixed
 * number the upper bits decide. */
static struct entry *place_of(struct entry *entries, size_t capacity, uint64_t tag)
{
	uint64_t upper = (((tag >> 1) - 1) >> (INODE_BITS - SHARD_BITS - 32)) & UINT32_MAX;
	size_t at = (size_t)(upper * capacity >> 32);
	while (load(&entries[at]) && entry_tag(&entries[at]) != tag)
		at = at + 1 < capacity ? at + 1 : 0;
	return &entries[at];
}

static uint64_t count_of(const struct shard *shard, uint64_t tag)
{
	return shard->capacity ? entry_count(place_of(shard->entries, shard->capacity, tag)) : 0;
}

/* In units of HIGH_UNIT. */
static uint64_t high_of(const struct shard *shard, uint64_t inode)
{
	return shard->highs ? count_of(shard, tag_of(inode, true)) : 0;
}

static uint64_t total_of(const struct shard *shard, uint64_t inode)
{
	return count_of(shard, tag_of(inode, false)) + high_of(shard, inode) * HIGH_UNIT;
}

/* There is room for it. */
static void set_count(struct shard *shard, uint64_t tag, uint64_t count)
{
	struct entry *at = place_of(shard->entries, shard->capacity, tag);
	bool counted = entry_count(at) > 0;
	shard->used += !load(at);
	shard->counting += (count > 0) - counted;
	shard->highs += (tag & 1) ? (count > 0) - counted : 0;
	entry_put(at, tag, count);
}

/* Copies what counts into a table with room for as much again as half of it, and for two more. */
static int shard_resize(struct lookups *lookups, unsigned number)
{
	struct shard *shard = &lookups->shards[number];
	size_t capacity = (shard->counting + 2) * 3 / 2;
	if (capacity < TABLE_LEAST)
		capacity = TABLE_LEAST;
	struct entry *entries = table_new(lookups, number, capacity);
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < shard->capacity; i++) {
		const struct entry *from = &shard->entries[i];
		if (entry_count(from))
			entry_put(place_of(entries, capacity, entry_tag(from)), entry_tag(from),
				  entry_count(from));
	}
	shard->used = shard->counting;
	table_replace(lookups, number, entries, capacity);
	return 0;
}

/* Room for two more entries. */
static int shard_grow(struct lookups *lookups, unsigned number)
{
	struct shard *shard = &lookups->shards[number];
	return (shard->used + 2) * 5 <= shard->capacity * 4 ? 0 : shard_resize(lookups, number);
}

static void shard_shrink(struct lookups *lookups, unsigned number)
{
	struct shard *shard = &lookups->shards[number];
	if (shard->capacity > 2 * TABLE_LEAST && shard->counting * 2 < shard->capacity) {
		/* Without memory it just stays large. */
		int result = shard_resize(lookups, number);
		(void)result;
	}
}

/* One more, for which there is room. */
static int shard_add(struct shard *shard, uint64_t inode)
{
	uint64_t low = count_of(shard, tag_of(inode, false));
	if (low == COUNT_MOST) {
		uint64_t high = high_of(shard, inode);
		if (high == COUNT_MOST)
			return -ENOMEM;
		set_count(shard, tag_of(inode, true), high + 1); /* first: too high meanwhile */
		low -= HIGH_UNIT;
	}
	set_count(shard, tag_of(inode, false), low + 1);
	return 0;
}

/* To `left`, which is less than it was. Nothing is left of the lower part only if nothing is left of all. */
static void shard_sub(struct shard *shard, uint64_t inode, uint64_t left)
{
	uint64_t high = high_of(shard, inode), new_high = left ? (left - 1) / HIGH_UNIT : 0;
	if (new_high > high)
		new_high = high;
	if (left == 0 && high)
		set_count(shard, tag_of(inode, true), 0);
	set_count(shard, tag_of(inode, false), left - new_high * HIGH_UNIT);
	if (left > 0 && new_high != high) /* last: too high meanwhile */
		set_count(shard, tag_of(inode, true), new_high);
}

/* ---- all of them ---- */

/* What a process before this one has left. */
static int shard_take_over(struct lookups *lookups, unsigned number)
{
	struct shard *shard = &lookups->shards[number];
	uint64_t state = atomic_load(state_of(lookups, number));
	size_t capacity = (size_t)(state >> 1);
	if (capacity > lookups->half_bytes / sizeof(struct entry))
		return -EINVAL;
	/* It may have been killed while it copied. */
	lookups->memory->clear(half_at(lookups, number, !(state & 1)), lookups->half_bytes);
	shard->capacity = capacity;
	shard->entries = capacity ? half_at(lookups, number, state & 1) : NULL;
	for (size_t i = 0; i < capacity; i++) {
		const struct entry *at = &shard->entries[i];
		bool counts = entry_count(at) > 0;
		shard->used += load(at) != 0;
		shard->counting += counts;
		shard->highs += counts && (entry_tag(at) & 1);
	}
	if (capacity && shard->used == capacity)
		return -EINVAL; /* a search would not end */
	return 0;
}

int lookups_open(const struct fs_lookup_memory *memory, struct lookups **ret_lookups)
{
	struct lookups *lookups = aligned_alloc(_Alignof(struct lookups), sizeof(*lookups));
	int result = 0;
	if (!lookups)
		return -ENOMEM;
	lookups->memory = memory;
	if (memory) {
		lookups->half_bytes = (memory->size - STATE_BYTES) / (2 * SHARDS);
		lookups->half_bytes -= lookups->half_bytes % HALF_ALIGN;
	}
	for (unsigned i = 0; i < SHARDS; i++) {
		lookups->shards[i] = (struct shard){.entries = NULL};
		pthread_mutex_init(&lookups->shards[i].lock, NULL);
		if (memory && !result)
			result = shard_take_over(lookups, i);
	}
	if (result)
		lookups_close(lookups);
	else
		*ret_lookups = lookups;
	return result;
}

void lookups_close(struct lookups *lookups)
{
	if (!lookups)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		pthread_mutex_destroy(&lookups->shards[i].lock);
		if (!lookups->memory)
			free(lookups->shards[i].entries);
	}
	free(lookups);
}

int lookups_add(struct lookups *lookups, uint64_t inode)
{
	if (!lookups)
		return 0;
	if (inode >= INODE_LIMIT)
		return -ESTALE;
	struct shard *shard = &lookups->shards[shard_of(inode)];
	pthread_mutex_lock(&shard->lock);
	int result = shard_grow(lookups, shard_of(inode));
	if (!result)
		result = shard_add(shard, inode);
	pthread_mutex_unlock(&shard->lock);
	return result;
}

bool lookups_sub(struct lookups *lookups, uint64_t inode, uint64_t count)
{
	if (!lookups || inode >= INODE_LIMIT)
		return true;
	struct shard *shard = &lookups->shards[shard_of(inode)];
	pthread_mutex_lock(&shard->lock);
	uint64_t total = total_of(shard, inode), left = total > count ? total - count : 0;
	if (left < total) {
		shard_sub(shard, inode, left);
		if (left == 0)
			shard_shrink(lookups, shard_of(inode));
	}
	pthread_mutex_unlock(&shard->lock);
	return left == 0;
}

bool lookups_known(struct lookups *lookups, uint64_t inode)
{
	if (!lookups || inode >= INODE_LIMIT)
		return false;
	struct shard *shard = &lookups->shards[shard_of(inode)];
	pthread_mutex_lock(&shard->lock);
	bool known = total_of(shard, inode) > 0;
	pthread_mutex_unlock(&shard->lock);
	return known;
}

uint64_t lookups_known_count(struct lookups *lookups)
{
	uint64_t count = 0;
	for (unsigned i = 0; lookups && i < SHARDS; i++) {
		pthread_mutex_lock(&lookups->shards[i].lock);
		count += lookups->shards[i].counting - lookups->shards[i].highs;
		pthread_mutex_unlock(&lookups->shards[i].lock);
	}
	return count;
}

uint64_t fs_known_inodes(struct fs *fs)
{
	return lookups_known_count(fs->lookups);
}
