/*
 * How often the kernel knows each inode: inode number -> count. Open addressing with linear probing, 16 bytes
 * an entry, in shards of their own so that threads seldom meet. An entry whose count falls to 0 keeps its
 * place until the shard's table is copied: into a larger one when it is 3/4 full, into a smaller one when
 * little of it is left.
 *
 * The tables may lie in memory that outlives this process (struct fs_lookup_memory):
 *
 *   | state: a word for each shard | shard 0: half 0, half 1 | shard 1: half 0, half 1 | ...
 *
 * A shard's word says which half holds its table, and how many entries that has; a copy goes into the other
 * half, and then the word changes. Each step is one store, in this order, so a kill at any point leaves a
 * table that is right.
 */
#include "fs_i.h"

#include <errno.h>
#include <stdlib.h>

#define SHARDS	    64u
#define SHARD_BITS  6u
#define TABLE_LEAST 64u
#define STATE_BYTES 65536u
#define HALF_ALIGN  65536u /* a multiple of every page size in use */

struct entry {
	atomic_ullong inode; /* 0: free */
	atomic_ullong count; /* 0: nobody knows it any more */
};
static_assert(sizeof(struct entry) == 16, "promised to users");

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct entry *entries; /* NULL until the first one */
	size_t capacity;       /* 0 or a power of two */
	size_t used;	       /* entries that are not free ... */
	size_t known;	       /* ... and those of them with a count */
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

static uint64_t mix(uint64_t inode)
{
	uint64_t hash = inode * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 32);
}

static uint64_t entry_inode(const struct entry *entry)
{
	return atomic_load_explicit(&entry->inode, memory_order_relaxed);
}

static uint64_t entry_count(const struct entry *entry)
{
	return atomic_load_explicit(&entry->count, memory_order_relaxed);
}

static void entry_set_count(struct entry *entry, uint64_t count)
{
	atomic_store_explicit(&entry->count, count, memory_order_release);
}

/* Where it stands, or the free place where it would. */
static struct entry *place_of(struct entry *entries, size_t capacity, uint64_t inode)
{
	size_t at = (mix(inode) >> SHARD_BITS) & (capacity - 1);
	while (entry_inode(&entries[at]) && entry_inode(&entries[at]) != inode)
		at = (at + 1) & (capacity - 1);
	return &entries[at];
}

static struct entry *find(const struct shard *shard, uint64_t inode)
{
	if (!shard->capacity)
		return NULL;
	struct entry *entry = place_of(shard->entries, shard->capacity, inode);
	return entry_inode(entry) && entry_count(entry) ? entry : NULL;
}

/* The count first: a place without a number is free, whatever its count. */
static void entry_put(struct entry *entry, uint64_t inode, uint64_t count)
{
	entry_set_count(entry, count);
	atomic_store_explicit(&entry->inode, inode, memory_order_release);
}

/* Copies what is known into a table of its own. */
static int shard_resize(struct lookups *lookups, unsigned number, size_t capacity)
{
	struct shard *shard = &lookups->shards[number];
	struct entry *entries = table_new(lookups, number, capacity);
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < shard->capacity; i++) {
		uint64_t inode = entry_inode(&shard->entries[i]), count = entry_count(&shard->entries[i]);
		if (inode && count)
			entry_put(place_of(entries, capacity, inode), inode, count);
	}
	shard->used = shard->known;
	table_replace(lookups, number, entries, capacity);
	return 0;
}

/* Room for one more. */
static int shard_grow(struct lookups *lookups, unsigned number)
{
	struct shard *shard = &lookups->shards[number];
	if ((shard->used + 1) * 4 <= shard->capacity * 3)
		return 0;
	size_t capacity = shard->capacity ? shard->capacity : TABLE_LEAST;
	if (shard->known * 2 > capacity)
		capacity *= 2;
	return shard_resize(lookups, number, capacity);
}

/* ---- all of them ---- */

static unsigned shard_of(uint64_t inode)
{
	return (unsigned)(mix(inode) % SHARDS);
}

/* What a process before this one has left. */
static int shard_take_over(struct lookups *lookups, unsigned number)
{
	struct shard *shard = &lookups->shards[number];
	uint64_t state = atomic_load(state_of(lookups, number));
	size_t capacity = (size_t)(state >> 1);
	if (capacity > lookups->half_bytes / sizeof(struct entry) || (capacity & (capacity - 1)))
		return -EINVAL;
	/* It may have been killed while it copied. */
	lookups->memory->clear(half_at(lookups, number, !(state & 1)), lookups->half_bytes);
	shard->capacity = capacity;
	shard->entries = capacity ? half_at(lookups, number, state & 1) : NULL;
	for (size_t i = 0; i < capacity; i++) {
		shard->used += entry_inode(&shard->entries[i]) != 0;
		shard->known += entry_inode(&shard->entries[i]) && entry_count(&shard->entries[i]);
	}
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
	struct shard *shard = &lookups->shards[shard_of(inode)];
	pthread_mutex_lock(&shard->lock);
	int result = shard_grow(lookups, shard_of(inode));
	if (!result) {
		struct entry *entry = place_of(shard->entries, shard->capacity, inode);
		uint64_t count = entry_inode(entry) ? entry_count(entry) : 0;
		shard->used += !entry_inode(entry);
		shard->known += !count;
		entry_put(entry, inode, count + 1);
	}
	pthread_mutex_unlock(&shard->lock);
	return result;
}

bool lookups_sub(struct lookups *lookups, uint64_t inode, uint64_t count)
{
	if (!lookups)
		return true;
	struct shard *shard = &lookups->shards[shard_of(inode)];
	bool none = true;
	pthread_mutex_lock(&shard->lock);
	struct entry *entry = find(shard, inode);
	if (entry && entry_count(entry) > count) {
		entry_set_count(entry, entry_count(entry) - count);
		none = false;
	} else if (entry) {
		entry_set_count(entry, 0);
		shard->known--;
		if (shard->capacity > TABLE_LEAST && shard->known < shard->capacity / 8) {
			/* Without memory it just stays large. */
			int result = shard_resize(lookups, shard_of(inode), shard->capacity / 2);
			(void)result;
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return none;
}

bool lookups_known(struct lookups *lookups, uint64_t inode)
{
	if (!lookups)
		return false;
	struct shard *shard = &lookups->shards[shard_of(inode)];
	pthread_mutex_lock(&shard->lock);
	bool known = find(shard, inode) != NULL;
	pthread_mutex_unlock(&shard->lock);
	return known;
}

uint64_t lookups_known_count(struct lookups *lookups)
{
	uint64_t count = 0;
	for (unsigned i = 0; lookups && i < SHARDS; i++) {
		pthread_mutex_lock(&lookups->shards[i].lock);
		count += lookups->shards[i].known;
		pthread_mutex_unlock(&lookups->shards[i].lock);
	}
	return count;
}

uint64_t fs_known_inodes(struct fs *fs)
{
	return lookups_known_count(fs->lookups);
}
