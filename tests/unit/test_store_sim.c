/* The simulated store and what a power cut may leave of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../sim/power.h"

#include <errno.h>
#include <string.h>

#define MAP (UINT64_C(4) << 20)

static struct store_sim *new_sim(uint64_t size)
{
	struct store_sim *sim = store_sim_new(MAP);

	assert_non_null(sim);
	assert_int_equal(store_set_size(store_sim_open(sim), size), 0);
	return sim;
}

static void test_bytes(void **state)
{
	struct store_sim *sim = new_sim(64 << 10);
	struct store *store = &sim->store;
	char text[5];

	(void)state;
	assert_int_equal(store_write(store, 4094, "abcd", 4), 0);
	memcpy(text, store_at(store, 4094), 4);
	assert_memory_equal(text, "abcd", 4);
	assert_int_equal(store_zero(store, 4095, 2), 0);
	assert_memory_equal(store_at(store, 4094), "a\0\0d", 4);
	assert_int_equal(store_write(store, (64 << 10) - 1, "ab", 2), -EIO);
	assert_int_equal(store_set_size(store, 100), -EINVAL);
	assert_int_equal(store_set_size(store, MAP + 4096), -EFBIG);
	/* what is cut off does not come back */
	assert_int_equal(store_set_size(store, 4096), 0);
	assert_int_equal(store_set_size(store, 8192), 0);
	assert_memory_equal(store_at(store, 4094), "a\0\0\0", 4);
	store_freeze(store);
	assert_int_equal(store_write(store, 0, "a", 1), -EIO);
	store_close(store);
	/* closing keeps the bytes */
	assert_int_equal(((const char *)store_at(store_sim_open(sim), 4094))[0], 'a');
	store_sim_free(sim);
}

