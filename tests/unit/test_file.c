/*
 * File contents against byte arrays: a long random run on several files in a simulated store (no disk to wait
 * for), a shorter one in a real file, then the edges one by one.
 */
#include "fixture_sim.h"

#include <errno.h>

#define FILES	   4u
#define FILE_MAX   (600u * 1024u)
#define BLOCKS	   ((FILE_MAX + BLOCK_SIZE - 1) / BLOCK_SIZE)
#define STEPS	   20000u
#define STEPS_REAL 800u

enum block { HOLE, WRITTEN, UNWRITTEN };

struct model {
	uint64_t inode, size;
	uint8_t bytes[BLOCKS * BLOCK_SIZE]; /* zeros behind the size */
	enum block blocks[BLOCKS];
};

static struct model models[FILES];
static uint8_t buffer[FILE_MAX];
static uint64_t seed_state;

static uint64_t next_random(uint64_t bound)
{
	seed_state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = seed_state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % bound;
}

static void fill_random(uint8_t *bytes, size_t length)
{
	uint8_t byte = (uint8_t)next_random(256), add = (uint8_t)(1 + 2 * next_random(100));
	for (size_t i = 0; i < length; i++)
		bytes[i] = byte += add;
}

/* Mostly short ranges; often ones that begin or end at blocks or at the file's end. */
static void random_range(const struct model *model, uint64_t *ret_offset, uint64_t *ret_length)
{
	static const uint64_t lengths[] = {16, 300, 5000, 9000, 40000, 200000};
	uint64_t offset = next_random(FILE_MAX - 1);
	if (next_random(4) == 0)
		offset -= offset % BLOCK_SIZE;
	if (next_random(5) == 0 && model->size < FILE_MAX)
		offset = model->size;
	uint64_t length = 1 + next_random(lengths[next_random(6)]);
	if (next_random(4) == 0)
		length = BLOCK_SIZE * (1 + next_random(8)) - offset % BLOCK_SIZE;
	if (length > FILE_MAX - offset)
		length = FILE_MAX - offset;
	*ret_offset = offset;
	*ret_length = length;
}

static void mark_blocks(struct model *model, uint64_t offset, uint64_t end, enum block from, enum block to)
{
	for (uint64_t i = offset / BLOCK_SIZE; i * BLOCK_SIZE < end; i++)
		if (from == to || model->blocks[i] == from)
			model->blocks[i] = to;
}

static void step_write(struct fixture *f, struct model *model)
{
	uint64_t offset, length;
	random_range(model, &offset, &length);
	unsigned flags = next_random(6) == 0 && model->size + length <= FILE_MAX ? FS_WRITE_APPEND : 0;
	fill_random(buffer, length);
	assert_int_equal(fs_write(f->fs, model->inode, offset, buffer, length, flags), length);
	if (flags)
		offset = model->size;
	memcpy(model->bytes + offset, buffer, length);
	mark_blocks(model, offset, offset + length, WRITTEN, WRITTEN);
	if (offset + length > model->size)
		model->size = offset + length;
}

static void step_truncate(struct fixture *f, struct model *model)
{
	uint64_t size = next_random(3) ? next_random(FILE_MAX) : next_random(model->size + 1);
	if (next_random(4) == 0)
		size -= size % BLOCK_SIZE;
	struct fs_set set = {.what = FS_SET_SIZE, .size = size};
	struct fs_attr attr;
	assert_int_equal(fs_setattr(f->fs, model->inode, &set, &attr), 0);
	assert_int_equal(attr.size, size);
	if (size < model->size)
		memset(model->bytes + size, 0, model->size - size);
	for (uint64_t i = (size + BLOCK_SIZE - 1) / BLOCK_SIZE; i < BLOCKS && size <= model->size; i++)
		model->blocks[i] = HOLE;
	model->size = size;
}

static void model_punch(struct model *model, uint64_t offset, uint64_t end)
{
	memset(model->bytes + offset, 0, end - offset);
	for (uint64_t i = (offset + BLOCK_SIZE - 1) / BLOCK_SIZE; (i + 1) * BLOCK_SIZE <= end; i++)
		model->blocks[i] = HOLE;
}

