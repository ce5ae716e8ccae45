/* As fixture.h, on a simulated store: a test can record what is stored, and start anew from any point of it.
 */
#ifndef MMFS_FIXTURE_SIM_H
#define MMFS_FIXTURE_SIM_H

#include "fixture.h"

#include "../sim/power.h"
#include "../sim/store_sim.h"

#define SIM_SIZE (UINT64_C(80) << 20)

struct sim_fixture {
	struct store_sim *sim;
	struct image *image;
	struct fs *fs;
};

static inline void sim_start(struct sim_fixture *f, struct store_sim *sim, enum recover_mode recover)
{
	struct image_options options = {.no_syncer = true, .recover = recover};
	struct fs_options fs_options = {.track_lookups = true, .noatime = true};
	struct image_report report = {.text = ""};
	f->sim = sim;
	int result = image_open(store_sim_open(sim), &options, &f->image, &report);
	if (result)
		print_error("image_open: %d %s\n", result, report.text);
	assert_int_equal(result, 0);
	result = fs_open(f->image, &fs_options, &f->fs);
	if (result)
		print_error("fs_open: %d %s\n", result, image_damage(f->image));
	assert_int_equal(result, 0);
}

static inline void sim_make(struct sim_fixture *f)
{
	struct image_make_options make = {.journal_bytes = 1u << 20};
	struct store_sim *sim = store_sim_new(SIM_SIZE);
	assert_non_null(sim);
	struct store *store = store_sim_open(sim);
	assert_int_equal(image_make(store, &make), 0);
	store_close(store);
	sim_start(f, sim, RECOVER_AUTO);
}

/* As kill -9. */
static inline void sim_drop(struct sim_fixture *f)
{
	fs_drop(f->fs);
	image_drop(f->image);
	f->fs = NULL;
	f->image = NULL;
}

static inline uint64_t sim_file(struct sim_fixture *f, const char *name)
{
	struct fs_caller caller = {0};
	struct fs_attr attr;
	assert_int_equal(fs_make(f->fs, &caller, ROOT_INODE, fixture_name(name), S_IFREG | 0600, 0, 0, &attr),
			 0);
	return attr.inode;
}

#endif
