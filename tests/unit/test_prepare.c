/* Appends that are synced one by one: blocks ahead are stored to and synced once for many of them, stay free,
 * and are nobody else's. */
#include "fixture_sim.h"

#include "../../fs/file_i.h"

#include <fcntl.h>

#define PIECE (UINT64_C(32) * BLOCK_SIZE)

static uint8_t bytes[2 * BLOCK_SIZE], back[64 * BLOCK_SIZE];

struct seen {
	uint64_t stored, synced; /* bytes behind the ring */
};

/* An append of one block, or two, and an fsync. */
static struct seen append(struct sim_fixture *f, uint64_t file, size_t length, bool sync)
{
	struct seen seen = {0};
	uint64_t data = image_zone_first(f->image) << BLOCK_SHIFT;
	uint64_t end;
	struct fs_attr attr;
	assert_int_equal(fs_getattr(f->fs, file, &attr), 0);
	end = attr.size;
	memset(bytes, (int)(1 + end / BLOCK_SIZE), sizeof(bytes));
	store_sim_record(f->sim);
	assert_int_equal(fs_write(f->fs, file, end, bytes, length, 0), length);
	if (sync)
		assert_int_equal(fs_sync(f->fs, file, true), 0);
	store_sim_stop(f->sim);
	for (size_t i = 0; i < f->sim->log.count; i++) {
		const struct sim_event *event = &f->sim->log.events[i];
		if (event->offset < data)
			continue;
		if (event->kind == SIM_WRITE)
			seen.stored += event->length;
		if (event->kind == SIM_SYNC_RANGE)
			seen.synced += event->length;
	}
	return seen;
}

static uint64_t free_blocks(struct sim_fixture *f)
{
	struct image_space space;
	assert_int_equal(image_space(f->image, &space), 0);
	return space.free_blocks;
}

static void test_ahead(void **state)
{
	(void)state;
	struct sim_fixture f;
	uint64_t prepared = 0;
	sim_make(&f);
	uint64_t file = sim_file(&f, "log");
	/* whether it is one that is synced as it grows is not known yet */
	struct seen seen = append(&f, file, BLOCK_SIZE, true);
	assert_int_equal(seen.synced, BLOCK_SIZE);
	uint64_t free = free_blocks(&f);
	for (unsigned i = 1; i < 97; i++) {
		seen = append(&f, file, BLOCK_SIZE, true);
		prepared += seen.synced == PIECE;
		assert_true(seen.synced == PIECE || seen.synced == BLOCK_SIZE);
		assert_int_equal(seen.stored, seen.synced);
	}
	assert_int_equal(prepared, 3);
	/* what was prepared is not kept */
	assert_int_equal(free - free_blocks(&f), 96);
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* Others take what was prepared; nobody's contents become zeros. */
static void test_others(void **state)
{
	(void)state;
	struct sim_fixture f;
	sim_make(&f);
	uint64_t files[3];
	for (unsigned i = 0; i < 3; i++)
		files[i] = sim_file(&f, (const char[]){(char)('a' + i), 0});
	for (unsigned i = 0; i < 48; i++)
		for (unsigned k = 0; k < 3; k++)
			(void)append(&f, files[k], k == 2 && i % 3 ? 2 * BLOCK_SIZE : BLOCK_SIZE, k != 1);
	for (unsigned k = 0; k < 3; k++) {
		ssize_t length = fs_read_copy(f.fs, files[k], 0, back, sizeof(back));
		assert_true(length >= (ssize_t)(48 * BLOCK_SIZE));
		for (ssize_t at = 0, first = 0; at < length; at++) {
			uint8_t block = (uint8_t)(1 + at / BLOCK_SIZE);
			/* an append of two blocks has the number of its first */
			first = back[at] == block ? block : first;
			assert_true(back[at] == block || (k == 2 && back[at] == block - 1 && first > 0));
		}
	}
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* Not for what is never synced, for large appends, or where there is little room. */
static void test_not(void **state)
{
	(void)state;
	struct sim_fixture f;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f"), large = sim_file(&f, "large");
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(append(&f, file, BLOCK_SIZE, false).stored, BLOCK_SIZE);
	assert_int_equal(append(&f, file, BLOCK_SIZE, true).stored, BLOCK_SIZE);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fs_write(f.fs, large, i * sizeof(back), back, sizeof(back), 0),
				 sizeof(back));
		assert_int_equal(fs_sync(f.fs, large, true), 0);
	}
	uint64_t room = (free_blocks(&f) - 3000) * BLOCK_SIZE;
	assert_int_equal(fs_fallocate(f.fs, large, FALLOC_FL_KEEP_SIZE, 1 << 30, room), 0);
	assert_int_equal(append(&f, file, BLOCK_SIZE, true).stored, BLOCK_SIZE);
	sim_drop(&f);
	store_sim_free(f.sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ahead), cmocka_unit_test(test_others),
					   cmocka_unit_test(test_not)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