static void step_fallocate(struct fixture *f, struct model *model)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	int mode = modes[next_random(5)];
	uint64_t offset, length;
	random_range(model, &offset, &length);
	assert_int_equal(fs_fallocate(f->fs, model->inode, mode, offset, length), 0);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		model_punch(model, offset, offset + length);
	if (!(mode & FALLOC_FL_PUNCH_HOLE))
		mark_blocks(model, offset, offset + length, HOLE, UNWRITTEN);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + length > model->size)
		model->size = offset + length;
}

static void model_copy(struct model *from, uint64_t from_offset, struct model *to, uint64_t to_offset,
		       uint64_t length)
{
	memcpy(to->bytes + to_offset, from->bytes + from_offset, length);
	uint64_t done = 0;
	while (done < length) {
		uint64_t offset = from_offset + done, part = BLOCK_SIZE - offset % BLOCK_SIZE;
		if (part > length - done)
			part = length - done;
		if (from->blocks[offset / BLOCK_SIZE] == WRITTEN)
			mark_blocks(to, to_offset + done, to_offset + done + part, WRITTEN, WRITTEN);
		done += part;
	}
	if (to_offset + length > to->size)
		to->size = to_offset + length;
}

static void step_copy(struct fixture *f, struct model *from, struct model *to)
{
	uint64_t from_offset, to_offset, length, other;
	random_range(from, &from_offset, &length);
	random_range(to, &to_offset, &other);
	if (next_random(2))
		to_offset = to_offset / BLOCK_SIZE * BLOCK_SIZE + from_offset % BLOCK_SIZE;
	if (length > FILE_MAX - to_offset)
		length = FILE_MAX - to_offset;
	uint64_t cut = from_offset >= from->size ? 0 : from->size - from_offset;
	uint64_t expected = length < cut ? length : cut;
	ssize_t result = fs_copy(f->fs, from->inode, from_offset, to->inode, to_offset, length);
	if (expected && from == to && from_offset < to_offset + expected &&
	    to_offset < from_offset + expected) {
		assert_int_equal(result, -EINVAL);
		return;
	}
	assert_int_equal(result, expected);
	if (expected)
		model_copy(from, from_offset, to, to_offset, expected);
}

static void check_seek(struct fixture *f, const struct model *model)
{
	uint64_t offset = next_random(FILE_MAX), found;
	bool data = next_random(2);
	int result = fs_seek(f->fs, model->inode, offset, data ? SEEK_DATA : SEEK_HOLE, &found);
	if (offset >= model->size) {
		assert_int_equal(result, -ENXIO);
		return;
	}
	uint64_t expected = offset;
	while (expected < model->size && (model->blocks[expected / BLOCK_SIZE] == WRITTEN) != data)
		expected = (expected / BLOCK_SIZE + 1) * BLOCK_SIZE;
	if (expected > model->size)
		expected = model->size;
	assert_int_equal(result, data && expected == model->size ? -ENXIO : 0);
	if (!result)
		assert_int_equal(found, expected);
}

struct compare {
	const uint8_t *bytes;
	size_t length;
	int count;
};

static int compare_pieces(void *context, const struct iovec *pieces, int count, size_t total)
{
	struct compare *compare = context;
	size_t at = 0;
	assert_int_equal(total, compare->length);
	for (int i = 0; i < count; i++) {
		assert_true(pieces[i].iov_len <= total - at);
		assert_memory_equal(pieces[i].iov_base, compare->bytes + at, pieces[i].iov_len);
		at += pieces[i].iov_len;
	}
	assert_int_equal(at, total);
	compare->count = count;
	return 0;
}

/* Both ways of reading give the model's bytes. */
static void check_bytes(struct fixture *f, const struct model *model, uint64_t offset, uint64_t length)
{
	uint64_t left = offset >= model->size ? 0 : model->size - offset;
	struct compare compare = {.bytes = model->bytes + offset, .length = length < left ? length : left};
	if (next_random(2)) {
		assert_int_equal(fs_read(f->fs, model->inode, offset, length, compare_pieces, &compare), 0);
		return;
	}
	assert_int_equal(fs_read_copy(f->fs, model->inode, offset, buffer, length), compare.length);
	assert_memory_equal(buffer, compare.bytes, compare.length);
}

