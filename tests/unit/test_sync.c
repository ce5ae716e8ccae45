/*
 * fsync and fdatasync: after one has returned, a power cut at which the disk has nothing but what was synced
 * leaves the file as it was. And the table of what they have to cover.
 */
#include "fixture_sim.h"

#include "../../fs/file_i.h"

#include <fcntl.h>

#define FILE_BYTES 200000u

static uint8_t bytes[FILE_BYTES], expected[FILE_BYTES], back[FILE_BYTES];

struct scene {
	struct sim_fixture f;
	struct power *power;
	uint64_t file, size;
};

/* A file of 100,000 bytes, all of it durable; from here on the disk may lack everything that is not synced.
 */
static void scene_start(struct scene *scene)
{
	sim_make(&scene->f);
	scene->file = sim_file(&scene->f, "f");
	scene->size = 100000;
	memset(expected, 0, sizeof(expected));
	memset(expected, 'a', scene->size);
	memset(bytes, 'b', sizeof(bytes));
	assert_int_equal(fs_write(scene->f.fs, scene->file, 0, expected, scene->size, 0), scene->size);
	assert_int_equal(image_checkpoint(scene->f.image), 0);
	scene->power = power_new(SIM_SIZE);
	assert_non_null(scene->power);
	power_base(scene->power, scene->f.sim);
	store_sim_record(scene->f.sim);
}

/* The power goes off now; afterwards the file is as expected. */
static void scene_cut(struct scene *scene)
{
	struct power_choice choice = {.strategy = POWER_ALL_OLD};
	struct sim_fixture after;
	struct fs_attr attr;
	store_sim_stop(scene->f.sim);
	for (size_t i = 0; i < scene->f.sim->log.count; i++)
		assert_int_equal(power_event(scene->power, &scene->f.sim->log, &scene->f.sim->log.events[i]),
				 0);
	(void)power_build(scene->power, &choice);
	sim_start(&after, scene->power->work, RECOVER_COLD);
	assert_int_equal(fs_getattr(after.fs, scene->file, &attr), 0);
	assert_int_equal(attr.size, scene->size);
	assert_int_equal(fs_read_copy(after.fs, scene->file, 0, back, sizeof(back)), scene->size);
	assert_memory_equal(back, expected, scene->size);
	sim_drop(&after);
	power_free(scene->power);
	sim_drop(&scene->f);
	store_sim_free(scene->f.sim);
}

static void scene_write(struct scene *scene, uint64_t offset, size_t length)
{
	assert_int_equal(fs_write(scene->f.fs, scene->file, offset, bytes, length, 0), length);
	memcpy(expected + offset, bytes, length);
	if (offset + length > scene->size)
		scene->size = offset + length;
}

static void test_power_cut(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 18; round++) {
		struct scene scene;
		struct fs_set set = {.what = FS_SET_SIZE};
		struct fs_attr attr;
		scene_start(&scene);
		switch (round / 2) {
		case 0: /* overwrite in place */
			scene_write(&scene, 5000, 20000);
			break;
		case 1: /* append into the last block and behind it */
			scene_write(&scene, 100000, 50000);
			break;
		case 2: /* far behind the end of what was cut: the old tail is zeroed */
			set.size = 99000;
			assert_int_equal(fs_setattr(scene.f.fs, scene.file, &set, &attr), 0);
			memset(expected + 99000, 0, 1000);
			scene_write(&scene, 150000, 100);
			break;
		case 3: /* more scattered overwrites than the table has ranges */
			for (uint64_t i = 0; i < 24; i++)
				scene_write(&scene, (i * 7 % 24) * BLOCK_SIZE + 17, 30);
			break;
		case 4: /* into preallocated blocks */
			assert_int_equal(fs_fallocate(scene.f.fs, scene.file, 0, 100000, 60000), 0);
			scene.size = 160000;
			assert_int_equal(fs_sync(scene.f.fs, scene.file, false), 0);
			scene_write(&scene, 130001, 9000);
			break;
		case 5: /* cut and grown again */
			set.size = 50001;
			assert_int_equal(fs_setattr(scene.f.fs, scene.file, &set, &attr), 0);
			set.size = scene.size = 60000;
			assert_int_equal(fs_setattr(scene.f.fs, scene.file, &set, &attr), 0);
			memset(expected + 50001, 0, 50000);
			break;
		case 6: /* a hole with edges */
			assert_int_equal(fs_fallocate(scene.f.fs, scene.file,
						      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3000,
						      30000),
					 0);
			memset(expected + 3000, 0, 30000);
			break;
		case 7: /* a copy within the file */
			scene_write(&scene, 0, 10000);
			assert_int_equal(fs_copy(scene.f.fs, scene.file, 1000, scene.file, 95000, 30000),
					 30000);
			memcpy(expected + 95000, expected + 1000, 30000);
			scene.size = 125000;
			break;
		default: /* overwrite of what is new itself */
			scene_write(&scene, 100000, 50000);
			scene_write(&scene, 110000, 100);
			break;
		}
		assert_int_equal(fs_sync(scene.f.fs, scene.file, round % 2), 0);
		scene_cut(&scene);
	}
}

