/*
 * Deleting on a full host, or in an image at its limit, goes on working after a remount: what an unmount
 * gives back to the host somebody else may have taken meanwhile, and what is left must suffice.
 */
#include "fixture_sim.h"

#include "../../backend/alloc_i.h"
#include "../../fs/file_i.h"

#define MIB	    (UINT64_C(1) << 20)
#define NAME_LENGTH 200u
#define FILES_MAX   20000u

struct full {
	struct sim_fixture f;
	uint64_t limit_bytes;
	unsigned files; /* made: those of directory d */
	uint64_t directory;
	uint64_t random;
};

static void start(struct full *t, enum recover_mode recover)
{
	struct image_options options = {.no_syncer = true, .recover = recover, .limit_bytes = t->limit_bytes};
	struct fs_options fs_options = {.track_lookups = true, .noatime = true};
	struct image_report report = {.text = ""};

	assert_int_equal(image_open(store_sim_open(t->f.sim), &options, &t->f.image, &report), 0);
	assert_int_equal(fs_open(t->f.image, &fs_options, &t->f.fs), 0);
}

static void make(struct full *t, uint64_t host_bytes, uint64_t limit_bytes)
{
	struct image_make_options make = {.journal_bytes = MIB};
	struct store *store;

	*t = (struct full){.limit_bytes = limit_bytes, .random = 4711};
	t->f.sim = store_sim_new(SIM_SIZE);
	assert_non_null(t->f.sim);
	t->f.sim->counts_pages = true;
	store = store_sim_open(t->f.sim);
	assert_int_equal(image_make(store, &make), 0);
	store_close(store);
	if (host_bytes)
		t->f.sim->host_pages = host_bytes / SIM_PAGE;
	start(t, RECOVER_AUTO);
}

static void close_all(struct full *t)
{
	assert_int_equal(fs_close(t->f.fs), 0);
	assert_int_equal(image_close(t->f.image), 0);
}

/* Somebody else takes what the host has left. */
static void fill_host(struct full *t)
{
	if (t->f.sim->host_pages != UINT64_MAX)
		t->f.sim->host_pages = t->f.sim->used_pages;
}

static void remount(struct full *t)
{
	close_all(t);
	fill_host(t);
	start(t, RECOVER_AUTO);
}

static struct fs_name name_of(unsigned number, char text[NAME_LENGTH + 1])
{
	memset(text, 'n', NAME_LENGTH);
	snprintf(text + NAME_LENGTH - 8, 9, "%08u", number);
	return (struct fs_name){.bytes = text, .length = NAME_LENGTH};
}

static int make_file(struct full *t, uint64_t parent, unsigned number, uint64_t *ret_inode)
{
	struct fs_caller caller = {0};
	char text[NAME_LENGTH + 1];
	struct fs_attr attr;
	int error = fs_make(t->f.fs, &caller, parent, name_of(number, text), S_IFREG | 0600, 0, 0, &attr);

	*ret_inode = error ? 0 : attr.inode;
	return error;
}

static void forget_all(struct full *t, const uint64_t *inodes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		fs_forget(t->f.fs, inodes[i], 1);
}

/* Data until there is no room for it, if asked for, then names until there is none. */
static void fill(struct full *t, bool with_data)
{
	static uint8_t bytes[MIB];
	static uint64_t inodes[FILES_MAX];
	uint64_t filler = sim_file(&t->f, "filler"), at = 0;
	struct fs_caller caller = {0};
	struct fs_attr attr;
	ssize_t result = -ENOSPC;

	assert_int_equal(
	    fs_make(t->f.fs, &caller, ROOT_INODE, fixture_name("d"), S_IFDIR | 0700, 0, 0, &attr), 0);
	t->directory = attr.inode;
	for (t->files = 0; t->files < 1500; t->files++)
		assert_int_equal(make_file(t, t->directory, t->files, &inodes[t->files]), 0);
	for (size_t length = sizeof(bytes); with_data && length >= BLOCK_SIZE; length /= 2)
		while ((result = fs_write(t->f.fs, filler, at, bytes, length, 0)) > 0)
			at += (uint64_t)result;
	assert_int_equal(result, -ENOSPC);
	for (; t->files < FILES_MAX; t->files++)
		if (make_file(t, t->directory, t->files, &inodes[t->files]))
			break;
	assert_true(t->files < FILES_MAX);
	forget_all(t, inodes, t->files);
	assert_int_equal(image_sync(t->f.image, image_head(t->f.image), NULL, 0), 0);
}

