/*
 * How often the kernel knows each inode: inode number -> count. Open addressing with linear probing, 16 bytes
 * an entry, in shards of their own so that threads seldom meet. Tables grow at 3/4 full and shrink below 1/8.
 */
#include "fs_i.h"

#include <errno.h>
#include <stdlib.h>

#define SHARDS	    64u
#define SHARD_BITS  6u
#define TABLE_LEAST 64u

struct entry {
	uint64_t inode; /* 0: free */
	uint64_t count;
};

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct entry *entries; /* NULL until the first one */
	size_t capacity;       /* 0 or a power of two */
	size_t used;
};

struct lookups {
	struct shard shards[SHARDS];
};

static uint64_t mix(uint64_t inode)
{
	uint64_t hash = inode * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 32);
}

static struct shard *shard_of(struct lookups *lookups, uint64_t inode)
{
	return &lookups->shards[mix(inode) % SHARDS];
}

/* Where it stands, or the free place where it would. */
static size_t place_of(const struct entry *entries, size_t capacity, uint64_t inode)
{
	size_t at = (mix(inode) >> SHARD_BITS) & (capacity - 1);
	while (entries[at].inode && entries[at].inode != inode)
		at = (at + 1) & (capacity - 1);
	return at;
}

static int shard_resize(struct shard *shard, size_t capacity)
{
	struct entry *entries = calloc(capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < shard->capacity; i++) {
		if (shard->entries[i].inode)
			entries[place_of(entries, capacity, shard->entries[i].inode)] = shard->entries[i];
	}
	free(shard->entries);
	shard->entries = entries;
	shard->capacity = capacity;
	return 0;
}

/* Frees the place and moves entries of the same run up, so that no search stops too early. */
static void shard_remove(struct shard *shard, size_t hole)
{
	size_t mask = shard->capacity - 1;
	for (size_t at = (hole + 1) & mask; shard->entries[at].inode; at = (at + 1) & mask) {
		size_t home = (mix(shard->entries[at].inode) >> SHARD_BITS) & mask;
		if (((at - home) & mask) < ((at - hole) & mask))
			continue; /* its home lies behind the hole */
		shard->entries[hole] = shard->entries[at];
		hole = at;
	}
	shard->entries[hole] = (struct entry){0};
	shard->used--;
	if (shard->capacity > TABLE_LEAST && shard->used < shard->capacity / 8) {
		/* Without memory it just stays large. */
		int result = shard_resize(shard, shard->capacity / 2);
		(void)result;
	}
}

int lookups_open(struct lookups **ret_lookups)
{
	struct lookups *lookups = aligned_alloc(_Alignof(struct lookups), sizeof(*lookups));
	if (!lookups)
		return -ENOMEM;
	for (unsigned i = 0; i < SHARDS; i++) {
		lookups->shards[i] = (struct shard){.entries = NULL};
		pthread_mutex_init(&lookups->shards[i].lock, NULL);
	}
	*ret_lookups = lookups;
	return 0;
}

void lookups_close(struct lookups *lookups)
{
	if (!lookups)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		pthread_mutex_destroy(&lookups->shards[i].lock);
		free(lookups->shards[i].entries);
	}
	free(lookups);
}

int lookups_add(struct lookups *lookups, uint64_t inode)
{
	if (!lookups)
		return 0;
	struct shard *shard = shard_of(lookups, inode);
	int result = 0;
	pthread_mutex_lock(&shard->lock);
	if ((shard->used + 1) * 4 > shard->capacity * 3)
		result = shard_resize(shard, shard->capacity ? shard->capacity * 2 : TABLE_LEAST);
	if (!result) {
		struct entry *entry = &shard->entries[place_of(shard->entries, shard->capacity, inode)];
		if (!entry->inode) {
			entry->inode = inode;
			shard->used++;
		}
		entry->count++;
	}
	pthread_mutex_unlock(&shard->lock);
	return result;
}

bool lookups_sub(struct lookups *lookups, uint64_t inode, uint64_t count)
{
	if (!lookups)
		return true;
	struct shard *shard = shard_of(lookups, inode);
	bool none = true;
	pthread_mutex_lock(&shard->lock);
	if (shard->capacity) {
		size_t at = place_of(shard->entries, shard->capacity, inode);
		struct entry *entry = &shard->entries[at];
		if (entry->inode && entry->count > count) {
			entry->count -= count;
			none = false;
		} else if (entry->inode) {
			shard_remove(shard, at);
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return none;
}

bool lookups_known(struct lookups *lookups, uint64_t inode)
{
	if (!lookups)
		return false;
	struct shard *shard = shard_of(lookups, inode);
	pthread_mutex_lock(&shard->lock);
	bool known = shard->capacity &&
		     shard->entries[place_of(shard->entries, shard->capacity, inode)].inode == inode;
	pthread_mutex_unlock(&shard->lock);
	return known;
}