static void check_whole(struct fixture *f, const struct model *model)
{
	struct fs_attr attr;
	uint64_t owned = 0;
	for (uint64_t i = 0; i < BLOCKS; i++)
		owned += model->blocks[i] != HOLE;
	assert_int_equal(fs_getattr(f->fs, model->inode, &attr), 0);
	assert_int_equal(attr.size, model->size);
	assert_int_equal(attr.blocks512, owned * 8);
	check_bytes(f, model, 0, FILE_MAX);
}

static void random_step(struct fixture *f)
{
	struct model *model = &models[next_random(FILES)];
	uint64_t kind = next_random(16), offset, length;
	if (kind < 7)
		step_write(f, model);
	else if (kind < 9)
		step_truncate(f, model);
	else if (kind < 13)
		step_fallocate(f, model);
	else
		step_copy(f, &models[next_random(FILES)], model);
	random_range(model, &offset, &length);
	check_bytes(f, model, offset, length);
	check_seek(f, model);
}

/* As kill -9 and another mount. `sim` is NULL for a real file. */
static void restart_killed(struct fixture *f, struct store_sim *sim)
{
	if (!sim) {
		fixture_crash(f);
		return;
	}
	struct sim_fixture simulated = {.sim = sim, .image = f->image, .fs = f->fs};
	sim_drop(&simulated);
	sim_start(&simulated, sim, RECOVER_WARM);
	f->image = simulated.image;
	f->fs = simulated.fs;
}

static void restart_cleanly(struct fixture *f, struct store_sim *sim)
{
	if (!sim) {
		fixture_reopen(f);
		return;
	}
	struct sim_fixture simulated = {.sim = sim};
	assert_int_equal(fs_close(f->fs), 0);
	assert_int_equal(image_close(f->image), 0);
	sim_start(&simulated, sim, RECOVER_AUTO);
	f->image = simulated.image;
	f->fs = simulated.fs;
}

static void random_restart(struct fixture *f, struct store_sim *sim, unsigned step)
{
	if (step % 377 == 376)
		restart_killed(f, sim);
	else if (step % 1999 == 1998)
		restart_cleanly(f, sim);
	else if (step % 500 == 499)
		assert_int_equal(fs_sync(f->fs, models[0].inode, next_random(2)), 0);
	else
		return;
	for (unsigned i = 0; i < FILES; i++)
		check_whole(f, &models[i]);
}

static void run_random(struct fixture *f, struct store_sim *sim, uint64_t seed, unsigned steps)
{
	seed_state = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	memset(models, 0, sizeof(models));
	for (unsigned i = 0; i < FILES; i++) {
		char name[2] = {(char)('a' + i), 0};
		models[i].inode = fixture_make(f, ROOT_INODE, name, S_IFREG | 0600);
	}
	for (unsigned step = 0; step < steps; step++) {
		random_step(f);
		random_restart(f, sim, step);
	}
	for (unsigned i = 0; i < FILES; i++)
		check_whole(f, &models[i]);
}

static void test_random(void **state)
{
	(void)state;
	struct sim_fixture simulated;
	sim_make(&simulated);
	struct fixture f = {.image = simulated.image, .fs = simulated.fs};
	run_random(&f, simulated.sim, 987654321, STEPS);
	assert_int_equal(fs_close(f.fs), 0);
	assert_int_equal(image_close(f.image), 0);
	store_sim_free(simulated.sim);
}

static void test_random_real(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	run_random(&f, NULL, 1122334455, STEPS_REAL);
	fixture_close(&f);
}

/* ---- edges ---- */