/* Unlinks the file while somebody knows it: so it is listed as an orphan, which takes an item more. */
static void unlink_known(struct full *t, unsigned number)
{
	char text[NAME_LENGTH + 1];
	struct fs_attr attr;

	assert_int_equal(fs_lookup(t->f.fs, t->directory, name_of(number, text), &attr), 0);
	assert_int_equal(fs_unlink(t->f.fs, t->directory, name_of(number, text)), 0);
}

/* All files in a random order; a remount after every `each`. */
static void unlink_all(struct full *t, unsigned each)
{
	static unsigned order[FILES_MAX];

	for (unsigned i = 0; i < t->files; i++)
		order[i] = i;
	for (unsigned i = t->files; i > 1; i--) {
		unsigned j = (unsigned)(fixture_random(&t->random) % i), swap = order[j];

		order[j] = order[i - 1];
		order[i - 1] = swap;
	}
	for (unsigned i = 0; i < t->files; i++) {
		unlink_known(t, order[i]);
		if (each && i % each == each - 1 && i < 40 * each)
			remount(t);
	}
	assert_int_equal(fs_rmdir(t->f.fs, ROOT_INODE, fixture_name("d")), 0);
	assert_int_equal(fs_unlink(t->f.fs, ROOT_INODE, fixture_name("filler")), 0);
}

/* As many metadata blocks as a delete may want. */
static void check_kept(struct full *t)
{
	uint64_t block;
	struct txn *txn;

	assert_int_equal(txn_begin(t->f.image, 1, TXN_RELEASES, &txn), 0);
	for (unsigned i = 0; i < META_LEFT; i++)
		assert_int_equal(alloc_metadata(txn, &block), 0);
	txn_abort(txn);
}

static void end(struct full *t)
{
	close_all(t);
	store_sim_free(t->f.sim);
}

static void test_full_host(void **state)
{
	struct full t;

	(void)state;
	make(&t, 24 * MIB, 0);
	fill(&t, true);
	remount(&t);
	check_kept(&t);
	remount(&t); /* nothing was changed: so nothing is known of host space */
	check_kept(&t);
	unlink_all(&t, 1);
	end(&t);
}

/* Without data the free metadata blocks are what lies at the end of the image. */
static void test_full_host_of_names(void **state)
{
	struct full t;

	(void)state;
	make(&t, 4 * MIB, 0);
	fill(&t, false);
	remount(&t);
	check_kept(&t);
	unlink_all(&t, 1);
	end(&t);
}

static void test_limit(void **state)
{
	struct full t;

	(void)state;
	make(&t, 0, 24 * MIB);
	fill(&t, true);
	check_kept(&t);
	remount(&t);
	check_kept(&t);
	unlink_all(&t, 7);
	end(&t);
}

/* An image as small as it gets: nothing but what mkfs made and a root directory. */
static void test_small(void **state)
{
	struct full t;

	(void)state;
	make(&t, 24 * MIB, 0);
	for (unsigned i = 0; i < 3; i++) {
		remount(&t);
		check_kept(&t);
	}
	end(&t);
}

/* Holes punched until there is no room for the extents that they split leave enough for deletes. */
static void test_holes_leave_room(void **state)
{
	struct fs_attr attr;
	struct full t;
	uint64_t file;
	int result = 0;

	(void)state;
	make(&t, 0, 40 * MIB);
	fill(&t, true);
	assert_int_equal(fs_lookup(t.f.fs, ROOT_INODE, fixture_name("filler"), &attr), 0);
	file = attr.inode;
	for (uint64_t i = 0; i < 4400 && !result; i++)
		result = fs_fallocate(t.f.fs, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      (2 * i + 1) * BLOCK_SIZE, BLOCK_SIZE);
	assert_int_equal(result, -ENOSPC);
	check_kept(&t);
	unlink_all(&t, 0);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_full_host),	       cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_full_host_of_names), cmocka_unit_test(test_small),
	    cmocka_unit_test(test_holes_leave_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
