/* Free space and a model of it: what each block is, and the checks that both agree. */
#ifndef MMFS_ALLOC_TRIAL_H
#define MMFS_ALLOC_TRIAL_H

#include "backend_fixture.h"
#include "random.h"
#include "../../backend/alloc_i.h"

#define LIMIT_BLOCKS (3 * ZONE_BLOCKS) /* more than two zones */
#define RANGES_MAX   3000u

enum block_state { FREE, RESERVED, USED };

struct ranges {
	struct block_range range[RANGES_MAX];
	unsigned count;
};

struct trial {
	struct backend b;
	struct random random;
	uint8_t block[LIMIT_BLOCKS];	  /* enum block_state */
	uint64_t freed_lsn[LIMIT_BLOCKS]; /* of the record that freed it last */
	struct ranges reserved, used;
	uint64_t used_blocks, reserved_blocks;
	uint64_t items; /* of the tree, so that metadata is among the data */
};

static inline void trial_open(struct trial *t, uint64_t limit_blocks)
{
	struct image_options options = {
	    .no_syncer = true, .limit_bytes = limit_blocks << BLOCK_SHIFT, .overlay_max = 1u << 20};
	int result = backend_try(&t->b, &options);

	if (result)
		print_error("image_open: %s: %s\n", strerror(-result), t->b.report.text);
	assert_int_equal(result, 0);
}

static inline void trial_start(struct trial *t, uint64_t seed, uint64_t limit_blocks)
{
	print_message("seed %llu\n", (unsigned long long)seed);
	memset(t, 0, sizeof(*t));
	t->random.state = seed;
	backend_make(&t->b, 1u << 20);
	trial_open(t, limit_blocks);
}

static inline struct block_range take_any(struct trial *t, struct ranges *ranges)
{
	unsigned at = (unsigned)random_below(&t->random, ranges->count);
	struct block_range range = ranges->range[at];

	ranges->range[at] = ranges->range[--ranges->count];
	return range;
}

static inline void add_range(struct ranges *ranges, struct block_range range)
{
	assert_true(ranges->count < RANGES_MAX);
	ranges->range[ranges->count++] = range;
}

static inline void set_state(struct trial *t, struct block_range range, enum block_state from,
			     enum block_state to)
{
	for (uint64_t block = range.start; block < range.start + range.count; block++) {
		assert_true(block < LIMIT_BLOCKS);
		assert_int_equal(t->block[block], from);
		t->block[block] = (uint8_t)to;
	}
	t->used_blocks += to == USED ? range.count : 0;
	t->used_blocks -= from == USED ? range.count : 0;
	t->reserved_blocks += to == RESERVED ? range.count : 0;
	t->reserved_blocks -= from == RESERVED ? range.count : 0;
}

/* ---- what is done ---- */

static inline int reserve(struct trial *t, uint64_t want)
{
	uint64_t goal = random_below(&t->random, 2) ? random_below(&t->random, LIMIT_BLOCKS) : 0;
	uint8_t byte = 1;
	struct block_range range = {0};
	int result = data_reserve(t->b.image, goal, want, &range);

	if (result < 0)
		return result;
	assert_true(range.count >= 1 && range.count <= want);
	assert_true(data_valid(t->b.image, range.start, range.count));
	for (uint64_t block = range.start; block < range.start + range.count; block++) {
		assert_true(t->freed_lsn[block] <= image_sealed(t->b.image));
		assert_false(alloc_is_metadata_place(t->b.image, block));
	}
	set_state(t, range, FREE, RESERVED);
	add_range(&t->reserved, range);
	assert_int_equal(data_write(t->b.image, (range.start + range.count) * BLOCK_SIZE - 1, &byte, 1), 0);
	return 0;
}

/* Claims, frees and metadata in one transaction; sometimes taken back. */
static inline int transact(struct trial *t)
{
	struct block_range claimed[4], freed[4];
	unsigned claims = 0, frees = 0;
	bool aborted = random_below(&t->random, 4) == 0;
	struct txn *txn;
	uint64_t lsn;
	uint8_t bytes[ITEM_MAX] = {0};
	int result = txn_begin(t->b.image, 4, 0, &txn);

	if (result < 0)
		return result;
	while (t->reserved.count > 0 && claims < random_below(&t->random, 4)) {
		claimed[claims] = take_any(t, &t->reserved);
		assert_int_equal(data_claim(txn, claimed[claims]), 0);
		claims++;
	}
	while (t->used.count > 0 && frees < random_below(&t->random, 4)) {
		freed[frees] = take_any(t, &t->used);
		assert_int_equal(data_free(txn, freed[frees]), 0);
		frees++;
	}
	if (random_below(&t->random, 2)) {
		assert_int_equal(tree_put(txn, TREE_FILES, backend_key(t->items + 1), bytes,
					  random_below(&t->random, ITEM_MAX)),
				 0);
		t->items += aborted ? 0 : 1;
	} else if (t->items > 0 && random_below(&t->random, 3)) {
		assert_int_equal(tree_delete(txn, TREE_FILES, backend_key(t->items)), 0);
		t->items -= aborted ? 0 : 1;
	}
	if (aborted) {
		txn_abort(txn);
	} else {
		lsn = UINT64_MAX;
		assert_int_equal(txn_commit(txn, &lsn), 0);
	}
	while (claims-- > 0) {
		add_range(aborted ? &t->reserved : &t->used, claimed[claims]);
		if (!aborted)
			set_state(t, claimed[claims], RESERVED, USED);
	}
	while (frees-- > 0) {
		if (aborted) {
			add_range(&t->used, freed[frees]);
			continue;
		}
		set_state(t, freed[frees], USED, FREE);
		for (uint64_t i = 0; i < freed[frees].count; i++)
			t->freed_lsn[freed[frees].start + i] = lsn;
	}
	return 0;
}

