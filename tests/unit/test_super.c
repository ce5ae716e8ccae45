/* Superblock slots and what an open makes of them. */
#include "backend_fixture.h"

static int setup(void **state)
{
	struct backend *b = malloc(sizeof(*b));

	backend_make(b, 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct backend *b = *state;

	unlink(b->path);
	free(b);
	return 0;
}

static struct super_disk read_slot(const struct backend *b, unsigned slot)
{
	struct super_disk super;

	backend_peek(b, slot * BLOCK_SIZE, &super, sizeof(super));
	return super;
}

/* Puts a slot back with a right checksum. */
static void write_slot(const struct backend *b, unsigned slot, struct super_disk *super)
{
	super->checksum = le64_of(super_checksum(super));
	backend_poke(b, slot * BLOCK_SIZE, super, sizeof(*super));
}

static unsigned newest_slot(const struct backend *b)
{
	struct super_disk first = read_slot(b, 0), second = read_slot(b, 1);

	return le64_get(second.generation) > le64_get(first.generation);
}

static void damage_slot(const struct backend *b, unsigned slot)
{
	struct super_disk super = read_slot(b, slot);

	super.label[5] ^= 1;
	backend_poke(b, slot * BLOCK_SIZE, &super, sizeof(super));
}

static int try_open(struct backend *b, bool read_only)
{
	struct image_options options = {.no_syncer = true, .read_only = read_only};
	int error = backend_try(b, &options);

	if (error == 0)
		image_drop(b->image);
	b->image = NULL;
	return error;
}

static void test_fresh_image(void **state)
{
	struct backend *b = *state;
	struct image_space space;
	struct store *store = backend_store(b, STORE_READ_ONLY);

	assert_int_equal(image_detect(store), 1);
	store_close(store);
	backend_open(b, RECOVER_AUTO);
	assert_true(b->report.was_clean);
	assert_int_equal(b->report.bad_slots, 0);
	assert_string_equal(image_super(b->image)->label, "unit");
	assert_int_equal(image_super(b->image)->uuid[6] >> 4, 4);
	assert_int_equal(image_space(b->image, &space), 0);
	assert_int_equal(space.used_blocks, 0);
	assert_true(space.free_blocks > 0);
	assert_int_equal(space.total_blocks, space.free_blocks);
	assert_int_equal(image_head(b->image), image_sealed(b->image));
	backend_close(b);
	backend_open(b, RECOVER_AUTO);
	assert_true(b->report.was_clean);
	backend_close(b);
}

static void test_slots_alternate(void **state)
{
	struct backend *b = *state;
	struct super_disk before = read_slot(b, newest_slot(b)), after;
	unsigned slot = newest_slot(b);

	backend_open(b, RECOVER_AUTO);
	assert_int_equal(newest_slot(b), !slot);
	after = read_slot(b, !slot);
	assert_int_equal(le64_get(after.generation), le64_get(before.generation) + 1);
	assert_int_equal(le64_get(after.flags), 0);
	assert_int_equal(le64_get(after.owner.pid), getpid());
	assert_true(after.owner.host[0] != 0);
	backend_close(b);
	assert_int_equal(newest_slot(b), slot);
	after = read_slot(b, slot);
	assert_int_equal(le64_get(after.flags), SUPER_CLEAN);
	assert_int_equal(after.owner.host[0], 0);
}

static void test_owner(void **state)
{
	struct backend *b = *state;
	struct owner_disk owner;

	assert_false(image_owner_at(b->path, &owner));
	assert_false(image_owner_at("/nonexistent/image", &owner));
	backend_open(b, RECOVER_AUTO);
	assert_true(image_owner_at(b->path, &owner));
	assert_int_equal(le64_get(owner.pid), getpid());
	backend_close(b);
	assert_false(image_owner_at(b->path, &owner));
}

static void test_one_slot_damaged(void **state)
{
	struct backend *b = *state;

	for (unsigned slot = 0; slot < 2; slot++) {
		damage_slot(b, slot);
		backend_open(b, RECOVER_AUTO);
		assert_int_equal(b->report.bad_slots, 1);
		backend_put(b, slot, 0);
		backend_close(b);
		backend_open(b, RECOVER_AUTO);
		assert_int_equal(b->report.bad_slots, 0); /* closing wrote both anew */
		assert_int_equal(backend_version(b, slot, 1), 0);
		backend_close(b);
	}
}

static void test_both_damaged(void **state)
{
	struct backend *b = *state;
	struct store *store;

	damage_slot(b, 0);
	damage_slot(b, 1);
	assert_int_equal(try_open(b, false), -EUCLEAN);
	assert_true(strlen(b->report.text) > 0);
	store = backend_store(b, STORE_READ_ONLY);
	assert_int_equal(image_detect(store), 1);
	store_close(store);
}

static void test_not_an_image(void **state)
{
	struct backend *b = *state;
	static const uint8_t zeros[2 * BLOCK_SIZE];
	struct store *store;

	backend_poke(b, 0, zeros, sizeof(zeros));
	assert_int_equal(try_open(b, false), -EINVAL);
	assert_int_equal(truncate(b->path, 100), 0);
	assert_int_equal(try_open(b, true), -EINVAL);
	store = backend_store(b, STORE_READ_ONLY);
	assert_int_equal(image_detect(store), 0);
	store_close(store);
}

static void test_short_image(void **state)
{
	struct backend *b = *state;
	struct super_disk super = read_slot(b, 0);
	uint64_t least = RING_START + le64_get(super.ring_blocks) + ZONE_0_BLOCKS_MIN;

	assert_int_equal(truncate(b->path, (off_t)(least * BLOCK_SIZE - 1)), 0);
	assert_int_equal(try_open(b, false), -EUCLEAN);
	assert_non_null(strstr(b->report.text, "cut short"));
	assert_int_equal(try_open(b, true), -EUCLEAN);
}

/* Applies a change to both slots; the open must refuse with that error. */
static void refuse_with(struct backend *b, void (*change)(struct super_disk *), bool read_only, int error)
{
	for (unsigned slot = 0; slot < 2; slot++) {
		struct super_disk super = read_slot(b, slot);

		change(&super);
		write_slot(b, slot, &super);
	}
	assert_int_equal(try_open(b, read_only), error);
	if (error)
		assert_true(strlen(b->report.text) > 0);
}

static void newer_version(struct super_disk *super)
{
	super->version = le32_of(SUPER_VERSION + 1);
}

static void incompatible_feature(struct super_disk *super)
{
	super->incompat = le64_of(UINT64_C(1) << 37);
}

static void read_only_feature(struct super_disk *super)
{
	super->ro_compat = le64_of(1);
}

static void compatible_feature(struct super_disk *super)
{
	super->compat = le64_of(UINT64_MAX);
}

static void test_newer_formats(void **state)
{
	struct backend *b = *state;

	refuse_with(b, compatible_feature, false, 0);
	refuse_with(b, read_only_feature, true, 0);
	refuse_with(b, read_only_feature, false, -EROFS);
	refuse_with(b, incompatible_feature, true, -EOPNOTSUPP);
	assert_non_null(strstr(b->report.text, "feature bit 37"));
	refuse_with(b, newer_version, true, -EOPNOTSUPP);
	assert_non_null(strstr(b->report.text, "newer"));
}

static void bad_block_size(struct super_disk *super)
{
	super->block_size = le32_of(512);
}

static void ring_too_small(struct super_disk *super)
{
	super->ring_blocks = le64_of(16);
}

static void ring_unaligned(struct super_disk *super)
{
	super->ring_blocks = le64_of(257);
}

static void ring_too_large(struct super_disk *super)
{
	super->ring_blocks = le64_of(UINT64_MAX - 15);
}

static void ring_past_end(struct super_disk *super)
{
	super->ring_blocks = le64_of(512);
}

static void tail_unaligned(struct super_disk *super)
{
	super->tail_lsn = le64_of(4097);
}

static void tail_too_large(struct super_disk *super)
{
	super->tail_lsn = le64_of(UINT64_MAX - 7);
}

static void limit_too_large(struct super_disk *super)
{
	super->limit_blocks = le64_of(MAX_BLOCKS + 1);
}

static void unknown_flags(struct super_disk *super)
{
	super->flags = le64_of(1u << 9);
}

static void endless_label(struct super_disk *super)
{
	memset(super->label, 'x', sizeof(super->label));
}

static void test_hostile_fields(void **state)
{
	void (*const changes[])(struct super_disk *) = {
	    bad_block_size, ring_too_small, ring_unaligned,  ring_too_large, ring_past_end,
	    tail_unaligned, tail_too_large, limit_too_large, unknown_flags,  endless_label,
	};
	struct backend *b = *state;
	struct super_disk good[2] = {read_slot(b, 0), read_slot(b, 1)};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		refuse_with(b, changes[i], false, -EUCLEAN);
		write_slot(b, 0, &good[0]);
		write_slot(b, 1, &good[1]);
	}
	assert_int_equal(try_open(b, false), 0);
}