static void test_errors(void **state)
{
	(void)state;
	struct fixture f;
	uint64_t found;
	uint8_t bytes[32] = {1};
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "d", S_IFDIR | 0700);
	uint64_t fifo = fixture_make(&f, ROOT_INODE, "p", S_IFIFO | 0600);
	assert_int_equal(fs_write(f.fs, directory, 0, bytes, 1, 0), -EISDIR);
	assert_int_equal(fs_write(f.fs, fifo, 0, bytes, 1, 0), -EINVAL);
	assert_int_equal(fs_write(f.fs, 9999, 0, bytes, 1, 0), -ESTALE);
	assert_int_equal(fs_write(f.fs, file, 5, bytes, 0, 0), 0);
	assert_int_equal(fs_read_copy(f.fs, directory, 0, bytes, 1), -EISDIR);
	assert_int_equal(fs_read_copy(f.fs, 9999, 0, bytes, 1), -ESTALE);
	assert_int_equal(fs_read_copy(f.fs, file, UINT64_MAX, bytes, 1), 0);
	assert_int_equal(fs_fallocate(f.fs, directory, 0, 0, 1), -EISDIR);
	assert_int_equal(fs_fallocate(f.fs, fifo, 0, 0, 1), -ENODEV);
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -EOPNOTSUPP);
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_PUNCH_HOLE, 0, 4096), -EOPNOTSUPP);
	assert_int_equal(fs_fallocate(f.fs, file, 0, 0, 0), -EINVAL);
	assert_int_equal(fs_fallocate(f.fs, file, 0, UINT64_MAX, 1), -EFBIG);
	assert_int_equal(fs_fallocate(f.fs, file, 0, 0, UINT64_MAX), -EFBIG);
	assert_int_equal(fs_seek(f.fs, file, 0, SEEK_DATA, &found), -ENXIO);
	assert_int_equal(fs_seek(f.fs, file, 0, SEEK_SET, &found), -EINVAL);
	assert_int_equal(fs_copy(f.fs, file, 0, directory, 0, 1), -EISDIR);
	assert_int_equal(fs_copy(f.fs, file, 7, file, 0, 100), 0);
	fixture_close(&f);
}

static void test_largest_size(void **state)
{
	(void)state;
	struct fixture f;
	const uint64_t most = UINT64_C(1) << 56;
	uint8_t bytes[20], back[20];
	uint64_t found;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	memset(bytes, 7, sizeof(bytes));
	assert_int_equal(fs_write(f.fs, file, most - 10, bytes, 20, 0), 10);
	assert_int_equal(fs_write(f.fs, file, most, bytes, 1, 0), -EFBIG);
	assert_int_equal(fs_write(f.fs, file, UINT64_MAX, bytes, 1, 0), -EFBIG);
	assert_int_equal(fs_write(f.fs, file, 0, bytes, 1, FS_WRITE_APPEND), -EFBIG);
	assert_int_equal(fs_read_copy(f.fs, file, most - 10, back, 20), 10);
	assert_memory_equal(back, bytes, 10);
	assert_int_equal(fs_seek(f.fs, file, 0, SEEK_DATA, &found), 0);
	assert_int_equal(found, most - BLOCK_SIZE);
	assert_int_equal(fs_seek(f.fs, file, found, SEEK_HOLE, &found), 0);
	assert_int_equal(found, most);
	struct fs_set set = {.what = FS_SET_SIZE, .size = most + 1};
	struct fs_attr attr;
	assert_int_equal(fs_setattr(f.fs, file, &set, &attr), -EFBIG);
	set.size = most;
	assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
	assert_int_equal(attr.blocks512, 8);
	set.size = 0;
	assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
	assert_int_equal(attr.blocks512, 0);
	fixture_close(&f);
}

/* More pieces than iovecs, or a hole whose zeros need too many: the reply is whole all the same. */
static void test_many_pieces(void **state)
{
	(void)state;
	struct fixture f;
	const uint64_t last = (uint64_t)20 << 20;
	uint8_t *whole = calloc(1, last + 1);
	assert_non_null(whole);
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	for (uint64_t i = 0; i < 600; i += 2) {
		uint64_t at = i * BLOCK_SIZE;
		whole[at] = (uint8_t)(i + 1);
		assert_int_equal(fs_write(f.fs, file, at, whole + at, 1, 0), 1);
	}
	whole[last] = 9;
	assert_int_equal(fs_write(f.fs, file, last, whole + last, 1, 0), 1);
	struct compare compare = {.bytes = whole, .length = 200 * BLOCK_SIZE};
	assert_int_equal(fs_read(f.fs, file, 0, compare.length, compare_pieces, &compare), 0);
	assert_int_equal(compare.count, 200);
	compare.length = 600 * BLOCK_SIZE;
	assert_int_equal(fs_read(f.fs, file, 0, compare.length, compare_pieces, &compare), 0);
	assert_int_equal(compare.count, 1);
	compare = (struct compare){.bytes = whole + 599 * BLOCK_SIZE, .length = last - 599 * BLOCK_SIZE};
	assert_int_equal(fs_read(f.fs, file, 599 * BLOCK_SIZE, compare.length, compare_pieces, &compare), 0);
	assert_int_equal(compare.count, 1);
	free(whole);
	fixture_close(&f);
}