/* An fdatasync of a file whose records are sealed syncs its ranges and appends nothing. */
static void test_no_needless_seal(void **state)
{
	(void)state;
	struct sim_fixture f;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	assert_int_equal(fs_write(f.fs, file, 0, bytes, 10000, 0), 10000);
	assert_int_equal(fs_sync(f.fs, file, true), 0);
	uint64_t sealed = image_sealed(f.image);
	struct image_stats before, after;
	sim_file(&f, "another");
	image_stats(f.image, &before);
	assert_int_equal(fs_sync(f.fs, file, true), 0);
	image_stats(f.image, &after);
	assert_int_equal(after.seals, before.seals);
	assert_int_equal(image_sealed(f.image), sealed);
	assert_int_equal(fs_sync(f.fs, file, false), 0);
	assert_true(image_sealed(f.image) > sealed);
	assert_int_equal(fs_sync(f.fs, ROOT_INODE, false), 0);
	assert_int_equal(fs_sync(f.fs, 12345, false), -ESTALE);
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* ---- the table ---- */

static struct dirty *dirty_new(void)
{
	struct dirty *dirty = NULL;
	assert_int_equal(dirty_open(&dirty), 0);
	return dirty;
}

/* Takes, and checks that one range came. */
static uint64_t take_one(struct dirty *dirty, uint64_t inode, uint64_t offset, uint64_t length)
{
	struct byte_range ranges[DIRTY_RANGES];
	size_t count;
	uint64_t lsn, ticket = dirty_take(dirty, inode, ranges, DIRTY_RANGES, &count, &lsn);
	assert_int_equal(count, length ? 1 : 0);
	if (length) {
		assert_int_equal(ranges[0].offset, offset);
		assert_int_equal(ranges[0].length, length);
	}
	return ticket;
}

/* An old file that is only overwritten: its first fdatasync seals what is not known to be sealed; the next
 * ones, whatever happens to other files, sync its ranges only. */
static void test_overwrites_need_no_seal(void **state)
{
	(void)state;
	struct sim_fixture f;
	struct image_stats before, after;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	assert_int_equal(fs_write(f.fs, file, 0, bytes, 100000, 0), 100000);
	assert_int_equal(fs_sync(f.fs, file, false), 0);
	dirty_forget(f.fs->dirty, file); /* as after a remount */
	for (unsigned round = 0; round < 3; round++) {
		(void)sim_file(&f, round == 0 ? "g" : round == 1 ? "h" : "i");
		image_stats(f.image, &before);
		assert_int_equal(fs_write(f.fs, file, 5000, bytes, 100, 0), 100);
		assert_int_equal(fs_sync(f.fs, file, true), 0);
		image_stats(f.image, &after);
		assert_int_equal(after.syncs - before.syncs, round == 0 ? 2 : 1);
		assert_int_equal(after.seals - before.seals, round == 0 ? 1 : 0);
	}
	/* what it gets then needs one again */
	image_stats(f.image, &before);
	assert_int_equal(fs_write(f.fs, file, 100000, bytes, 5000, 0), 5000);
	assert_int_equal(fs_sync(f.fs, file, true), 0);
	image_stats(f.image, &after);
	assert_int_equal(after.seals - before.seals, 1);
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* An entry that was lost and made anew while a sync went on may lack a record. */
static void test_lsn_of_an_entry_made_anew(void **state)
{
	(void)state;
	struct dirty *dirty = dirty_new();
	struct byte_range ranges[DIRTY_RANGES];
	size_t count;
	uint64_t lsn;
	dirty_add(dirty, 5, 1000, 100);
	uint64_t ticket = dirty_take(dirty, 5, ranges, DIRTY_RANGES, &count, &lsn);
	dirty_note_lsn(dirty, 5, 300);
	dirty_forget(dirty, 5);
	dirty_add(dirty, 5, 1000, 100);
	dirty_synced(dirty, 5, ticket, 200);
	ticket = dirty_take(dirty, 5, ranges, DIRTY_RANGES, &count, &lsn);
	assert_true(lsn == UINT64_MAX);
	dirty_synced(dirty, 5, ticket, 400);
	(void)dirty_take(dirty, 5, ranges, DIRTY_RANGES, &count, &lsn);
	assert_int_equal(lsn, 400);
	dirty_close(dirty);
}

static void test_tickets(void **state)
{
	(void)state;
	struct dirty *dirty = dirty_new();
	struct byte_range ranges[DIRTY_RANGES];
	size_t count;
	uint64_t lsn;
	dirty_add(dirty, 5, 1000, 100);
	dirty_add(dirty, 5, 1100, 50);
	dirty_add(dirty, 5, 900, 150);
	dirty_add(dirty, 6, 1, 1);
	/* a second sync covers what the first has not finished */
	uint64_t first = take_one(dirty, 5, 900, 250), second = take_one(dirty, 5, 900, 250);
	/* what is overwritten meanwhile stays when the first has finished */
	dirty_add(dirty, 5, 900, 10);
	dirty_synced(dirty, 5, second, 0);
	(void)dirty_take(dirty, 5, ranges, DIRTY_RANGES, &count, &lsn);
	assert_int_equal(count, 2);
	dirty_synced(dirty, 5, first, 0);
	uint64_t third = take_one(dirty, 5, 900, 10);
	dirty_synced(dirty, 5, third, 0);
	(void)take_one(dirty, 5, 900, 10); /* the take in the middle has it and is not finished */
	dirty_forget(dirty, 5);
	(void)take_one(dirty, 5, 0, 0);
	(void)take_one(dirty, 6, 1, 1);
	dirty_close(dirty);
}

static void test_ranges_are_joined(void **state)
{
	(void)state;
	struct dirty *dirty = dirty_new();
	struct byte_range ranges[DIRTY_RANGES];
	size_t count;
	uint64_t lsn;
	for (uint64_t i = 0; i < 100; i++)
		dirty_add(dirty, 1, (i * 37 % 100) * 100000, 10);
	uint64_t ticket = dirty_take(dirty, 1, ranges, DIRTY_RANGES, &count, &lsn);
	assert_in_range(count, 1, DIRTY_RANGES);
	for (uint64_t i = 0; i < 100; i++) {
		bool covered = false;
		for (size_t j = 0; j < count; j++)
			covered |= ranges[j].offset <= i * 100000 &&
				   i * 100000 + 10 <= ranges[j].offset + ranges[j].length;
		assert_true(covered);
	}
	/* joined to one that is being synced: it must be synced again */
	dirty_add(dirty, 1, ranges[0].offset, 1);
	dirty_synced(dirty, 1, ticket, 0);
	(void)dirty_take(dirty, 1, ranges, DIRTY_RANGES, &count, &lsn);
	assert_int_equal(count, 1);
	dirty_close(dirty);
}

static void test_lsn(void **state)
{
	(void)state;
	struct dirty *dirty = dirty_new();
	struct byte_range ranges[DIRTY_RANGES];
	size_t count;
	uint64_t lsn;
	(void)dirty_take(dirty, 1, ranges, DIRTY_RANGES, &count, &lsn);
	assert_true(lsn == UINT64_MAX);
	dirty_add(dirty, 1, 0, 1);
	(void)dirty_take(dirty, 1, ranges, DIRTY_RANGES, &count, &lsn);
	assert_true(lsn == UINT64_MAX);
	dirty_note_lsn(dirty, 1, 500);
	dirty_note_lsn(dirty, 1, 400);
	(void)dirty_take(dirty, 1, ranges, DIRTY_RANGES, &count, &lsn);
	assert_int_equal(lsn, 500);
	/* entries with nothing but an LSN give way; those with ranges stay */
	for (uint64_t i = 0; i < 100000; i++)
		dirty_note_lsn(dirty, 1000 + i, i);
	(void)take_one(dirty, 1, 0, 1);
	dirty_close(dirty);
}

/* More inodes with ranges than the table holds: everything is synced until such a sync has succeeded. */
static void test_overflow(void **state)
{
	(void)state;
	struct dirty *dirty = dirty_new();
	for (uint64_t i = 1; i <= 65536; i++)
		dirty_add(dirty, i, i * 10, 5);
	(void)take_one(dirty, 1, 10, 5);
	uint64_t early = take_one(dirty, 70000, 0, 0);
	dirty_add(dirty, 70000, 7, 5);
	dirty_synced(dirty, 70000, early, 0);
	for (uint64_t i = 1; i <= 65536; i += 1000)
		(void)take_one(dirty, i, 0, UINT64_MAX);
	uint64_t ticket = take_one(dirty, 3, 0, UINT64_MAX);
	dirty_forget(dirty, 5);
	dirty_forget(dirty, 6); /* room, if 5 was the one that went */
	dirty_synced(dirty, 3, ticket, 0);
	(void)take_one(dirty, 3, 0, 0);
	dirty_close(dirty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_power_cut),
	    cmocka_unit_test(test_no_needless_seal),
	    cmocka_unit_test(test_overwrites_need_no_seal),
	    cmocka_unit_test(test_lsn_of_an_entry_made_anew),
	    cmocka_unit_test(test_tickets),
	    cmocka_unit_test(test_ranges_are_joined),
	    cmocka_unit_test(test_lsn),
	    cmocka_unit_test(test_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