static void last_generation(struct super_disk *super)
{
	uint64_t slot = le64_get(super->generation) % 2;

	super->generation = le64_of(UINT64_MAX / 2 - 1 + slot);
}

static void late_generation(struct super_disk *super)
{
	uint64_t slot = le64_get(super->generation) % 2;

	super->generation = le64_of(UINT64_MAX / 4 - 1 + slot);
}

static void last_tail(struct super_disk *super)
{
	super->tail_lsn = le64_of(UINT64_C(1) << 62);
}

static void late_tail(struct super_disk *super)
{
	super->tail_lsn = le64_of(UINT64_C(1) << 61);
}

/* What an image is taken to be written to with leads to nothing that cannot be read. */
static void test_counts_near_their_end(void **state)
{
	void (*const refused[])(struct super_disk *) = {last_generation, last_tail};
	void (*const taken[])(struct super_disk *) = {late_generation, late_tail};
	struct backend *b = *state;
	struct super_disk good[2] = {read_slot(b, 0), read_slot(b, 1)};

	for (size_t i = 0; i < 2; i++) {
		refuse_with(b, refused[i], true, 0);
		write_slot(b, 0, &good[0]);
		write_slot(b, 1, &good[1]);
		refuse_with(b, refused[i], false, -EUCLEAN);
		write_slot(b, 0, &good[0]);
		write_slot(b, 1, &good[1]);
		refuse_with(b, taken[i], false, 0);
		assert_int_equal(try_open(b, true), 0);
		write_slot(b, 0, &good[0]);
		write_slot(b, 1, &good[1]);
	}
}

