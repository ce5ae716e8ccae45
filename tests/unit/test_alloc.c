/*
 * Free space against a model: no block is given out twice, none that was freed before its record is sealed
 * (R11), none of the metadata's; counts and maps are right, before and after opening anew.
 */
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

static void trial_open(struct trial *t, uint64_t limit_blocks)
{
	struct image_options options = {
	    .no_syncer = true, .limit_bytes = limit_blocks << BLOCK_SHIFT, .overlay_max = 1u << 20};
	int result = backend_try(&t->b, &options);

	if (result)
		print_error("image_open: %s: %s\n", strerror(-result), t->b.report.text);
	assert_int_equal(result, 0);
}

static void trial_start(struct trial *t, uint64_t seed, uint64_t limit_blocks)
{
	print_message("seed %llu\n", (unsigned long long)seed);
	memset(t, 0, sizeof(*t));
	t->random.state = seed;
	backend_make(&t->b, 1u << 20);
	trial_open(t, limit_blocks);
}

static struct block_range take_any(struct trial *t, struct ranges *ranges)
{
	unsigned at = (unsigned)random_below(&t->random, ranges->count);
	struct block_range range = ranges->range[at];

	ranges->range[at] = ranges->range[--ranges->count];
	return range;
}

static void add_range(struct ranges *ranges, struct block_range range)
{
	assert_true(ranges->count < RANGES_MAX);
	ranges->range[ranges->count++] = range;
}

static void set_state(struct trial *t, struct block_range range, enum block_state from, enum block_state to)
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

static int reserve(struct trial *t, uint64_t want)
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
static int transact(struct trial *t)
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

static void release(struct trial *t)
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
static uint64_t check_maps(struct trial *t)
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
static void check_counts(struct trial *t)
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

static void drop_reserved(struct trial *t)
{
	while (t->reserved.count > 0)
		release(t);
}

/* Frees all and closes: the file gets small again. */
static void finish(struct trial *t)
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
	first_size = (t->b.image->zone_first + 16) * BLOCK_SIZE;
	backend_close(&t->b);
	trial_open(t, LIMIT_BLOCKS);
	assert_int_equal(t->b.image->alloc.zone_count, 1);
	assert_true(store_size(t->b.image->store) <= first_size);
	backend_close(&t->b);
	backend_remove(&t->b);
}

/* ---- tests ---- */

static struct trial trial;

static void random_against_model(void **state)
{
	struct trial *t = &trial;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		trial_start(t, seed, LIMIT_BLOCKS);
		for (unsigned i = 0; i < 2000; i++) {
			unsigned what = (unsigned)random_below(&t->random, 100);

			if (what < 40 && t->used.count + t->reserved.count < RANGES_MAX / 2)
				assert_int_equal(
				    reserve(t, 1 + random_below(&t->random, what < 5 ? 3000 : 20)), 0);
			else if (what < 50)
				release(t);
			else if (what < 97)
				assert_int_equal(transact(t), 0);
			else if (what < 99)
				assert_int_equal(image_sync(t->b.image, image_head(t->b.image), NULL, 0), 0);
			else
				assert_int_equal(image_checkpoint(t->b.image), 0);
			if (i % 250 == 249)
				check_counts(t);
			if (i % 900 == 899) {
				drop_reserved(t);
				backend_kill(&t->b);
				trial_open(t, LIMIT_BLOCKS);
				memset(t->freed_lsn, 0, sizeof(t->freed_lsn));
				check_counts(t);
			}
		}
		finish(t);
	}
}

/* Freed blocks stay out of reach until their record is sealed, then are punched and come back. */
static void quarantine(void **state)
{
	struct trial *t = &trial;
	struct block_range range, other;
	uint64_t allocated_before, allocated_after;
	uint8_t byte = 7;
	struct txn *txn;

	(void)state;
	trial_start(t, 1, LIMIT_BLOCKS);
	assert_int_equal(data_reserve(t->b.image, 0, 256, &range), 0);
	assert_int_equal(range.count, 256);
	assert_int_equal(data_write(t->b.image, range.start * BLOCK_SIZE, &byte, 1), 0);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
	/* not sealed: asking for that very place gives another, and the bytes are there */
	alloc_sealed(t->b.image, image_sealed(t->b.image));
	assert_int_equal(data_reserve(t->b.image, range.start, 1, &other), 0);
	assert_true(other.start < range.start || other.start >= range.start + range.count);
	assert_int_equal(*(const uint8_t *)data_at(t->b.image, range.start * BLOCK_SIZE), 7);
	assert_int_equal(store_allocated(t->b.image->store, &allocated_before), 0);
	assert_int_equal(image_sync(t->b.image, image_head(t->b.image), NULL, 0), 0);
	assert_int_equal(*(const uint8_t *)data_at(t->b.image, range.start * BLOCK_SIZE), 0);
	assert_int_equal(store_allocated(t->b.image->store, &allocated_after), 0);
	assert_true(allocated_after + 200 * BLOCK_SIZE < allocated_before);
	data_release(t->b.image, other);
	assert_int_equal(data_reserve(t->b.image, range.start, 256, &other), 0);
	assert_int_equal(other.start, range.start);
	assert_int_equal(other.count, 256);
	data_release(t->b.image, other);
	backend_close(&t->b);
	backend_remove(&t->b);
}