static int refuse(void *context, const struct iovec *pieces, int count, size_t total)
{
	(void)context, (void)pieces, (void)count, (void)total;
	return -EFAULT;
}

static void test_reply_error(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	assert_int_equal(fs_write(f.fs, file, 0, "x", 1, 0), 1);
	assert_int_equal(fs_read(f.fs, file, 0, 1, refuse, NULL), -EFAULT);
	fixture_close(&f);
}

/* What a cut leaves behind the end is never seen again, however the file grows. */
static void test_tail_is_zeroed(void **state)
{
	(void)state;
	struct fixture f;
	struct model *model = &models[0];
	fixture_open(&f);
	for (int way = 0; way < 6; way++) {
		char name[2] = {(char)('a' + way), 0};
		struct fs_set set = {.what = FS_SET_SIZE, .size = 100};
		struct fs_attr attr;
		memset(model, 0, sizeof(*model));
		memset(buffer, 0xee, 8000);
		model->inode = fixture_make(&f, ROOT_INODE, name, S_IFREG | 0600);
		assert_int_equal(fs_write(f.fs, model->inode, 0, buffer, 8000, 0), 8000);
		assert_int_equal(fs_setattr(f.fs, model->inode, &set, &attr), 0);
		memset(model->bytes, 0xee, 100);
		model->size = 5000;
		set.size = 5000;
		if (way == 0) {
			assert_int_equal(fs_setattr(f.fs, model->inode, &set, &attr), 0);
		} else if (way == 1) {
			assert_int_equal(fs_write(f.fs, model->inode, 4999, "x", 1, 0), 1);
			model->bytes[4999] = 'x';
		} else if (way == 2) {
			assert_int_equal(fs_fallocate(f.fs, model->inode, 0, 4990, 10), 0);
		} else if (way == 3) {
			assert_int_equal(fs_fallocate(f.fs, model->inode, FALLOC_FL_ZERO_RANGE, 4990, 10), 0);
		} else if (way == 4) {
			assert_int_equal(fs_copy(f.fs, model->inode, 0, model->inode, 4900, 100), 100);
			memset(model->bytes + 4900, 0xee, 100);
		} else {
			assert_int_equal(fs_write(f.fs, model->inode, 200, "y", 1, 0), 1);
			model->bytes[200] = 'y';
			model->size = 201;
		}
		check_bytes(&f, model, 0, FILE_MAX);
		fixture_crash(&f);
		check_bytes(&f, model, 0, FILE_MAX);
	}
	fixture_close(&f);
}

static size_t kill_length; /* bytes written by mode_after_write */

static uint32_t mode_after_write(struct fixture *f, uint64_t file, uint32_t mode, unsigned flags)
{
	struct fs_set set = {.what = FS_SET_MODE, .mode = mode};
	struct fs_attr attr;
	assert_int_equal(fs_setattr(f->fs, file, &set, &attr), 0);
	assert_int_equal(fs_write(f->fs, file, 0, buffer, kill_length, flags), kill_length);
	assert_int_equal(fs_getattr(f->fs, file, &attr), 0);
	return attr.mode & 07777;
}

static void kill_set_id(size_t write_length)
{
	struct fixture f;
	size_t length;
	kill_length = write_length;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	assert_int_equal(mode_after_write(&f, file, 06755, 0), 06755);
	assert_int_equal(mode_after_write(&f, file, 06755, FS_WRITE_KILL_SET_ID), 0755);
	assert_int_equal(mode_after_write(&f, file, 06745, FS_WRITE_KILL_SET_ID), 02745);
	assert_int_equal(fs_setxattr(f.fs, file, "security.capability", "abc", 3, 0), 0);
	assert_int_equal(fs_setxattr(f.fs, file, "user.a", "abc", 3, 0), 0);
	assert_int_equal(mode_after_write(&f, file, 0755, 0), 0755);
	assert_int_equal(fs_getxattr(f.fs, file, "security.capability", NULL, 0, &length), 0);
	assert_int_equal(mode_after_write(&f, file, 0755, FS_WRITE_KILL_SET_ID), 0755);
	assert_int_equal(fs_getxattr(f.fs, file, "security.capability", NULL, 0, &length), -ENODATA);
	assert_int_equal(fs_getxattr(f.fs, file, "user.a", NULL, 0, &length), 0);
	fixture_close(&f);
}

