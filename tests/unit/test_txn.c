/* Transactions: abort restores everything, commit keeps, and nothing is recorded where nothing changed. */
#include "backend_fixture.h"
#include "random.h"

#define ITEMS 400u

static void fill(struct backend *b)
{
	for (uint64_t number = 0; number < ITEMS; number++)
		backend_put(b, number, 0);
}

/* All metadata as the holder of the tree lock sees it, block by block. */
static uint8_t *snapshot(struct image *image, size_t *ret_size)
{
	uint64_t first = image->zone_first, blocks = 512;
	uint8_t *bytes = calloc(blocks, BLOCK_SIZE);

	assert_non_null(bytes);
	image_read_lock(image);
	for (uint64_t i = 0; i < blocks; i++) {
		const struct overlay_block *overlay = overlay_find(&image->overlay, first + i);

		if (overlay)
			memcpy(bytes + i * BLOCK_SIZE, overlay->bytes, BLOCK_SIZE);
		else if ((first + i + 1) * BLOCK_SIZE <= store_size(image->store))
			memcpy(bytes + i * BLOCK_SIZE, store_at(image->store, (first + i) * BLOCK_SIZE),
			       BLOCK_SIZE);
	}
	image_read_unlock(image);
	*ret_size = blocks * BLOCK_SIZE;
	return bytes;
}

static void change_much(struct txn *txn, struct random *random)
{
	uint8_t bytes[ITEM_MAX] = {1, 2, 3};

	for (unsigned i = 0; i < 12; i++) {
		uint64_t number = random_below(random, ITEMS);
		int result = tree_delete(txn, TREE_FILES, backend_key(number));

		assert_true(result == 0 || result == -ENOENT);
		assert_int_equal(tree_put(txn, TREE_FILES, backend_key(ITEMS + random_below(random, ITEMS)),
					  bytes, random_below(random, ITEM_MAX + 1)),
				 0);
	}
}

static void abort_restores(void **state)
{
	struct random random = {11};
	struct backend b;
	uint64_t inode;

	(void)state;
	backend_make(&b, 0);
	backend_open(&b, RECOVER_AUTO);
	fill(&b);
	for (unsigned round = 0; round < 20; round++) {
		size_t size, held = atomic_load(&b.image->overlay.count);
		uint64_t head = image_head(b.image), ready;
		uint8_t *before, *after;
		uint64_t free_blocks, count = b.image->overlay.count;
		struct txn *txn;

		(void)count;
		assert_int_equal(alloc_prepare_metadata(b.image, 64, false), 0);
		alloc_unprepare(b.image, 64);
		ready = b.image->alloc.meta_ready;
		free_blocks = alloc_free_blocks(b.image);
		before = snapshot(b.image, &size);
		assert_int_equal(txn_begin(b.image, 8, 0, &txn), 0);
		assert_int_equal(txn_new_inode(txn, &inode), 0);
		assert_int_equal(txn_count_inodes(txn, 1), 0);
		change_much(txn, &random);
		txn_abort(txn);
		after = snapshot(b.image, &size);
		assert_int_equal(memcmp(before, after, size), 0);
		assert_int_equal(image_head(b.image), head);
		assert_int_equal(atomic_load(&b.image->overlay.count), held);
		assert_int_equal(b.image->alloc.meta_ready, ready);
		assert_int_equal(b.image->alloc.meta_promised, 0);
		assert_int_equal(alloc_free_blocks(b.image), free_blocks);
		assert_int_equal(b.image->ring.reserved, 0);
		free(before);
		free(after);
		if (round % 5 == 4)
			assert_int_equal(image_checkpoint(b.image), 0);
	}
	for (uint64_t number = 0; number < ITEMS; number++)
		assert_int_equal(backend_version(&b, number, 0), 0);
	backend_close(&b);
	backend_remove(&b);
}

static void committed_survives_kill(void **state)
{
	struct backend b;

	(void)state;
	backend_make(&b, 0);
	backend_open(&b, RECOVER_AUTO);
	fill(&b);
	for (uint64_t version = 1; version < 4; version++) {
		for (uint64_t number = 0; number < ITEMS; number += 7)
			backend_put(&b, number, version);
		backend_kill(&b);
		backend_open(&b, RECOVER_WARM);
		assert_true(b.report.warm);
		for (uint64_t number = 0; number < ITEMS; number++)
			assert_int_equal(backend_version(&b, number, 9), number % 7 == 0 ? (int)version : 0);
	}
	backend_close(&b);
	backend_remove(&b);
}

