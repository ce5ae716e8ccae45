/* A filesystem that goes on for a process that died (R17, R18): truncates that were cut short, files that are
 * open without a name. */
#include "fixture.h"
#include "fixture_sim.h"

#include "../../fs/file_i.h"

#define CONNECTION UINT64_C(0xabc)
#define EXTENTS	   40000u

static struct image_held held;
static const struct fs_lookup_memory *memory; /* NULL: counts die with the process */

/* With a syncer, as the daemon has one. */
static void start(struct fixture *f, bool goes_on)
{
	struct store_file_options how = {.mode = STORE_WRITE, .lock_wait_ms = 1000};
	struct fs_options fs_options = {.track_lookups = true, .lookup_memory = memory, .goes_on = goes_on};
	struct image_report report;
	struct session_disk session;
	struct store *store;

	assert_int_equal(store_file_open(f->path, &how, &store), 0);
	image_session_of(store_file_descriptor(store), &session);
	struct image_options options = {
	    .goes_on = goes_on, .connection = CONNECTION, .held = &held, .session = &session};
	assert_int_equal(image_open(store, &options, &f->image, &report), 0);
	assert_int_equal(fs_open(f->image, &fs_options, &f->fs), 0);
}

static void make_fragments(struct fs *fs, uint64_t file, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(fs_write(fs, file, (uint64_t)i * 2 * BLOCK_SIZE, "x", 1, 0), 1);
}

static int cut(struct fs *fs, uint64_t file)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = BLOCK_SIZE};
	struct fs_attr attr;

	return fs_setattr(fs, file, &set, &attr);
}

/* What is left of a truncate takes more records than the journal has room for while one is held for a request
 * that was not answered. */
static void large_cut_and_unanswered_request(void **state)
{
	struct request_answer answer;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	assert_int_equal(fs_close(f.fs), 0);
	assert_int_equal(image_close(f.image), 0);
	start(&f, false);
	uint64_t file = fixture_make(&f, 1, "f", S_IFREG | 0644);
	make_fragments(f.fs, file, EXTENTS);
	assert_int_equal(image_checkpoint(f.image), 0);
	image_request_begin(f.image, 1, CONNECTION, 100);
	uint64_t directory = fixture_make(&f, 1, "d", S_IFDIR | 0755);
	image_request_begin(f.image, 2, CONNECTION, 102);
	fs_stop(f.fs); /* after the first record */
	assert_int_equal(cut(f.fs, file), 0);
	fs_drop(f.fs);
	image_drop(f.image);

	alarm(60);
	start(&f, true);
	assert_true(image_answer(f.image, 100, &answer));
	assert_int_equal(answer.inode, directory);
	assert_true(image_answer(f.image, 102, &answer)); /* the intent tells */
	assert_int_equal(answer.inode, file);
	image_answers_end(f.image);
	assert_int_equal(fixture_attr(&f, file).size, BLOCK_SIZE);
	assert_true(fixture_attr(&f, file).blocks512 > 8);
	/* Whoever unmounts does not wait for it; the next one finishes it. */
	fs_settle_stop(f.fs);
	assert_int_equal(fs_settle(f.fs), -EINTR);
	assert_true(fixture_attr(&f, file).blocks512 > 8);
	fs_drop(f.fs);
	image_drop(f.image);
	start(&f, true);
	image_answers_end(f.image);
	assert_int_equal(fs_settle(f.fs), 0);
	assert_int_equal(fixture_attr(&f, file).blocks512, 8);
	alarm(0);
	fixture_close(&f);
}

/* A write that first has to finish somebody's cut has not happened when that is finished. */
static void write_finishes_cut(void **state)
{
	struct request_answer answer;
	struct sim_fixture f;

	(void)state;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	make_fragments(f.fs, file, 100);
	f.sim->fault = (struct sim_fault){.kinds = 1u << SIM_WRITE, .nth = 3, .error = -EIO};
	assert_int_equal(cut(f.fs, file), 0);
	assert_true(f.sim->fault.hit);
	image_request_begin(f.image, 0, CONNECTION, 2);
	assert_int_equal(fs_write(f.fs, file, 200 * BLOCK_SIZE, "12345", 5, 0), 5);
	fs_drop(f.fs);
	image_drop(f.image);

	struct image_options options = {
	    .no_syncer = true, .recover = RECOVER_WARM, .goes_on = true, .connection = CONNECTION};
	struct image_report report;
	assert_int_equal(image_open(&f.sim->store, &options, &f.image, &report), 0);
	assert_true(image_answer(f.image, 2, &answer));
	assert_int_equal(answer.count, 5);
	image_answers_end(f.image);
	image_drop(f.image);
	store_sim_free(f.sim);
}

