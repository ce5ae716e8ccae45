/* Small ranges that were freed lately: used again as they are, punched when nobody wants them for a while. */
#include "alloc_trial.h"

#include <pthread.h>

#define RANGE 16u /* blocks: as few as are punched alone */

static struct trial trial;

static void commit_claim(struct image *image, struct block_range range)
{
	struct txn *txn;

	assert_int_equal(txn_begin(image, 1, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

/* Not sealed yet. */
static void commit_free(struct image *image, struct block_range range)
{
	struct txn *txn;

	assert_int_equal(txn_begin(image, 1, TXN_RELEASES, &txn), 0);
	assert_int_equal(data_free(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void seal(struct image *image)
{
	assert_int_equal(image_sync(image, image_head(image), NULL, 0), 0);
}

static struct block_range take(struct image *image, uint64_t count)
{
	struct block_range range;
	uint8_t byte = 7;

	assert_int_equal(data_reserve(image, 0, count, &range), 0);
	assert_int_equal(range.count, count);
	assert_int_equal(data_write(image, range.start * BLOCK_SIZE, &byte, 1), 0);
	commit_claim(image, range);
	return range;
}

static bool is_punched(const struct image *image, struct block_range range)
{
	return *(const uint8_t *)data_at(image, range.start * BLOCK_SIZE) == 0;
}

static int setup(void **state)
{
	trial_start(&trial, 1, LIMIT_BLOCKS);
	*state = trial.b.image;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	backend_close(&trial.b);
	backend_remove(&trial.b);
	return 0;
}

/* What a database does with its journal: it is always the same blocks, and they keep their host space. */
static void used_again(void **state)
{
	struct image *image = *state;
	struct block_range first = take(image, RANGE), range = first, part, rest;

	for (unsigned i = 0; i < 3 * ALLOC_RECENT; i++) {
		commit_free(image, range);
		assert_int_equal(data_reserve(image, 0, RANGE, &part), 0);
		assert_int_not_equal(part.start, first.start); /* not sealed (R11) */
		data_release(image, part);
		seal(image);
		assert_false(is_punched(image, first));
		/* a file that grows: the second piece is asked for by its place */
		assert_int_equal(data_reserve(image, 0, 1, &part), 0);
		assert_int_equal(part.start, first.start);
		assert_int_equal(data_reserve(image, first.start + 1, RANGE - 1, &rest), 0);
		assert_int_equal(rest.start, first.start + 1);
		assert_int_equal(rest.count, RANGE - 1);
		commit_claim(image, first);
		range = first;
	}
	assert_int_equal(image->alloc.punched_blocks, 0);
}

/* One tick may come right after it was freed, the second does not. */
static void punched_after_a_while(void **state)
{
	struct image *image = *state;
	struct block_range range = take(image, RANGE), other;

	commit_free(image, range);
	seal(image);
	alloc_recent_tick(image);
	assert_false(is_punched(image, range));
	alloc_recent_tick(image);
	assert_true(is_punched(image, range));
	assert_int_equal(image->alloc.recent_count, 0);
	assert_int_equal(data_reserve(image, range.start, RANGE, &other), 0);
	assert_int_equal(other.start, range.start);
	data_release(image, other);
}

/* What somebody has taken by its place is not punched. */
static void taken_otherwise(void **state)
{
	struct image *image = *state;
	struct block_range range = take(image, 2 * RANGE), half;
	uint8_t byte = 9;

	commit_free(image, range);
	seal(image);
	assert_int_equal(data_reserve(image, range.start, RANGE, &half), 0);
	assert_int_equal(half.start, range.start);
	assert_int_equal(data_write(image, half.start * BLOCK_SIZE, &byte, 1), 0);
	assert_true(alloc_recent_give_up(image));
	assert_int_equal(*(const uint8_t *)data_at(image, half.start * BLOCK_SIZE), 9);
	assert_true(image->alloc.punched_blocks >= RANGE);
	data_release(image, half);
}

/* Only so many are remembered, and only small ones. */
static void bounded(void **state)
{
	struct image *image = *state;
	struct block_range range[ALLOC_RECENT + 2], large;

	for (unsigned i = 0; i < ALLOC_RECENT + 2; i++) {
		range[i] = take(image, RANGE);
		take(image, 1); /* so that they do not join */
	}
	large = take(image, RECENT_LARGEST + 1);
	for (unsigned i = 0; i < ALLOC_RECENT + 2; i++) {
		commit_free(image, range[i]);
		seal(image);
	}
	for (unsigned i = 0; i < ALLOC_RECENT + 2; i++)
		assert_int_equal(is_punched(image, range[i]), i < 2);
	assert_int_equal(image->alloc.recent_count, ALLOC_RECENT);
	commit_free(image, large);
	seal(image);
	assert_true(is_punched(image, large));
	/* the last one first, and those that are too short are passed over */
	assert_int_equal(data_reserve(image, 0, RANGE, &large), 0);
	assert_int_equal(large.start, range[ALLOC_RECENT + 1].start);
	data_release(image, large);
}

/* A part that is freed again leaves nothing of the rest behind; a piece of host space is punched once. */
static void part_again(void **state)
{
	struct image *image = *state;
	struct block_range range = take(image, 4 * RANGE), part;
	uint64_t punched;

	commit_free(image, range);
	seal(image);
	assert_int_equal(data_reserve(image, range.start, RANGE, &part), 0);
	assert_int_equal(part.start, range.start);
	commit_claim(image, part);
	commit_free(image, part);
	seal(image);
	assert_int_equal(image->alloc.recent_count, 1);
	/* what is free behind what is taken is found */
	assert_int_equal(data_reserve(image, range.start, RANGE, &part), 0);
	assert_int_equal(data_reserve(image, 0, RANGE, &range), 0);
	assert_int_equal(range.start, part.start + RANGE);
	commit_claim(image, part);
	commit_claim(image, range);
	commit_free(image, part);
	commit_free(image, range);
	seal(image);
	alloc_recent_tick(image);
	alloc_recent_tick(image);
	assert_true(is_punched(image, part));
	assert_true(is_punched(image, (struct block_range){part.start + 3 * RANGE, RANGE}));
	punched = image->alloc.punched_blocks;
	alloc_punch_free(image, (struct block_range){part.start, 2 * CHUNK_BLOCKS});
	assert_int_equal(image->alloc.punched_blocks, punched);
}

/* A full host gets them before anybody is told that there is no room, also those that are not sealed yet. */
static void given_up(void **state)
{
	struct image *image = *state;
	struct block_range range = take(image, RANGE), other;
	unsigned stage = 0;

	take(image, 1); /* so that they do not join */
	other = take(image, RANGE);
	commit_free(image, range);
	seal(image);
	assert_true(alloc_make_room(image, &stage));
	assert_true(is_punched(image, range));
	commit_free(image, other);
	assert_true(alloc_make_room(image, &stage));
	assert_true(is_punched(image, other));
	assert_false(alloc_recent_give_up(image));
	while (alloc_make_room(image, &stage))
		assert_true(stage < 5);
}

/* So it does at unmount. */
static void at_the_end(void **state)
{
	struct block_range range = take(*state, RANGE);

	take(*state, 1); /* so that the file is not cut before it */
	commit_free(*state, range);
	backend_close(&trial.b);
	trial_open(&trial, LIMIT_BLOCKS);
	assert_true(is_punched(trial.b.image, range));
}

/* Takes all of the zones that are there and one block of the next, which is the only one in use there. */
static struct block_range block_of_new_zone(struct image *image)
{
	uint64_t zones = atomic_load(&image->alloc.zone_count);
	struct block_range range[ZONE_BLOCKS];
	unsigned count = 0;

	while (atomic_load(&image->alloc.zone_count) == zones) {
		assert_true(count < ZONE_BLOCKS);
		assert_int_equal(data_reserve(image, 0, ZONE_BLOCKS, &range[count++]), 0);
	}
	struct block_range last = range[count - 1];
	assert_true(last.start >= image->zone_first + zones * ZONE_BLOCKS);
	for (unsigned i = 0; i < count; i++)
		data_release(image, range[i]);
	assert_int_equal(data_reserve(image, last.start, RANGE, &last), 0);
	commit_claim(image, last);
	return last;
}

struct punching {
	pthread_t thread;
	struct image *image;
	struct block_range range;
};

static void *punch_main(void *context)
{
	struct punching *punching = context;

	alloc_punch_free(punching->image, punching->range);
	return NULL;
}

/* Its zone is dropped, being empty, while somebody who is going to punch it waits for a lock: it is left
 * alone, as it may be somebody else's by then (R11). */
static void dropped_meanwhile(void **state)
{
	struct image *image = *state;
	struct punching punching = {.image = image, .range = block_of_new_zone(image)};
	uint64_t zones = atomic_load(&image->alloc.zone_count), punched;

	commit_free(image, punching.range);
	seal(image);
	punched = image->alloc.punched_blocks;
	pthread_mutex_lock(&image->alloc.grow_lock);
	assert_int_equal(pthread_create(&punching.thread, NULL, punch_main, &punching), 0);
	usleep(100000); /* it waits by then; if not, there is nothing to see */
	assert_int_equal(alloc_drop_empty_zones(image), 0);
	assert_int_equal(atomic_load(&image->alloc.zone_count), zones - 1);
	pthread_mutex_unlock(&image->alloc.grow_lock);
	assert_int_equal(pthread_join(punching.thread, NULL), 0);
	assert_int_equal(image->alloc.punched_blocks, punched);
	assert_int_equal(image->alloc.zones[zones - 1]->groups[0].used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(used_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(punched_after_a_while, setup, teardown),
	    cmocka_unit_test_setup_teardown(taken_otherwise, setup, teardown),
	    cmocka_unit_test_setup_teardown(bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(part_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(given_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(at_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(dropped_meanwhile, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
