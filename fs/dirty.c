/*
 * What an fsync of an inode must cover: the ranges overwritten in place since its last one, and the last
 * record that touched its size or extents. And whether there are fsyncs as it grows, for prepare.c.
 *
 * A range taken by a sync stays until that sync has succeeded (dirty_synced), under the sync's ticket, so
 * that a second fsync of the same file covers it as well and cannot return before it is durable. An overwrite
 * in the meantime makes a new range.
 *
 * The table is bounded. An entry without ranges may go at any time: its LSN is then "not known", and the sync
 * covers everything up to the head. When an entry with ranges has to go, or memory has run out, `lost` is set
 * and every sync is one of the whole image until such a sync has succeeded.
 */
#include "file_i.h"

#include <stdlib.h>
#include <string.h>

#define DIRTY_BUCKETS 8192u
#define DIRTY_ENTRIES 65536u
#define DIRTY_SWEEP   64u /* buckets looked through for an entry that may go */
#define SYNCED_OFTEN  16u /* records between two syncs of a file that is synced as it grows */

struct dirty_range {
	uint64_t offset, end; /* bytes of the image */
	uint64_t ticket;      /* of the sync that took it last; 0: none has */
};

struct dirty_entry {
	struct dirty_entry *next; /* in the bucket */
	uint64_t inode;
	uint64_t lsn;		    /* UINT64_MAX: not known */
	uint64_t made;		    /* the last ticket before */
	struct dirty_range *ranges; /* DIRTY_RANGES of them; NULL until the first one */
	unsigned count;
	unsigned records_left; /* until the file counts as one that is not synced as it grows */
	struct block_range prepared;
};

struct dirty {
	pthread_mutex_t lock; /* guards everything */
	struct dirty_entry *buckets[DIRTY_BUCKETS];
	size_t entries;
	unsigned hand; /* bucket where the next entry to go is looked for */
	uint64_t last_ticket;
	bool lost;	      /* ranges have been dropped: of whom is not known */
	uint64_t lost_ticket; /* last one given out when that happened last: a later sync of all mends it */
};

int dirty_open(struct dirty **ret_dirty)
{
	struct dirty *dirty = calloc(1, sizeof(*dirty));
	if (!dirty)
		return -ENOMEM;
	pthread_mutex_init(&dirty->lock, NULL);
	*ret_dirty = dirty;
	return 0;
}

static void dirty_free_entry(struct dirty_entry *entry)
{
	free(entry->ranges);
	free(entry);
}

void dirty_close(struct dirty *dirty)
{
	if (!dirty)
		return;
	for (unsigned i = 0; i < DIRTY_BUCKETS; i++) {
		while (dirty->buckets[i]) {
			struct dirty_entry *entry = dirty->buckets[i];
			dirty->buckets[i] = entry->next;
			dirty_free_entry(entry);
		}
	}
	pthread_mutex_destroy(&dirty->lock);
	free(dirty);
}

static void dirty_lose(struct dirty *dirty)
{
	dirty->lost = true;
	dirty->lost_ticket = dirty->last_ticket;
}

static unsigned dirty_bucket(uint64_t inode)
{
	return (unsigned)((inode * UINT64_C(0x9e3779b97f4a7c15)) >> 51) % DIRTY_BUCKETS;
}

/* Where the pointer to the entry stands, or would. */
static struct dirty_entry **dirty_place(struct dirty *dirty, uint64_t inode)
{
	struct dirty_entry **place = &dirty->buckets[dirty_bucket(inode)];
	while (*place && (*place)->inode != inode)
		place = &(*place)->next;
	return place;
}

static void dirty_drop(struct dirty *dirty, struct dirty_entry **place)
{
	struct dirty_entry *entry = *place;
	*place = entry->next;
	dirty_free_entry(entry);
	dirty->entries--;
}

/* Makes room for one: an entry without ranges if one is near, else any. */
static void dirty_evict(struct dirty *dirty)
{
	struct dirty_entry **any = NULL;
	for (unsigned i = 0; i < DIRTY_SWEEP || !any; i++) {
		struct dirty_entry **place = &dirty->buckets[dirty->hand];
		dirty->hand = (dirty->hand + 1) % DIRTY_BUCKETS;
		for (; *place; place = &(*place)->next) {
			any = place;
			if ((*place)->count == 0) {
				dirty_drop(dirty, place);
				return;
			}
		}
	}
	dirty_drop(dirty, any);
	dirty_lose(dirty);
}

/* NULL: no memory. */
static struct dirty_entry *dirty_entry_of(struct dirty *dirty, uint64_t inode)
{
	struct dirty_entry *entry = *dirty_place(dirty, inode);
	if (entry)
		return entry;
	if (dirty->entries >= DIRTY_ENTRIES)
		dirty_evict(dirty);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->inode = inode;
	entry->lsn = UINT64_MAX;
	entry->made = dirty->last_ticket;
	struct dirty_entry **bucket = &dirty->buckets[dirty_bucket(inode)];
	entry->next = *bucket;
	*bucket = entry;
	dirty->entries++;
	return entry;
}

static uint64_t dirty_gap(const struct dirty_range *range, uint64_t offset, uint64_t end)
{
	if (range->offset > end)
		return range->offset - end;
	return offset > range->end ? offset - range->end : 0;
}