static void open_again(struct sim_fixture *f)
{
	struct image_options options = {.no_syncer = true,
					.recover = RECOVER_WARM,
					.goes_on = true,
					.connection = CONNECTION,
					.held = &held};
	struct fs_options fs_options = {.goes_on = true};
	struct image_report report;

	fs_drop(f->fs);
	image_drop(f->image);
	image_request_none();
	assert_int_equal(image_open(&f->sim->store, &options, &f->image, &report), 0);
	assert_int_equal(fs_open(f->image, &fs_options, &f->fs), 0);
}

/* A cut that a kill has cut short is not done again for the request, whoever has finished it, and however
 * often there is a kill before the answer: others may have written since. */
static void cut_is_not_repeated(void **state)
{
	struct request_answer answer;
	struct sim_fixture f;

	(void)state;
	memset(&held, 0, sizeof(held));
	image_request_none(); /* this thread has outlived the kill of another test */
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	make_fragments(f.fs, file, 100);
	image_request_begin(f.image, 0, CONNECTION, 4);
	fs_stop(f.fs); /* after the first record */
	assert_int_equal(cut(f.fs, file), 0);

	open_again(&f);
	assert_true(image_answer(f.image, 4, &answer));
	assert_int_equal(answer.inode, file);
	/* It is killed before the answer, once with the cut finished by a writer and once as it is. */
	open_again(&f);
	assert_true(image_answer(f.image, 4, &answer));
	assert_int_equal(fs_write(f.fs, file, 4 * BLOCK_SIZE, "more", 4, 0), 4);
	open_again(&f);
	assert_true(image_answer(f.image, 4, &answer));
	assert_int_equal(answer.inode, file);
	image_answers_end(f.image);
	assert_int_equal(fs_settle(f.fs), 0);
	struct fs_attr attr;
	assert_int_equal(fs_getattr(f.fs, file, &attr), 0);
	assert_int_equal(attr.size, 4 * BLOCK_SIZE + 4);
	assert_int_equal(attr.blocks512, 16);
	fs_drop(f.fs);
	image_drop(f.image);
	store_sim_free(f.sim);
}

static void clear_kept(void *start, size_t length)
{
	memset(start, 0, length);
}

static int attr_result(struct fixture *f, uint64_t inode)
{
	struct fs_attr attr;

	return fs_getattr(f->fs, inode, &attr);
}

/* A file without a name that the kernel still knows stays through a restart; one that it has forgotten goes
 * once no request of before is left to be answered (R18). */
static void unnamed_files(void **state)
{
	struct fs_lookup_memory kept = {
	    .base = aligned_alloc(65536, 16 << 20), .size = 16 << 20, .clear = clear_kept};
	struct fixture f;

	(void)state;
	assert_non_null(kept.base);
	memset(kept.base, 0, kept.size);
	memory = &kept;
	image_request_none(); /* this thread has outlived the kill of another test */
	fixture_open(&f);
	assert_int_equal(fs_close(f.fs), 0);
	assert_int_equal(image_close(f.image), 0);
	start(&f, false);
	uint64_t known = fixture_make(&f, ROOT_INODE, "known", S_IFREG | 0644);
	uint64_t forgotten = fixture_make(&f, ROOT_INODE, "forgotten", S_IFREG | 0644);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("known")), 0);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("forgotten")), 0);
	/* Killed between the count and the deletion. */
	assert_true(lookups_sub(f.fs->lookups, forgotten, 1));
	fs_drop(f.fs);
	image_drop(f.image);

	start(&f, true);
	assert_int_equal(attr_result(&f, known), 0);
	assert_int_equal(attr_result(&f, forgotten), 0);
	image_answers_end(f.image);
	assert_int_equal(fs_settle(f.fs), 0);
	assert_int_equal(attr_result(&f, known), 0);
	assert_int_equal(attr_result(&f, forgotten), -ESTALE);
	fs_forget(f.fs, known, 1);
	assert_int_equal(attr_result(&f, known), -ESTALE);
	fixture_close(&f);
	memory = NULL;
	free(kept.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(large_cut_and_unanswered_request),
	    cmocka_unit_test(write_finishes_cut),
	    cmocka_unit_test(cut_is_not_repeated),
	    cmocka_unit_test(unnamed_files),
	};
	cmocka_set_test_filter(getenv("MMFS_TEST_FILTER")); /* tests/crash/test_mutants.sh wants one */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