static void double_free_is_damage(void **state)
{
	struct trial *t = &trial;
	struct block_range range;
	struct txn *txn;

	(void)state;
	trial_start(t, 1, LIMIT_BLOCKS);
	assert_int_equal(data_reserve(t->b.image, 0, 8, &range), 0);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, range), -EUCLEAN); /* reserved is not in use */
	txn_abort(txn);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(data_claim(txn, range), -EUCLEAN);
	txn_abort(txn);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, (struct block_range){t->b.image->zone_first, 1}), -EUCLEAN);
	txn_abort(txn);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, (struct block_range){UINT64_MAX - 1, 2}), -EUCLEAN);
	txn_abort(txn);
	data_release(t->b.image, range);
	backend_close(&t->b);
	backend_remove(&t->b);
}

/* An image that is full: -ENOSPC, everything still right; what is freed can be used at once, since the
 * allocator seals when it finds no room; deleting metadata works. */
static void full_image(void **state)
{
	struct trial *t = &trial;
	uint64_t limit = RING_START + 256 + 2 * GROUP_BLOCKS + 100;
	struct block_range range;
	struct txn *txn;
	int result;

	(void)state;
	trial_start(t, 5, limit);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(transact(t), 0);
	while ((result = reserve(t, 64)) == 0)
		continue;
	assert_int_equal(result, -ENOSPC);
	check_counts(t);
	while (t->reserved.count > 0) {
		result = transact(t);
		if (result < 0)
			break;
	}
	check_counts(t);
	assert_true(store_size(t->b.image->store) <= limit * BLOCK_SIZE);
	/* free one range, without a sync, and reserve again */
	assert_int_equal(txn_begin(t->b.image, 1, TXN_RELEASES, &txn), 0);
	while (t->reserved.count > 0) {
		range = take_any(t, &t->reserved);
		assert_int_equal(data_claim(txn, range), 0);
		set_state(t, range, RESERVED, USED);
		add_range(&t->used, range);
	}
	range = take_any(t, &t->used);
	assert_int_equal(data_free(txn, range), 0);
	set_state(t, range, USED, FREE);
	assert_int_equal(txn_commit(txn, NULL), 0);
	assert_int_equal(reserve(t, range.count), 0);
	check_counts(t);
	finish(t);
}

static int no_space_reserve(struct store *store, uint64_t offset, uint64_t length)
{
	(void)store;
	(void)offset;
	(void)length;
	return -ENOSPC;
}

static int no_space_size(struct store *store, uint64_t size)
{
	(void)size;
	return size > store_size(store) ? -ENOSPC : 0;
}

/* A host without room: only blocks that have space already are given out; deleting works; nothing is lost. */
static void full_host(void **state)
{
	struct trial *t = &trial;
	struct store_ops full;
	const struct store_ops *ops;
	struct txn *txn;
	unsigned deleted = 0;
	int result;

	(void)state;
	trial_start(t, 6, LIMIT_BLOCKS);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(reserve(t, 1 + random_below(&t->random, 20)), 0);
		assert_int_equal(transact(t), 0);
	}
	ops = t->b.image->store->ops;
	full = *ops;
	full.reserve = no_space_reserve;
	full.set_size = no_space_size;
	t->b.image->store->ops = &full;
	while ((result = reserve(t, 8)) == 0) {
		struct block_range range = t->reserved.range[t->reserved.count - 1];
		unsigned at;
		const struct alloc_zone *zone = alloc_zone_of(t->b.image, range.start, &at);

		assert_true(zone_range_backed(zone, at, (unsigned)range.count));
	}
	assert_int_equal(result, -ENOSPC);
	check_counts(t);
	/* what needs metadata works as far as prepared, then says so before anything has changed */
	do {
		result = transact(t);
	} while (result == 0 && t->items < 3000);
	assert_int_equal(result, -ENOSPC);
	check_counts(t);
	while (t->items > 10) {
		assert_int_equal(txn_begin(t->b.image, 1, TXN_RELEASES, &txn), 0);
		assert_int_equal(tree_delete(txn, TREE_FILES, backend_key(t->items--)), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		deleted++;
	}
	assert_true(deleted > 0);
	check_counts(t);
	t->b.image->store->ops = ops;
	assert_int_equal(reserve(t, 100), 0);
	assert_int_equal(transact(t), 0);
	finish(t);
}

/* Trim gives the host what is free, and harms nothing in use. */
static void trim(void **state)
{
	struct trial *t = &trial;
	uint64_t bytes, again;
	uint8_t byte;

	(void)state;
	trial_start(t, 9, LIMIT_BLOCKS);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(reserve(t, 1 + random_below(&t->random, 9)), 0);
		assert_int_equal(transact(t), 0);
	}
	assert_int_equal(image_trim(t->b.image, &bytes), 0);
	assert_true(bytes > 0);
	check_counts(t);
	assert_int_equal(image_trim(t->b.image, &again), 0);
	assert_true(again <= bytes);
	for (unsigned i = 0; i < t->used.count; i++) {
		uint64_t end = (t->used.range[i].start + t->used.range[i].count) * BLOCK_SIZE;

		assert_int_equal(data_read(t->b.image, end - 1, &byte, 1), 0);
		assert_int_equal(byte, 1);
	}
	finish(t);
}

