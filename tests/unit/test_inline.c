/* Contents in the tree: what makes a file inline and what ends it, against a model; costs; damage. */
#include "fixture.h"

#include "../../fs/file_i.h"

#include <fcntl.h>

#define MODEL_MAX 9000u

static uint8_t bytes[MODEL_MAX], back[MODEL_MAX];

struct model {
	uint64_t inode, size;
	uint8_t bytes[MODEL_MAX];
};

static uint32_t inline_length(struct fixture *f, uint64_t number)
{
	struct inode inode;
	image_read_lock(f->image);
	assert_int_equal(inode_load(f->fs, number, &inode), 0);
	image_read_unlock(f->image);
	return inode.inline_length;
}

static void resize(struct fixture *f, uint64_t inode, uint64_t size)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = size};
	struct fs_attr attr;
	assert_int_equal(fs_setattr(f->fs, inode, &set, &attr), 0);
	assert_int_equal(attr.size, size);
}

static void put(struct fixture *f, uint64_t inode, uint64_t offset, size_t length)
{
	assert_int_equal(fs_write(f->fs, inode, offset, bytes, length, 0), length);
}

static void used_blocks(struct fixture *f, uint64_t *ret_data)
{
	struct image_space space;
	assert_int_equal(image_space(f->image, &space), 0);
	*ret_data = space.used_blocks;
}

/* ---- against a model ---- */

static void check(struct fixture *f, const struct model *model)
{
	uint64_t found, length = inline_length(f, model->inode);
	struct fs_attr attr = fixture_attr(f, model->inode);
	assert_int_equal(attr.size, model->size);
	assert_int_equal(fs_read_copy(f->fs, model->inode, 0, back, sizeof(back)), model->size);
	assert_memory_equal(back, model->bytes, model->size);
	if (length == 0)
		return;
	assert_true(length <= INLINE_MAX && length <= model->size);
	assert_int_equal(attr.blocks512, 1);
	assert_int_equal(fs_seek(f->fs, model->inode, length - 1, SEEK_DATA, &found), 0);
	assert_int_equal(found, length - 1);
	assert_int_equal(fs_seek(f->fs, model->inode, 0, SEEK_HOLE, &found), 0);
	assert_int_equal(found, smaller(model->size, BLOCK_SIZE));
}

static void model_zero(struct model *model, uint64_t from, uint64_t to)
{
	if (from < to)
		memset(model->bytes + from, 0, to - from);
}

static void model_resize(struct model *model, uint64_t size)
{
	model_zero(model, smaller(model->size, size), MODEL_MAX);
	model->size = size;
}

