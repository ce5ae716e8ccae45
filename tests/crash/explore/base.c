/* The image that scripts start from, and crashes while an image is made. */
#include "explore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t base_uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const struct image_make_options make_options = {.journal_bytes = 1 << 20, .uuid = base_uuid};

static int make_image(struct store_sim *sim)
{
	struct store *store = store_sim_open(sim);
	int error = image_make(store, &make_options);

	store_close(store);
	return error;
}

static int make_base(struct explorer *explorer)
{
	struct session_disk session;
	struct mount mount = {.sim = explorer->base, .options = {.no_syncer = true, .session = &session}};
	struct history *history;
	struct fs_attr root;
	struct step step;
	int error = make_image(explorer->base);

	explore_session(0, &session);
	if (!error)
		error = mount_open(&mount);
	if (!error)
		error = fs_getattr(mount.fs, ROOT_INODE, &root);
	if (error)
		return error;
	history = history_new(model_state_new(ROOT_INODE, root.mode));
	for (unsigned i = 0; !error && script_base_step(i, &step); i++)
		if (step_run(&mount, history, &step))
			error = mount.error ? mount.error : -EINVAL;
	explorer->base_state = model_state_copy(history_last(history));
	history_free(history);
	if (mount.image && !error)
		error = mount_close(&mount);
	store_sim_settle(explorer->base);
	return error;
}

int explorer_open(struct explorer *explorer)
{
	int error;

	for (unsigned i = 0; i < EXPLORE_DEPTH; i++) {
		struct level *level = &explorer->levels[i];

		level->recorder = store_sim_new(EXPLORE_MAP_SIZE);
		level->cache = store_sim_new(EXPLORE_MAP_SIZE);
		level->kill = store_sim_new(EXPLORE_MAP_SIZE);
		level->power = power_new(EXPLORE_MAP_SIZE);
		if (!level->recorder || !level->cache || !level->kill || !level->power)
			return -ENOMEM;
		level->power->torn_offset = RING_START * BLOCK_SIZE;
		level->power->torn_length = make_options.journal_bytes;
	}
	explorer->base = store_sim_new(EXPLORE_MAP_SIZE);
	if (!explorer->base)
		return -ENOMEM;
	explore_reset(explorer->salt);
	error = make_base(explorer);
	if (error)
		fprintf(stderr, "explore: making the base image: %s\n", strerror(-error));
	return error;
}

void explorer_close(struct explorer *explorer)
{
	for (unsigned i = 0; i < EXPLORE_DEPTH; i++) {
		store_sim_free(explorer->levels[i].recorder);
		store_sim_free(explorer->levels[i].cache);
		store_sim_free(explorer->levels[i].kill);
		power_free(explorer->levels[i].power);
	}
	store_sim_free(explorer->base);
	model_state_free(explorer->base_state);
}

/* ---- crashes while an image is made ---- */

/* Either there is no image yet (a superblock written in part is none), or it opens and is empty. */
static int check_made(struct store_sim *sim, bool finished, char *why, size_t room)
{
	struct session_disk session;
	struct mount mount = {.sim = sim, .options = {.no_syncer = true, .session = &session}};
	int detected = image_detect(store_sim_open(sim)), error;

	explore_session(1, &session);
	if (detected == 0) {
		snprintf(why, room, "no image is found though it was made");
		return finished;
	}
	error = mount_open(&mount);
	if (error == -EUCLEAN && !finished && strstr(mount.report.text, "both superblocks are damaged"))
		return 0;
	if (error) {
		snprintf(why, room, "detected (%d) but opening says %s: %s", detected, strerror(-error),
			 mount.report.text);
		return 1;
	}
	error = verify_space(&mount, why, room);
	mount_drop(&mount);
	return error;
}

static void try_made(struct run *run, size_t event, unsigned number, const struct power_choice *choice)
{
	struct explorer *explorer = run->explorer;
	struct power *power = run->level->power;
	struct place place = {.event = event, .number = number};
	char why[400] = "";

	if (explorer->filter_count &&
	    (explorer->filter[0].event != event || explorer->filter[0].number != number))
		return;
	explorer->states++;
	power_build(power, choice);
	if (check_made(power->work, event == run->level->recorder->log.count, why, sizeof(why)))
		state_report(run, &place, 0, why);
	power_undo(power);
}

void explore_make(struct explorer *explorer)
{
	static const struct workload workload = {.kind = WORKLOAD_MAKE};
	struct level *level = &explorer->levels[0];
	struct run run = {.explorer = explorer, .level = level, .workload = &workload};
	struct store_sim *empty = store_sim_new(EXPLORE_MAP_SIZE);
	const struct sim_log *log = &level->recorder->log;

	if (!empty)
		abort();
	explorer->workloads++;
	store_sim_copy(level->recorder, empty);
	power_base(level->power, empty);
	explore_reset(explorer->salt);
	store_sim_record(level->recorder);
	if (make_image(level->recorder))
		abort();
	store_sim_stop(level->recorder);
	for (size_t event = 0; event <= log->count; event++) {
		uint64_t random = random_mix(explorer->salt, event);
		struct power_choice choice = {.strategy = POWER_ALL_OLD};

		try_made(&run, event, 0, &choice);
		choice.strategy = POWER_ALL_NEW;
		try_made(&run, event, 1, &choice);
		for (unsigned i = 2; i < 8; i++) {
			choice.strategy = i & 1 ? POWER_RANDOM : POWER_RANDOM_PAGES;
			choice.argument = random_next(&random);
			try_made(&run, event, i, &choice);
		}
		if (event < log->count && power_event(level->power, log, &log->events[event]))
			abort();
	}
	store_sim_free(empty);
}