/* An image cut off behind its owner's back is refused. */
static void cut_off(void **state)
{
	struct trial *t = &trial;
	struct image_options options = {.no_syncer = true};
	struct block_range range;

	(void)state;
	trial_start(t, 2, LIMIT_BLOCKS);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(reserve(t, 50), 0);
		assert_int_equal(transact(t), 0);
	}
	drop_reserved(t);
	range = t->used.range[0];
	for (unsigned i = 1; i < t->used.count; i++)
		if (t->used.range[i].start > range.start)
			range = t->used.range[i];
	backend_close(&t->b);
	assert_int_equal(truncate(t->b.path, (off_t)(range.start * BLOCK_SIZE)), 0);
	assert_int_equal(backend_try(&t->b, &options), -EUCLEAN);
	assert_non_null(strstr(t->b.report.text, "cut off"));
	backend_remove(&t->b);
}

/* Several threads and the syncer's: a block has one owner at a time. */

#define THREADS 4

struct worker {
	pthread_t thread;
	struct image *image;
	_Atomic uint8_t *owners;
	struct random random;
	struct ranges used;
	const char *fault;
};

static bool own(struct worker *worker, struct block_range range, uint8_t from, uint8_t to)
{
	for (uint64_t block = range.start; block < range.start + range.count; block++) {
		if (atomic_exchange(&worker->owners[block], to) != from)
			return false;
	}
	return true;
}

static const char *work_once(struct worker *worker)
{
	struct block_range range;
	struct txn *txn;
	bool take = worker->used.count == 0 || random_below(&worker->random, 5) < 3;

	if (take) {
		if (data_reserve(worker->image, 0, 1 + random_below(&worker->random, 40), &range) < 0)
			return "data_reserve";
		if (!own(worker, range, 0, 1))
			return "a block was given out twice";
	} else {
		range = worker->used.range[--worker->used.count];
		if (!own(worker, range, 1, 0))
			return "a block changed its owner";
	}
	if (txn_begin(worker->image, 2, take ? 0 : TXN_RELEASES, &txn) < 0)
		return "txn_begin";
	if ((take ? data_claim(txn, range) : data_free(txn, range)) < 0)
		return "data_claim or data_free";
	if (tree_put(txn, TREE_FILES, backend_key(random_below(&worker->random, 2000)), &range,
		     sizeof(range)) < 0)
		return "tree_put";
	if (random_below(&worker->random, 8) == 0 && take) {
		if (!own(worker, range, 1, 0))
			return "a block changed its owner";
		txn_abort(txn);
		data_release(worker->image, range);
		return NULL;
	}
	if (txn_commit(txn, NULL) < 0)
		return "txn_commit";
	if (take)
		worker->used.range[worker->used.count++] = range;
	return NULL;
}

static void *work(void *context)
{
	struct worker *worker = context;

	for (unsigned i = 0; i < 1000 && !worker->fault; i++) {
		uint8_t bytes[ITEM_MAX];

		worker->fault = work_once(worker);
		image_read_lock(worker->image);
		(void)!tree_get(worker->image, TREE_FILES, backend_key(random_below(&worker->random, 2000)),
				bytes, sizeof(bytes), NULL);
		image_read_unlock(worker->image);
		if (i % 200 == 100 && image_sync(worker->image, image_head(worker->image), NULL, 0) < 0)
			worker->fault = "image_sync";
	}
	return NULL;
}

static void parallel(void **state)
{
	static struct worker workers[THREADS];
	static _Atomic uint8_t owners[LIMIT_BLOCKS];
	struct image_options options = {.limit_bytes = (uint64_t)LIMIT_BLOCKS << BLOCK_SHIFT,
					.overlay_max = 256u << 10};
	struct trial *t = &trial;

	(void)state;
	memset(t, 0, sizeof(*t));
	backend_make(&t->b, 1u << 20);
	assert_int_equal(backend_try(&t->b, &options), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].image = t->b.image;
		workers[i].owners = owners;
		workers[i].random.state = i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].fault)
			print_error("%s: %s\n", workers[i].fault, image_damage(t->b.image));
		assert_null(workers[i].fault);
	}
	backend_close(&t->b);
	trial_open(t, LIMIT_BLOCKS);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned n = 0; n < workers[i].used.count; n++)
			set_state(t, workers[i].used.range[n], FREE, USED);
	check_counts(t);
	backend_close(&t->b);
	backend_remove(&t->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_against_model),
	    cmocka_unit_test(quarantine),
	    cmocka_unit_test(double_free_is_damage),
	    cmocka_unit_test(full_image),
	    cmocka_unit_test(full_host),
	    cmocka_unit_test(trim),
	    cmocka_unit_test(cut_off),
	    cmocka_unit_test(parallel),
	};

	/* a disk's syncs would take most of the time */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