static void unchanged_appends_nothing(void **state)
{
	uint8_t bytes[ITEM_MAX];
	struct backend b;
	struct txn *txn;
	uint64_t head, lsn = 0;
	size_t size = backend_value(5, 0, bytes);

	(void)state;
	backend_make(&b, 0);
	backend_open(&b, RECOVER_AUTO);
	fill(&b);
	assert_int_equal(image_checkpoint(b.image), 0);
	assert_int_equal(atomic_load(&b.image->overlay.count), 0);
	head = image_head(b.image);
	assert_int_equal(txn_begin(b.image, 4, 0, &txn), 0);
	assert_int_equal(txn_commit(txn, &lsn), 0);
	assert_int_equal(lsn, head);
	/* the same bytes again, and there and back */
	assert_int_equal(txn_begin(b.image, 4, 0, &txn), 0);
	assert_int_equal(tree_put(txn, TREE_FILES, backend_key(5), bytes, size), 0);
	assert_int_equal(txn_count_inodes(txn, 3), 0);
	assert_int_equal(txn_count_inodes(txn, -3), 0);
	assert_int_equal(txn_commit(txn, &lsn), 0);
	assert_int_equal(lsn, head);
	assert_int_equal(image_head(b.image), head);
	assert_int_equal(atomic_load(&b.image->overlay.count), 0);
	assert_int_equal(b.image->ring.reserved, 0);
	backend_close(&b);
	backend_remove(&b);
}

/* The record carries whose request it was, and what its reply needs (R17). */
static void record_names_request(void **state)
{
	const struct record_disk *record;
	struct backend b;
	struct txn *txn;
	uint64_t head, checksum;

	(void)state;
	backend_make(&b, 0);
	backend_open(&b, RECOVER_AUTO);
	fill(&b);
	head = image_head(b.image);
	checksum = b.image->ring.last_checksum;
	image_request_begin(b.image, 0, 0x1234, 0x5678);
	assert_int_equal(txn_begin(b.image, 1, 0, &txn), 0);
	assert_int_equal(txn_count_inodes(txn, 1), 0);
	txn_reply(txn, 77, 4096, false);
	assert_int_equal(txn_commit(txn, NULL), 0);
	image_request_end(b.image);
	assert_int_equal(record_read(b.image, head, checksum, &record), 0);
	assert_int_equal(le64_get(record->connection), 0x1234);
	assert_int_equal(le64_get(record->unique), 0x5678);
	assert_int_equal(le64_get(record->reply_inode), 77);
	assert_int_equal(le64_get(record->reply_count), 4096);
	assert_int_equal(le16_get(record->flags), 0);
	assert_true(le32_get(record->length) < 256); /* it holds what changed only */
	backend_close(&b);
	backend_remove(&b);
}

/* More than a record may hold: refused whole, and nothing has changed. */
static void too_large_is_refused(void **state)
{
	uint8_t bytes[ITEM_MAX];
	struct random random = {3};
	struct backend b;
	struct txn *txn;
	uint64_t head;

	(void)state;
	backend_make(&b, 0);
	backend_open(&b, RECOVER_AUTO);
	fill(&b);
	head = image_head(b.image);
	assert_int_equal(txn_begin(b.image, 200, 0, &txn), 0);
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned at = 0; at < ITEM_MAX; at++)
			bytes[at] = (uint8_t)random_next(&random);
		assert_int_equal(tree_put(txn, TREE_FILES, backend_key(1000 + i), bytes, ITEM_MAX), 0);
	}
	assert_int_equal(txn_commit(txn, NULL), -EFBIG);
	assert_int_equal(image_head(b.image), head);
	assert_int_equal(b.image->ring.reserved, 0);
	for (uint64_t number = 0; number < ITEMS; number++)
		assert_int_equal(backend_version(&b, number, 0), 0);
	assert_int_equal(backend_version(&b, 1000, 0), -1);
	backend_close(&b);
	backend_remove(&b);
}

/* A damaged node is refused on its first use, a whole one is read. */
static void damage_is_found(void **state)
{
	struct backend b;
	uint8_t byte;
	const struct roots_disk *roots;
	uint64_t root;
	struct key key = backend_key(3);
	uint8_t bytes[ITEM_MAX];

	(void)state;
	backend_make(&b, 0);
	backend_open(&b, RECOVER_AUTO);
	fill(&b);
	image_read_lock(b.image);
	assert_int_equal(image_block(b.image, b.image->roots_block, MAGIC_ROOTS, (const void **)&roots), 0);
	root = le64_get(roots->roots[TREE_FILES].block);
	image_read_unlock(b.image);
	backend_close(&b);
	for (unsigned at = 0; at < BLOCK_SIZE; at += 97) {
		backend_peek(&b, root * BLOCK_SIZE + at, &byte, 1);
		byte ^= 0x10;
		backend_poke(&b, root * BLOCK_SIZE + at, &byte, 1);
		backend_open(&b, RECOVER_AUTO);
		image_read_lock(b.image);
		assert_int_equal(tree_get(b.image, TREE_FILES, key, bytes, sizeof(bytes), NULL), -EUCLEAN);
		image_read_unlock(b.image);
		assert_true(strlen(image_damage(b.image)) > 0);
		backend_close(&b);
		byte ^= 0x10;
		backend_poke(&b, root * BLOCK_SIZE + at, &byte, 1);
	}
	backend_open(&b, RECOVER_AUTO);
	assert_int_equal(backend_version(&b, 3, 0), 0);
	backend_close(&b);
	backend_remove(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(abort_restores),
	    cmocka_unit_test(committed_survives_kill),
	    cmocka_unit_test(unchanged_appends_nothing),
	    cmocka_unit_test(record_names_request),
	    cmocka_unit_test(too_large_is_refused),
	    cmocka_unit_test(damage_is_found),
	};

	/* a disk's syncs would take most of the time */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