static int make_with(struct backend *b, uint64_t limit, uint64_t journal, const char *label)
{
	struct image_make_options options = {.limit_bytes = limit, .journal_bytes = journal, .label = label};
	struct store *store = backend_store(b, STORE_WRITE);
	int error = image_make(store, &options);

	store_close(store);
	return error;
}

static void test_make_sizes(void **state)
{
	struct backend *b = *state;
	char long_label[65];

	memset(long_label, 'x', sizeof(long_label));
	long_label[64] = 0;
	assert_int_equal(make_with(b, 0, 4096, NULL), -EINVAL);
	assert_int_equal(make_with(b, 0, UINT64_C(1) << 40, NULL), -EINVAL);
	assert_int_equal(make_with(b, 1 << 20, 1 << 20, NULL), -EINVAL);
	assert_int_equal(make_with(b, 0, 1 << 20, long_label), -EINVAL);
	/* an old image is made anew: nothing of it is left */
	backend_open(b, RECOVER_AUTO);
	backend_put(b, 1, 0);
	backend_close(b);
	assert_int_equal(make_with(b, 16 << 20, 0, NULL), 0);
	backend_open(b, RECOVER_AUTO);
	assert_int_equal(backend_version(b, 1, 0), -1);
	assert_int_equal(le64_get(image_super(b->image)->limit_blocks), 4096);
	backend_close(b);
}

static void test_read_only_writes_nothing(void **state)
{
	struct backend *b = *state;
	struct image_options options = {.no_syncer = true, .read_only = true};
	struct super_disk slots[2] = {read_slot(b, 0), read_slot(b, 1)}, now;
	struct txn *txn;

	assert_int_equal(backend_try(b, &options), 0);
	assert_true(image_read_only(b->image));
	assert_int_equal(txn_begin(b->image, 1, 0, &txn), -EROFS);
	assert_int_equal(image_sync(b->image, 0, NULL, 0), 0);
	backend_close(b);
	for (unsigned slot = 0; slot < 2; slot++) {
		now = read_slot(b, slot);
		assert_memory_equal(&now, &slots[slot], sizeof(now));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_fresh_image, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_slots_alternate, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_one_slot_damaged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_both_damaged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_an_image, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_short_image, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_newer_formats, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile_fields, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_counts_near_their_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_make_sizes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_read_only_writes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
