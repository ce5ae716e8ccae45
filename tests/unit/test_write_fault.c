/* Writes whose data the host does not take: an errno, nothing changed, no block lost. */
#include "fixture_sim.h"

#include <errno.h>

static uint8_t bytes[300000], back[300000];

/* The nth store from now fails, once. */
static void fail_store(struct sim_fixture *f, uint64_t nth)
{
	f->sim->fault = (struct sim_fault){.kinds = 1u << SIM_WRITE, .nth = nth, .error = -ENOSPC};
}

static void test_store_fails(void **state)
{
	(void)state;
	struct sim_fixture f;
	struct fs_attr before, after;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	memset(bytes, 'a', sizeof(bytes));
	assert_int_equal(fs_write(f.fs, file, 100, bytes, 10000, 0), 10000);
	assert_int_equal(fs_getattr(f.fs, file, &before), 0);
	/* 20000 is in a new block: zeros before, data, zeros behind; 12000 begins in an owned one */
	for (uint64_t nth = 1; nth <= 3; nth++) {
		fail_store(&f, nth);
		assert_int_equal(fs_write(f.fs, file, 20001, bytes, 5, 0), -ENOSPC);
		assert_true(f.sim->fault.hit);
	}
	fail_store(&f, 2);
	assert_int_equal(fs_write(f.fs, file, 12000, bytes, 200000, 0), -ENOSPC);
	f.sim->fault = (struct sim_fault){0};
	assert_int_equal(fs_getattr(f.fs, file, &after), 0);
	assert_int_equal(after.size, before.size);
	assert_int_equal(after.blocks512, before.blocks512);
	assert_int_equal(image_failure(f.image), 0);
	/* it goes on */
	assert_int_equal(fs_write(f.fs, file, 20001, bytes, 5, 0), 5);
	assert_int_equal(fs_read_copy(f.fs, file, 0, back, sizeof(back)), 20006);
	for (size_t i = 0; i < 20006; i++)
		assert_int_equal(back[i], (i >= 100 && i < 10100) || i > 20000 ? 'a' : 0);
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* More failing than the image has room for: what they reserved is given back. */
static void test_reservations_return(void **state)
{
	(void)state;
	struct sim_fixture f;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	for (uint64_t i = 0; i < 2 * SIM_SIZE / sizeof(bytes); i++) {
		f.sim->fault = (struct sim_fault){.kinds = 1u << SIM_WRITE, .nth = 1, .error = -EIO};
		assert_int_equal(fs_write(f.fs, file, 0, bytes, sizeof(bytes), 0), -EIO);
	}
	/* now most of it can be had */
	for (uint64_t at = 0; at < SIM_SIZE / 4 * 3; at += sizeof(bytes))
		assert_int_equal(fs_write(f.fs, file, at, bytes, sizeof(bytes), 0), sizeof(bytes));
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* A later chunk that fails leaves a short count. */
static void test_short_count(void **state)
{
	(void)state;
	struct sim_fixture f;
	struct fs_attr attr;
	const size_t length = 9u << 20;
	uint8_t *many = malloc(length);
	assert_non_null(many);
	memset(many, 'z', length);
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	for (uint64_t nth = 1; nth < 40; nth++) {
		struct fs_set set = {.what = FS_SET_SIZE, .size = 0};
		assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
		assert_int_equal(fs_sync(f.fs, file, false), 0);
		fail_store(&f, nth);
		ssize_t result = fs_write(f.fs, file, 0, many, length, 0);
		bool hit = f.sim->fault.hit;
		f.sim->fault = (struct sim_fault){0};
		if (image_failure(f.image)) /* it was the record's store that failed */
			break;
		assert_true(hit ? result == -ENOSPC || (result > 0 && (size_t)result < length)
				: (size_t)result == length);
		assert_int_equal(fs_getattr(f.fs, file, &attr), 0);
		assert_int_equal(attr.size, result < 0 ? 0 : result);
		if (!hit)
			break;
	}
	free(many);
	sim_drop(&f);
	store_sim_free(f.sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_store_fails),
	    cmocka_unit_test(test_reservations_return),
	    cmocka_unit_test(test_short_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