static void test_host_space(void **state)
{
	struct store_sim *sim = new_sim(64 << 10);
	struct store *store = &sim->store;
	uint64_t bytes;

	(void)state;
	sim->host_pages = 3;
	assert_int_equal(store_write(store, 0, "a", 1), 0);
	assert_int_equal(store_reserve(store, 4096, 8192), 0);
	assert_int_equal(store_host_space(store, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(store_write(store, 12288, "a", 1), -ENOSPC);
	assert_int_equal(store_reserve(store, 0, 16384), -ENOSPC);
	assert_int_equal(store_write(store, 4096, "a", 1), 0);
	assert_int_equal(store_punch(store, 0, 4096), 0);
	assert_int_equal(((const char *)store_at(store, 0))[0], 0);
	assert_int_equal(store_write(store, 12288, "a", 1), 0);
	store_sim_free(sim);
}

static void test_fault(void **state)
{
	struct store_sim *sim = new_sim(8192);
	struct store *store = &sim->store;

	(void)state;
	sim->fault =
	    (struct sim_fault){.kinds = 1u << SIM_SYNC_ALL | 1u << SIM_SYNC_RANGE, .nth = 2, .error = -EIO};
	assert_int_equal(store_sync_range(store, 0, 10), 0);
	assert_int_equal(store_sync_all(store), -EIO);
	assert_true(sim->fault.hit);
	/* sticky until the store is opened anew, as the real one's */
	assert_true(store_faulted(store));
	assert_int_equal(store_sync_all(store), -EIO);
	store_sim_open(sim);
	assert_int_equal(store_sync_all(store), 0);
	sim->fault.sticky = true;
	assert_int_equal(store_sync_all(store), -EIO);
	assert_int_equal(store_write(store, 0, "a", 1), 0);
	store_sim_free(sim);
}

static void test_log_and_restore(void **state)
{
	struct store_sim *sim = new_sim(64 << 10), *copy = store_sim_new(MAP);
	struct store *store = &sim->store;

	(void)state;
	assert_int_equal(store_write(store, 0, "before", 6), 0);
	store_sim_copy(copy, sim);
	store_sim_record(sim);
	assert_int_equal(store_write(store, 2, "AFTER", 5), 0);
	assert_int_equal(store_zero(store, 5, 1), 0);
	assert_int_equal(store_punch(store, 8192, 4096), 0);
	assert_int_equal(store_sync_all(store), 0);
	assert_int_equal(sim->log.count, 4);
	assert_memory_equal(copy->memory, "before", 6);
	for (size_t i = 0; i < sim->log.count; i++)
		store_sim_apply(copy, &sim->log, &sim->log.events[i], sim->log.events[i].length);
	assert_memory_equal(copy->memory, "beAFT\0R", 7);
	/* back to a third one that never changed */
	struct store_sim *base = store_sim_new(MAP);

	store_sim_poke_size(base, 64 << 10);
	store_sim_poke(base, 0, "before", 6);
	store_sim_restore(copy, base);
	assert_memory_equal(copy->memory, "before\0", 7);
	assert_int_equal(copy->dirty_count, 0);
	store_sim_free(base);
	store_sim_free(copy);
	store_sim_free(sim);
}

/* ---- power cuts ---- */

struct cut {
	struct store_sim *sim;
	struct power *power;
	size_t followed;
};

static void cut_start(struct cut *cut)
{
	cut->sim = new_sim(64 << 10);
	store_sim_poke(cut->sim, 0, "old0", 4);
	store_sim_poke(cut->sim, 512, "old1", 4);
	store_sim_poke(cut->sim, 8192, "old2", 4);
	cut->power = power_new(MAP);
	assert_non_null(cut->power);
	power_base(cut->power, cut->sim);
	store_sim_record(cut->sim);
	cut->followed = 0;
}

static void cut_follow(struct cut *cut)
{
	for (; cut->followed < cut->sim->log.count; cut->followed++)
		assert_int_equal(
		    power_event(cut->power, &cut->sim->log, &cut->sim->log.events[cut->followed]), 0);
	power_pages(cut->power);
}

static void cut_end(struct cut *cut)
{
	power_free(cut->power);
	store_sim_free(cut->sim);
}

static void expect(struct cut *cut, enum power_strategy strategy, uint64_t argument, bool old_size,
		   const char *at_0, const char *at_512, const char *at_8192)
{
	struct power_choice choice = {.strategy = strategy, .argument = argument, .old_size = old_size};
	const uint8_t *memory = cut->power->work->memory;

	power_build(cut->power, &choice);
	assert_memory_equal(memory, at_0, 4);
	assert_memory_equal(memory + 512, at_512, 4);
	assert_memory_equal(memory + 8192, at_8192, 4);
	power_undo(cut->power);
	assert_memory_equal(memory, cut->power->durable->memory, 64 << 10);
}

static void test_power_choices(void **state)
{
	struct cut cut;
	struct store *store;

	(void)state;
	cut_start(&cut);
	store = &cut.sim->store;
	assert_int_equal(store_write(store, 0, "new0", 4), 0);	  /* event 0 */
	assert_int_equal(store_write(store, 8192, "new2", 4), 0); /* 1 */
	assert_int_equal(store_write(store, 512, "new1", 4), 0);  /* 2 */
	assert_int_equal(store_write(store, 0, "nex0", 4), 0);	  /* 3 */
	cut_follow(&cut);
	expect(&cut, POWER_ALL_OLD, 0, false, "old0", "old1", "old2");
	expect(&cut, POWER_ALL_NEW, 0, false, "nex0", "new1", "new2");
	expect(&cut, POWER_ONE_PAGE_NEW, 0, false, "nex0", "new1", "old2");
	expect(&cut, POWER_ONE_PAGE_OLD, 0, false, "old0", "old1", "new2");
	expect(&cut, POWER_PAGES, 2, false, "old0", "old1", "new2");
	expect(&cut, POWER_PREFIX, 1, false, "new0", "old1", "new2");
	expect(&cut, POWER_REVERSE, 2, false, "nex0", "new1", "old2");
	/* a sync of a range covers its sectors only */
	assert_int_equal(store_sync_range(store, 0, 4), 0);
	cut_follow(&cut);
	expect(&cut, POWER_ALL_OLD, 0, false, "nex0", "old1", "old2");
	assert_int_equal(store_sync_all(store), 0);
	cut_follow(&cut);
	expect(&cut, POWER_ALL_OLD, 0, false, "nex0", "new1", "new2");
	assert_int_equal(cut.power->sector_count, 0);
	cut_end(&cut);
}

static void test_power_random(void **state)
{
	struct cut cut;
	bool seen[3][3] = {{false}};

	(void)state;
	cut_start(&cut);
	assert_int_equal(store_write(&cut.sim->store, 0, "new0", 4), 0);
	assert_int_equal(store_write(&cut.sim->store, 0, "nex0", 4), 0);
	assert_int_equal(store_write(&cut.sim->store, 8192, "new2", 4), 0);
	cut_follow(&cut);
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct power_choice choice = {.strategy = POWER_RANDOM, .argument = seed};
		const char *memory = (const char *)cut.power->work->memory;

		power_build(cut.power, &choice);
		seen[memory[0] == 'o' ? 0 : memory[2] == 'w' ? 1 : 2][memory[8192] == 'n'] = true;
		power_undo(cut.power);
	}
	for (unsigned version = 0; version < 3; version++)
		assert_true(seen[version][0] && seen[version][1]);
	cut_end(&cut);
}

static void test_power_size(void **state)
{
	struct cut cut;
	struct power_choice new_size = {.strategy = POWER_ALL_OLD}, old_size = {.old_size = true};

	(void)state;
	cut_start(&cut);
	/* a cut at the end is open until a sync of everything; growth is durable at once */
	assert_int_equal(store_set_size(&cut.sim->store, 8192), 0);
	cut_follow(&cut);
	power_build(cut.power, &old_size);
	assert_int_equal(cut.power->work->store.size, 64 << 10);
	assert_memory_equal(cut.power->work->memory + 8192, "old2", 4);
	power_undo(cut.power);
	power_build(cut.power, &new_size);
	assert_int_equal(cut.power->work->store.size, 8192);
	power_undo(cut.power);
	assert_int_equal(store_set_size(&cut.sim->store, 128 << 10), 0);
	cut_follow(&cut);
	power_build(cut.power, &old_size);
	assert_int_equal(cut.power->work->store.size, 128 << 10);
	assert_memory_equal(cut.power->work->memory + 8192, "\0\0\0\0", 4);
	power_undo(cut.power);
	cut_end(&cut);
}

static void test_power_punch(void **state)
{
	struct cut cut;

	(void)state;
	cut_start(&cut);
	assert_int_equal(store_punch(&cut.sim->store, 8192, 4096), 0);
	cut_follow(&cut);
	expect(&cut, POWER_ALL_OLD, 0, false, "old0", "old1", "old2");
	expect(&cut, POWER_ALL_NEW, 0, false, "old0", "old1", "\0\0\0\0");
	cut_end(&cut);
}

static void test_power_copy(void **state)
{
	struct cut cut;
	struct power *copy = power_new(MAP);

	(void)state;
	cut_start(&cut);
	assert_int_equal(store_write(&cut.sim->store, 0, "new0", 4), 0);
	cut_follow(&cut);
	assert_int_equal(power_copy(copy, cut.power), 0);
	power_free(cut.power);
	cut.power = copy;
	power_pages(copy);
	expect(&cut, POWER_ALL_OLD, 0, false, "old0", "old1", "old2");
	expect(&cut, POWER_ALL_NEW, 0, false, "new0", "old1", "old2");
	cut_end(&cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes),	  cmocka_unit_test(test_host_space),
	    cmocka_unit_test(test_fault),	  cmocka_unit_test(test_log_and_restore),
	    cmocka_unit_test(test_power_choices), cmocka_unit_test(test_power_random),
	    cmocka_unit_test(test_power_size),	  cmocka_unit_test(test_power_punch),
	    cmocka_unit_test(test_power_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