static inline void release(struct trial *t)
{
	struct block_range range, part;

	if (t->reserved.count == 0)
		return;
	range = take_any(t, &t->reserved);
	/* a part of it first, as a caller does that used less than it got */
	part = (struct block_range){.start = range.start + range.count / 2,
				    .count = range.count - range.count / 2};
	set_state(t, range, RESERVED, FREE);
	data_release(t->b.image, part);
	part = (struct block_range){.start = range.start, .count = range.count / 2};
	if (part.count > 0)
		data_release(t->b.image, part);
}

/* ---- what is checked ---- */

/* Metadata blocks in use and the bits of all maps, which have to be those of the model. */
static inline uint64_t check_maps(struct trial *t)
{
	struct image *image = t->b.image;
	const struct roots_disk *roots;
	const struct map_disk *map;
	uint64_t metadata = 0, data = 0;

	assert_int_equal(image_block(image, image->roots_block, MAGIC_ROOTS, (const void **)&roots), 0);
	assert_int_equal(le64_get(roots->zones), image->alloc.zone_count);
	for (uint64_t zone = 0; zone < le64_get(roots->zones); zone++) {
		uint64_t start = image->zone_first + zone * ZONE_BLOCKS;

		assert_int_equal(image_block(image, start, MAGIC_MAP, (const void **)&map), 0);
		for (uint64_t i = 0; i < ZONE_BLOCKS; i++) {
			bool set = map->bitmap[i / 8] >> (i % 8) & 1;
			uint8_t type = map->group_type[i / GROUP_BLOCKS];

			if (i == 0 || start + i == image->roots_block) {
				assert_true(set);
			} else if (set && type == GROUP_METADATA) {
				metadata++;
			} else if (set) {
				assert_int_equal(type, GROUP_DATA);
				assert_int_equal(t->block[start + i], USED);
				data++;
			}
		}
	}
	assert_int_equal(data, t->used_blocks);
	assert_int_equal(le64_get(roots->data_blocks), data);
	assert_int_equal(le64_get(roots->meta_blocks), metadata);
	return metadata;
}

/* Everything that is counted, from the bits in memory. */
static inline void check_counts(struct trial *t)
{
	struct alloc *alloc = &t->b.image->alloc;
	uint64_t metadata, ready = 0, quarantined = 0, free_blocks = 0;

	image_read_lock(t->b.image);
	metadata = check_maps(t);
	image_read_unlock(t->b.image);
	for (size_t i = 0; i < alloc->quarantine_count; i++)
		quarantined += alloc->quarantine[i].range.count;
	for (uint64_t zone = 0; zone < alloc->zone_count; zone++) {
		for (unsigned group = 0; group < ZONE_GROUPS; group++) {
			const struct alloc_group *at = &alloc->zones[zone]->groups[group];
			unsigned clear = 0;

			for (unsigned i = 0; i < GROUP_BLOCKS; i++)
				clear += !bitmap_get(alloc->zones[zone]->bits, group * GROUP_BLOCKS + i);
			assert_int_equal(at->free, clear);
			assert_true(at->used > 0 || at->type != GROUP_DATA);
			assert_true(at->used == 0 || at->type != GROUP_NONE);
			free_blocks += clear;
			ready += at->type == GROUP_METADATA ? zone_ready(alloc->zones[zone], group) : 0;
		}
	}
	assert_int_equal(alloc->meta_ready, ready);
	assert_int_equal(alloc->meta_promised, 0);
	assert_int_equal(alloc_free_blocks(t->b.image), free_blocks + quarantined);
	if (alloc->limit_blocks >= t->b.image->zone_first + alloc->zone_count * ZONE_BLOCKS)
		assert_int_equal(alloc_free_blocks(t->b.image) + t->used_blocks + t->reserved_blocks +
				     metadata,
				 alloc->zone_count * (ZONE_BLOCKS - 1) - 1);
}

static inline void drop_reserved(struct trial *t)
{
	while (t->reserved.count > 0)
		release(t);
}

/* Frees all and closes: the file gets small again, but for a chunk with metadata blocks for deletes. */
static inline void finish(struct trial *t)
{
	struct txn *txn;
	size_t first_size;

	drop_reserved(t);
	while (t->used.count > 0) {
		unsigned some = t->used.count < 50 ? t->used.count : 50;

		assert_int_equal(txn_begin(t->b.image, some, TXN_RELEASES, &txn), 0);
		for (unsigned i = 0; i < some; i++) {
			struct block_range range = take_any(t, &t->used);

			set_state(t, range, USED, FREE);
			assert_int_equal(data_free(txn, range), 0);
		}
		assert_int_equal(txn_commit(txn, NULL), 0);
	}
	while (t->items > 0) {
		assert_int_equal(txn_begin(t->b.image, 1, TXN_RELEASES, &txn), 0);
		assert_int_equal(tree_delete(txn, TREE_FILES, backend_key(t->items--)), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
	}
	check_counts(t);
	first_size = (t->b.image->zone_first + CHUNK_BLOCKS) * BLOCK_SIZE;
	backend_close(&t->b);
	trial_open(t, LIMIT_BLOCKS);
	assert_int_equal(t->b.image->alloc.zone_count, 1);
	assert_true(store_size(t->b.image->store) <= first_size);
	backend_close(&t->b);
	backend_remove(&t->b);
}

#endif