static void model_step(struct fixture *f, struct model *model, struct model *other, uint64_t *state)
{
	uint64_t offset = fixture_random(state) % 300, length = 1 + fixture_random(state) % 250;
	unsigned kind = fixture_random(state) % 16;
	if (fixture_random(state) % 24 == 0)
		length += 3500;
	if (kind < 7) {
		memset(bytes, (int)(1 + fixture_random(state) % 255), length);
		put(f, model->inode, offset, length);
		memcpy(model->bytes + offset, bytes, length);
		model->size = larger(model->size, offset + length);
	} else if (kind < 10) {
		uint64_t size = kind < 9 ? 0 : offset;
		resize(f, model->inode, size);
		model_resize(model, size);
	} else if (kind < 12) {
		int mode = FALLOC_FL_KEEP_SIZE | (kind == 10 ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
		if (fixture_random(state) % 4 == 0)
			offset = 0, length = 5000;
		assert_int_equal(fs_fallocate(f->fs, model->inode, mode, offset, length), 0);
		model_zero(model, offset, smaller(offset + length, MODEL_MAX));
	} else if (kind == 12) {
		assert_int_equal(fs_fallocate(f->fs, model->inode, 0, offset, length), 0);
		model->size = larger(model->size, offset + length);
	} else if (kind < 15) {
		uint64_t from = fixture_random(state) % 300;
		length = from < other->size ? smaller(length, other->size - from) : 0;
		assert_int_equal(fs_copy(f->fs, other->inode, from, model->inode, offset, length), length);
		memcpy(model->bytes + offset, other->bytes + from, length);
		if (length)
			model->size = larger(model->size, offset + length);
	} else if (fixture_random(state) % 8 == 0) {
		fixture_crash(f);
	}
}

static void test_model(void **state)
{
	(void)state;
	static struct model models[2];
	struct fixture f;
	uint64_t seed = 7;
	unsigned inlines = 0;
	fixture_open(&f);
	for (unsigned i = 0; i < 2; i++)
		models[i].inode = fixture_make(&f, ROOT_INODE, i ? "b" : "a", S_IFREG | 0600);
	for (unsigned step = 0; step < 4000; step++) {
		unsigned which = fixture_random(&seed) % 2;
		model_step(&f, &models[which], &models[!which], &seed);
		check(&f, &models[which]);
		inlines += inline_length(&f, models[which].inode) > 0;
		if (step % 500 == 499)
			fixture_reopen(&f);
	}
	assert_in_range(inlines, 1000, 3000);
	fixture_close(&f);
}

/* ---- when it is, and when not ---- */

static void test_when(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	assert_int_equal(inline_length(&f, file), 0);
	assert_int_equal(fixture_attr(&f, file).blocks512, 0);
	put(&f, file, 100, 10);
	assert_int_equal(inline_length(&f, file), 110);
	put(&f, file, 0, INLINE_MAX);
	assert_int_equal(inline_length(&f, file), INLINE_MAX);
	/* A hole behind it costs nothing; what is written there does. */
	resize(&f, file, 1 << 20);
	put(&f, file, 5, 5);
	assert_int_equal(inline_length(&f, file), INLINE_MAX);
	put(&f, file, 9000, 1);
	assert_int_equal(inline_length(&f, file), 0);
	assert_int_equal(fixture_attr(&f, file).blocks512, 16);
	/* It does not come back by itself, but when the file has been emptied. */
	resize(&f, file, 100);
	put(&f, file, 0, 10);
	assert_int_equal(inline_length(&f, file), 0);
	resize(&f, file, 0);
	put(&f, file, 0, 10);
	assert_int_equal(inline_length(&f, file), 10);
	put(&f, file, 10, INLINE_MAX - 9);
	assert_int_equal(inline_length(&f, file), 0);
	/* Blocks behind the end, or a large size: it is going to be a larger file. */
	resize(&f, file, 0);
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
	put(&f, file, 0, 10);
	assert_int_equal(inline_length(&f, file), 0);
	resize(&f, file, 0);
	resize(&f, file, INLINE_MAX + 1);
	put(&f, file, 0, 10);
	assert_int_equal(inline_length(&f, file), 0);
	/* An image made without the feature has no such items. */
	resize(&f, file, 0);
	f.fs->inlines = false;
	put(&f, file, 0, 10);
	assert_int_equal(inline_length(&f, file), 0);
	fixture_close(&f);
}

static void test_deleted(void **state)
{
	(void)state;
	struct fixture f;
	struct key key, from = {.object = FIRST_INODE};
	fixture_open(&f);
	for (unsigned way = 0; way < 3; way++) {
		struct fs_name name = fixture_name("f");
		uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
		put(&f, file, 0, 100);
		if (way == 0) /* in the transaction that takes the name */
			fs_forget(f.fs, file, 1);
		assert_int_equal(fs_unlink(f.fs, ROOT_INODE, name), 0);
		if (way == 1) /* later */
			fs_forget(f.fs, file, 1);
		if (way == 2)
			fixture_reopen(&f);
		image_read_lock(f.image);
		assert_int_equal(tree_next(f.image, TREE_FILES, from, &key, NULL, 0, NULL), -ENOENT);
		image_read_unlock(f.image);
	}
	fixture_close(&f);
}

/* ---- what it costs ---- */

/* Making, writing and syncing a file of 200 bytes: syncs and bytes of records. */
static void cost(struct fixture *f, const char *name, uint64_t *ret_syncs, uint64_t *ret_bytes)
{
	struct image_stats before, after;
	image_stats(f->image, &before);
	uint64_t file = fixture_make(f, ROOT_INODE, name, S_IFREG | 0600);
	put(f, file, 0, 200);
	assert_int_equal(fs_sync(f->fs, file, false), 0);
	image_stats(f->image, &after);
	*ret_syncs = after.syncs - before.syncs;
	*ret_bytes = after.record_bytes - before.record_bytes;
}

static void test_cost(void **state)
{
	(void)state;
	struct fixture f;
	uint64_t syncs, record_bytes, block_syncs, block_bytes, used, used_after;
	fixture_open(&f);
	cost(&f, "first", &syncs, &record_bytes);
	used_blocks(&f, &used);
	cost(&f, "inline", &syncs, &record_bytes);
	used_blocks(&f, &used_after);
	assert_int_equal(used, used_after);
	f.fs->inlines = false;
	cost(&f, "blocks", &block_syncs, &block_bytes);
	assert_int_equal(syncs, 1);
	assert_int_equal(block_syncs, 2);
	assert_true(record_bytes < block_bytes + 200);
	fixture_close(&f);
}

/* ---- a full image ---- */

static void test_full(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	uint64_t filler = fixture_make(&f, ROOT_INODE, "filler", S_IFREG | 0600), at = 0;
	put(&f, file, 0, 300);
	f.limit_bytes = 16 << 20;
	fixture_reopen(&f);
	while (fs_write(f.fs, filler, at, bytes, BLOCK_SIZE, 0) > 0)
		at += BLOCK_SIZE;
	memset(bytes, 'n', sizeof(bytes));
	/* What is there can be changed, cut and punched; for what needs a block there is none, and nothing
	 * has changed. */
	put(&f, file, 100, 200);
	assert_int_equal(fs_write(f.fs, file, 300, bytes, 1000, 0), -ENOSPC);
	assert_int_equal(fs_fallocate(f.fs, file, 0, 0, 300), -ENOSPC);
	assert_int_equal(inline_length(&f, file), 300);
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 110, 5), 0);
	resize(&f, file, 120);
	assert_int_equal(fs_read_copy(f.fs, file, 0, back, 1000), 120);
	assert_memory_equal(back + 100, "nnnnnnnnnn\0\0\0\0\0nnnnn", 20);
	resize(&f, file, 100000);
	assert_int_equal(inline_length(&f, file), 120);
	/* A hole to the end and beyond, but not to that of the block: nothing of the block remains. */
	resize(&f, file, 120);
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 415), 0);
	assert_int_equal(inline_length(&f, file), 0);
	fixture_close(&f);
}