/* Joins [offset, end) to what touches it and no sync has taken; with all places taken up, to the nearest. */
static void dirty_add_range(struct dirty_entry *entry, uint64_t offset, uint64_t end)
{
	struct dirty_range *nearest = NULL;
	uint64_t nearest_gap = UINT64_MAX;
	for (unsigned i = 0; i < entry->count; i++) {
		struct dirty_range *range = &entry->ranges[i];
		uint64_t gap = dirty_gap(range, offset, end);
		if (gap == 0 && range->ticket == 0) {
			nearest = range;
			nearest_gap = 0;
			break;
		}
		if (gap < nearest_gap) {
			nearest = range;
			nearest_gap = gap;
		}
	}
	bool touches = nearest && nearest_gap == 0 && nearest->ticket == 0;
	if (!touches && entry->count < DIRTY_RANGES) {
		entry->ranges[entry->count++] = (struct dirty_range){.offset = offset, .end = end};
		return;
	}
	nearest->offset = smaller(nearest->offset, offset);
	nearest->end = larger(nearest->end, end);
	nearest->ticket = 0;
}

void dirty_add(struct dirty *dirty, uint64_t inode, uint64_t offset, uint64_t length)
{
	if (length == 0)
		return;
	pthread_mutex_lock(&dirty->lock);
	struct dirty_entry *entry = dirty_entry_of(dirty, inode);
	if (entry && !entry->ranges)
		entry->ranges = calloc(DIRTY_RANGES, sizeof(*entry->ranges));
	if (entry && entry->ranges)
		dirty_add_range(entry, offset, offset + length);
	else
		dirty_lose(dirty);
	pthread_mutex_unlock(&dirty->lock);
}

void dirty_note_lsn(struct dirty *dirty, uint64_t inode, uint64_t lsn)
{
	pthread_mutex_lock(&dirty->lock);
	struct dirty_entry *entry = dirty_entry_of(dirty, inode);
	if (entry)
		entry->lsn = entry->lsn == UINT64_MAX ? lsn : larger(entry->lsn, lsn);
	if (entry && entry->records_left > 0)
		entry->records_left--;
	pthread_mutex_unlock(&dirty->lock);
}

uint64_t dirty_take(struct dirty *dirty, uint64_t inode, struct byte_range *ret_ranges, size_t room,
		    size_t *ret_count, uint64_t *ret_lsn)
{
	pthread_mutex_lock(&dirty->lock);
	uint64_t ticket = ++dirty->last_ticket;
	struct dirty_entry *entry = *dirty_place(dirty, inode);
	bool all = dirty->lost || (entry && entry->count > room);
	size_t count = 0;
	if (all)
		ret_ranges[count++] = (struct byte_range){.offset = 0, .length = UINT64_MAX};
	for (unsigned i = 0; entry && i < entry->count; i++) {
		struct dirty_range *range = &entry->ranges[i];
		if (!all)
			ret_ranges[count++] = (struct byte_range){.offset = range->offset,
								  .length = range->end - range->offset};
		if (range->ticket == 0)
			range->ticket = ticket;
	}
	*ret_count = count;
	*ret_lsn = entry ? entry->lsn : UINT64_MAX;
	if (entry)
		entry->records_left = SYNCED_OFTEN;
	pthread_mutex_unlock(&dirty->lock);
	return ticket;
}

void dirty_synced(struct dirty *dirty, uint64_t inode, uint64_t ticket, uint64_t lsn)
{
	pthread_mutex_lock(&dirty->lock);
	struct dirty_entry *entry = *dirty_place(dirty, inode);
	unsigned kept = 0;
	for (unsigned i = 0; entry && i < entry->count; i++)
		if (entry->ranges[i].ticket != ticket)
			entry->ranges[kept++] = entry->ranges[i];
	if (entry)
		entry->count = kept;
	/* No record has touched it since, or it would be known. */
	if (entry && entry->lsn == UINT64_MAX && entry->made < ticket)
		entry->lsn = lsn;
	if (ticket > dirty->lost_ticket) /* it was given out after the loss, so it took everything */
		dirty->lost = false;
	pthread_mutex_unlock(&dirty->lock);
}

bool dirty_wants_prepared(struct dirty *dirty, uint64_t inode, struct block_range range)
{
	pthread_mutex_lock(&dirty->lock);
	const struct dirty_entry *entry = *dirty_place(dirty, inode);
	bool wants = entry && entry->records_left > 0 &&
		     (range.start < entry->prepared.start ||
		      range.start + range.count > entry->prepared.start + entry->prepared.count);
	pthread_mutex_unlock(&dirty->lock);
	return wants;
}

void dirty_note_prepared(struct dirty *dirty, uint64_t inode, struct block_range range)
{
	pthread_mutex_lock(&dirty->lock);
	struct dirty_entry *entry = dirty_entry_of(dirty, inode);
	if (entry)
		entry->prepared = range;
	pthread_mutex_unlock(&dirty->lock);
}

void dirty_forget(struct dirty *dirty, uint64_t inode)
{
	pthread_mutex_lock(&dirty->lock);
	struct dirty_entry **place = dirty_place(dirty, inode);
	if (*place)
		dirty_drop(dirty, place);
	pthread_mutex_unlock(&dirty->lock);
}
