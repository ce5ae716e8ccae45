/*
 * An image in a simulated store whose syncs and punches call back into the test, so that it can make happen
 * "meanwhile" what another thread would do by chance.
 */
#ifndef MMFS_HOOKED_SIM_H
#define MMFS_HOOKED_SIM_H

#include "backend_fixture.h"

#include "../sim/store_sim.h"

#define HOOKED_SIZE (UINT64_C(256) << 20)

/* Each may be NULL. `after`: the call itself has been made. */
static struct {
	struct backend *b;
	struct store_sim *sim;
	void (*sync_all)(struct backend *b, unsigned call); /* call: 1, 2, ... */
	void (*punch)(struct backend *b, unsigned call);
	unsigned syncs, punches;
	const struct store_ops *sim_ops;
} hooked;

static int hooked_sync_all(struct store *store)
{
	int error = hooked.sim_ops->sync_all(store);

	hooked.syncs++;
	if (hooked.sync_all)
		hooked.sync_all(hooked.b, hooked.syncs);
	return error;
}

static int hooked_punch(struct store *store, uint64_t offset, uint64_t length)
{
	hooked.punches++;
	if (hooked.punch)
		hooked.punch(hooked.b, hooked.punches);
	return hooked.sim_ops->punch(store, offset, length);
}

/* Makes an image with a journal of 1 MiB, without hooks so far. */
static inline struct store_sim *hooked_make(struct backend *b)
{
	static struct store_ops ops;
	struct image_make_options make = {.journal_bytes = 1u << 20};
	struct store_sim *sim = store_sim_new(HOOKED_SIZE);
	struct store *store;

	assert_non_null(sim);
	memset(b, 0, sizeof(*b));
	store = store_sim_open(sim);
	assert_int_equal(image_make(store, &make), 0);
	hooked.sim_ops = store->ops;
	store_close(store);
	ops = *hooked.sim_ops;
	ops.sync_all = hooked_sync_all;
	ops.punch = hooked_punch;
	sim->store.ops = &ops;
	hooked.b = b;
	hooked.sim = sim;
	hooked.sync_all = NULL;
	hooked.punch = NULL;
	hooked.syncs = hooked.punches = 0;
	return sim;
}

static const struct session_disk hooked_session = {.birth_nanoseconds = {1}};

static inline int hooked_try(struct backend *b, struct store_sim *sim, const struct image_options *options)
{
	struct image_options with_session = *options;

	with_session.session = &hooked_session;
	b->image = NULL;
	return image_open(store_sim_open(sim), &with_session, &b->image, &b->report);
}

static inline void hooked_open(struct backend *b, struct store_sim *sim)
{
	struct image_options options = {.no_syncer = true};
	int error = hooked_try(b, sim, &options);

	if (error)
		print_error("image_open: %s: %s\n", strerror(-error), b->report.text);
	assert_int_equal(error, 0);
}

#endif