static void test_kill_set_id(void **state)
{
	(void)state;
	kill_set_id(1); /* contents in the tree */
	kill_set_id(BLOCK_SIZE);
}

/* A full image: short counts, then ENOSPC; nothing changes by what failed, and deleting makes room. */
static void test_full(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr before, after;
	struct image_space space;
	const size_t megabyte = 1 << 20;
	uint8_t *bytes = malloc(megabyte), *back = malloc(megabyte);
	assert_true(bytes && back);
	memset(bytes, 0x5a, megabyte);
	fixture_open(&f);
	assert_int_equal(fs_close(f.fs), 0);
	assert_int_equal(image_close(f.image), 0);
	struct store_file_options how = {.mode = STORE_WRITE};
	struct store *store;
	assert_int_equal(truncate(f.path, 0), 0);
	assert_int_equal(store_file_open(f.path, &how, &store), 0);
	struct image_make_options make = {.journal_bytes = megabyte, .limit_bytes = 24 * megabyte};
	assert_int_equal(image_make(store, &make), 0);
	store_close(store);
	fixture_start(&f, false, RECOVER_AUTO);

	uint64_t file = fixture_make(&f, ROOT_INODE, "f", S_IFREG | 0600);
	uint64_t other = fixture_make(&f, ROOT_INODE, "o", S_IFREG | 0600);
	assert_int_equal(fs_write(f.fs, other, 0, bytes, 100, 0), 100);
	/* what cannot succeed takes nothing */
	assert_int_equal(fs_fallocate(f.fs, file, 0, 0, 40 * megabyte), -ENOSPC);
	assert_int_equal(fs_fallocate(f.fs, file, 0, 0, UINT64_C(1) << 56), -ENOSPC);
	assert_int_equal(fs_getattr(f.fs, file, &after), 0);
	assert_int_equal(after.blocks512, 0);
	uint64_t written = 0;
	ssize_t result;
	while ((result = fs_write(f.fs, file, written, bytes, megabyte, 0)) > 0) {
		written += (uint64_t)result;
		assert_true(written < 24 * megabyte);
	}
	assert_int_equal(result, -ENOSPC);
	assert_true(written > 8 * megabyte);
	assert_int_equal(fs_getattr(f.fs, file, &before), 0);
	assert_int_equal(before.size, written);
	assert_int_equal(fs_fallocate(f.fs, file, 0, 0, 40 * megabyte), -ENOSPC);
	assert_int_equal(fs_getattr(f.fs, file, &after), 0);
	assert_int_equal(after.blocks512, before.blocks512);
	/* what is owned can be overwritten */
	assert_int_equal(fs_write(f.fs, file, 0, bytes, megabyte, 0), megabyte);
	assert_int_equal(fs_write(f.fs, other, 100, bytes, 100, 0), 100);
	assert_int_equal(fs_read_copy(f.fs, file, written - megabyte, back, megabyte), megabyte);
	assert_memory_equal(bytes, back, megabyte);
	struct fs_set set = {.what = FS_SET_SIZE, .size = 0};
	assert_int_equal(fs_setattr(f.fs, file, &set, &after), 0);
	assert_int_equal(after.blocks512, 0);
	assert_int_equal(fs_sync(f.fs, file, false), 0);
	assert_int_equal(image_space(f.image, &space), 0);
	assert_true(space.free_blocks * BLOCK_SIZE >= written);
	assert_int_equal(fs_write(f.fs, file, 0, bytes, megabyte, 0), megabyte);
	fixture_close(&f);
	free(bytes);
	free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),	   cmocka_unit_test(test_random_real),
	    cmocka_unit_test(test_errors),	   cmocka_unit_test(test_largest_size),
	    cmocka_unit_test(test_many_pieces),	   cmocka_unit_test(test_reply_error),
	    cmocka_unit_test(test_tail_is_zeroed), cmocka_unit_test(test_kill_set_id),
	    cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