/* ---- damage ---- */

static void tree_change(struct fixture *f, uint64_t inode, uint8_t type, const void *item, size_t size)
{
	struct key key = {.object = inode, .type = type};
	struct txn *txn;
	assert_int_equal(txn_begin(f->image, 1, 0, &txn), 0);
	if (item)
		assert_int_equal(tree_put(txn, TREE_FILES, key, item, size), 0);
	else
		assert_int_equal(tree_delete(txn, TREE_FILES, key), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void refused(struct fixture *f, uint64_t file)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = 50};
	struct fs_attr attr;
	assert_int_equal(fs_read_copy(f->fs, file, 0, back, 10), -EUCLEAN);
	assert_true(strstr(image_damage(f->image), "inline"));
	assert_int_equal(fs_write(f->fs, file, 0, bytes, 10, 0), -EUCLEAN);
	assert_int_equal(fs_write(f->fs, file, 0, bytes, 1000, 0), -EUCLEAN);
	assert_int_equal(fs_setattr(f->fs, file, &set, &attr), -EUCLEAN);
	assert_int_equal(fs_fallocate(f->fs, file, 0, 0, 10), -EUCLEAN);
	assert_int_equal(fs_fallocate(f->fs, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10),
			 -EUCLEAN);
	assert_int_equal(fs_copy(f->fs, file, 0, file, 5000, 10), -EUCLEAN);
}

static void test_damage(void **state)
{
	(void)state;
	struct fixture f;
	struct inode_disk disk, bad;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	put(&f, file, 0, 100);
	image_read_lock(f.image);
	assert_int_equal(tree_get(f.image, TREE_FILES, (struct key){.object = file, .type = ITEM_INODE},
				  &disk, sizeof(disk), NULL),
			 0);
	image_read_unlock(f.image);
	/* an item of another length, or none */
	static const size_t sizes[] = {0, 99, 101, INLINE_MAX, INLINE_MAX + 1, ITEM_MAX};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		tree_change(&f, file, ITEM_INLINE, bytes, sizes[i]);
		refused(&f, file);
	}
	tree_change(&f, file, ITEM_INLINE, NULL, 0);
	refused(&f, file);
	/* an inode that cannot be */
	tree_change(&f, file, ITEM_INLINE, bytes, 100);
	for (unsigned i = 0; i < 5; i++) {
		bad = disk;
		if (i == 0)
			bad.inline_length = le32_of(INLINE_MAX + 1);
		else if (i == 1)
			bad.inline_length = le32_of(UINT32_MAX);
		else if (i == 2)
			bad.size = le64_of(99);
		else if (i == 3)
			bad.blocks = le64_of(1);
		else
			bad.mode = le32_of(S_IFIFO | 0600);
		tree_change(&f, file, ITEM_INODE, &bad, sizeof(bad));
		refused(&f, file);
	}
	/* without its item the rest can still be deleted */
	tree_change(&f, file, ITEM_INODE, &disk, sizeof(disk));
	tree_change(&f, file, ITEM_INLINE, NULL, 0);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("f")), 0);
	fixture_close(&f);
}

/* Pages that the kernel has collected come without times: it sends those itself. */
static void test_times(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	static const size_t lengths[] = {100, INLINE_MAX, 2 * BLOCK_SIZE};
	for (unsigned i = 0; i < 3; i++) {
		char name[8];
		snprintf(name, sizeof(name), "t%u", i);
		uint64_t file = fixture_make(&f, ROOT_INODE, name, S_IFREG | 0644);
		struct fs_set set = {.what = FS_SET_MTIME, .mtime = {.tv_sec = 1000}};
		struct fs_attr attr;
		assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
		assert_int_equal(fs_write(f.fs, file, 0, bytes, lengths[i], FS_WRITE_CACHED), lengths[i]);
		assert_int_equal(fixture_attr(&f, file).mtime.tv_sec, 1000);
		put(&f, file, 0, lengths[i]);
		assert_true(fixture_attr(&f, file).mtime.tv_sec > 1000);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_model), cmocka_unit_test(test_when), cmocka_unit_test(test_deleted),
	    cmocka_unit_test(test_cost),  cmocka_unit_test(test_full), cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
