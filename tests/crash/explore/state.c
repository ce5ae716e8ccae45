/* One state: recover it, check it, and sometimes go on from it and crash again. */
#include "explore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_TOLD 3u   /* of each workload */
#define GROW_EVENTS   200u /* of a directed script: files are grown in every state */

void state_report(const struct run *run, const struct place *place, size_t acknowledged, const char *why)
{
	struct explorer *explorer = run->explorer;
	char id[REMOVED_MAX + 128], text[REMOVED_MAX];
	const struct run *top = run;
	size_t used;

	explorer->failures++;
	if (!explorer->failed) {
		explorer->failed = true;
		explorer->failed_step = acknowledged;
		snprintf(explorer->failed_why, sizeof(explorer->failed_why), "%s", why);
	}
	if (explorer->quiet || explorer->told++ >= FAILURES_TOLD)
		return;
	workload_text(top->workload, text, sizeof(text));
	used = (size_t)snprintf(id, sizeof(id), "%llu:%s@", (unsigned long long)explorer->salt, text);
	for (unsigned i = 0; i < run->depth; i++)
		used += (size_t)snprintf(id + used, sizeof(id) - used, "%zu.%u/", run->path[i].event,
					 run->path[i].number);
	snprintf(id + used, sizeof(id) - used, "%zu.%u", place->event, place->number);
	printf("FAILURE %s\n  step %zu was acknowledged; %s\n", id, acknowledged, why);
	fflush(stdout);
}

/* ---- trying ---- */

struct store_sim *state_build(const struct attempt *attempt)
{
	struct run *run = attempt->run;
	struct level *level = run->level;
	const struct sim_log *log = &level->recorder->log;

	if (!attempt->kill) {
		power_build(level->power, &attempt->choice);
		return level->power->work;
	}
	if (attempt->length)
		store_sim_apply(level->kill, log, &log->events[attempt->place.event], attempt->length);
	return level->kill;
}

void state_undo(const struct attempt *attempt)
{
	struct level *level = attempt->run->level;

	if (attempt->kill)
		store_sim_restore(level->kill, level->cache);
	else
		power_undo(level->power);
}

/* The history of a run that goes on from here: after a kill, a power cut may still take back what was not
 * synced; after a power cut there is only what was found. */
static struct history *go_on_history(const struct attempt *attempt, struct model_state *found)
{
	struct history *history;

	if (!attempt->kill) {
		history = history_new(found);
		history->allocations = attempt->run->history->allocations;
		history->steps = attempt->run->history->steps;
		return history;
	}
	history = history_copy(attempt->run->history, 0, attempt->acknowledged);
	history_push(history, found, (struct step_done){.kind = STEP_NONE});
	return history;
}

struct go_on {
	uint64_t seed;
	unsigned count;
};

static bool go_on_step(const void *context, unsigned index, struct step *ret_step)
{
	const struct go_on *go_on = context;
	uint64_t state = random_mix(go_on->seed, index);

	if (index >= go_on->count)
		return false;
	*ret_step = script_ace_step((unsigned)(random_next(&state) % script_ace_count()));
	if (random_next(&state) % 4 == 0)
		*ret_step = (struct step){.kind = STEP_SYNC};
	return true;
}

static int go_on_power(const struct attempt *attempt, struct level *next)
{
	struct level *level = attempt->run->level;
	const struct sim_log *log = &level->recorder->log;
	int error;

	if (!attempt->kill) {
		power_base(next->power, level->power->work);
		return 0;
	}
	error = power_copy(next->power, level->power);
	if (!error && attempt->length) {
		struct sim_event part = log->events[attempt->place.event];

		part.length = attempt->length;
		error = power_event(next->power, log, &part);
	}
	return error;
}

/* Recovers the same state again, recorded, works a little, and tries crashes in all of that. Takes `found`.
 */
static void go_on(const struct attempt *attempt, struct model_state *found)
{
	struct run *run = attempt->run;
	struct explorer *explorer = run->explorer;
	struct level *next = &explorer->levels[run->depth + 1];
	uint64_t seed = random_mix(run->seed, attempt->place.event * 100 + attempt->place.number);
	struct go_on script = {.seed = seed, .count = 1 + (unsigned)(seed % 3)};
	struct run deeper = {.explorer = explorer,
			     .level = next,
			     .depth = run->depth + 1,
			     .workload = run->workload,
			     .seed = seed,
			     .sample = run->depth ? 24 : 12,
			     .session = run->session + !attempt->kill};
	struct session_disk session;

	memcpy(deeper.path, run->path, sizeof(deeper.path));
	deeper.path[run->depth] = attempt->place;
	store_sim_copy(next->recorder, state_build(attempt));
	if (go_on_power(attempt, next))
		abort();
	state_undo(attempt);
	deeper.history = go_on_history(attempt, found);
	explore_session(deeper.session, &session);
	explore_run(&deeper, go_on_step, &script, &session);
	history_free(deeper.history);
}

static bool wants_to_go_on(const struct attempt *attempt)
{
	const struct run *run = attempt->run;
	const struct explorer *explorer = run->explorer;
	uint64_t chance = random_mix(run->seed + 5, attempt->place.event * 100 + attempt->place.number);

	if (run->depth + 1 >= EXPLORE_DEPTH)
		return false;
	if (explorer->filter_count)
		return explorer->filter_count > run->depth + 1;
	/* in a full image most steps would fail */
	if (run->workload->kind == WORKLOAD_DIRECTED && script_directed_small(run->workload->script))
		return false;
	if (!run->depth && run->workload->kind == WORKLOAD_DIRECTED)
		return chance % 400 == 0;
	return chance % (run->depth ? 12 : 40) == 0;
}

static void window_of(const struct attempt *attempt, struct verify_window *ret_window)
{
	if (attempt->kill)
		verify_kill_window(attempt->run->history, attempt->acknowledged, ret_window);
	else
		verify_power_window(attempt->run->history, attempt->acknowledged, ret_window);
}

/* A read-only mount recovers in memory: it shows the same and changes nothing. */
static int check_read_only(const struct attempt *attempt, struct store_sim *sim, struct verify_result *result)
{
	const struct run *run = attempt->run;
	struct session_disk session;
	struct mount mount = {.sim = sim,
			      .options = {.no_syncer = true, .read_only = true, .session = &session},
			      .fs_options = {.read_only = true}};
	size_t dirty = sim->dirty_count;
	uint64_t syncs = sim->calls[SIM_SYNC_ALL];
	struct verify_window window;
	int error;

	explore_session(run->session + !attempt->kill, &session);
	error = mount_open(&mount);
	if (error) {
		snprintf(result->why, sizeof(result->why), "opening read-only says %s: %s", strerror(-error),
			 mount.report.text);
		return 1;
	}
	window_of(attempt, &window);
	error = verify_settings(&mount, run->history, &window, result->why, sizeof(result->why));
	if (!error)
		error = verify_tree(&mount, run->history, &window, result);
	mount_drop(&mount);
	if (!error && (sim->dirty_count != dirty || sim->calls[SIM_SYNC_ALL] != syncs)) {
		snprintf(result->why, sizeof(result->why), "a read-only mount changed the image");
		return 1;
	}
	return error;
}

/* 0; 1: with the reason. */
static int check(const struct attempt *attempt, struct mount *mount, struct verify_result *result)
{
	const struct run *run = attempt->run;
	struct verify_window window;
	int error = mount_open(mount);

	if (error) {
		snprintf(result->why, sizeof(result->why), "opening says %s: %s", strerror(-error),
			 mount->report.text);
		return 1;
	}
	window_of(attempt, &window);
	error = verify_space(mount, result->why, sizeof(result->why));
	if (!error)
		error = verify_settings(mount, run->history, &window, result->why, sizeof(result->why));
	if (!error)
		error = verify_tree(mount, run->history, &window, result);
	return error;
}

/* Of some states, since it takes long. The image is of no use afterwards. */
static int check_growth(const struct attempt *attempt, struct mount *mount, struct verify_result *result)
{
	const struct run *run = attempt->run;

	if ((run->depth || run->workload->kind != WORKLOAD_DIRECTED ||
	     run->level->recorder->log.count > GROW_EVENTS) &&
	    random_mix(run->seed + 7, attempt->place.event * 100 + attempt->place.number) % 8)
		return 0;
	return verify_growth(mount, result->why, sizeof(result->why));
}

static struct model_state *find_state(const struct attempt *attempt, struct mount *mount,
				      const struct verify_result *result)
{
	struct model_state *found = verify_state(mount, attempt->run->history, result);
	struct verify_window window;

	window_of(attempt, &window);
	settings_found(mount, attempt->run->history, &window, found);
	return found;
}

void state_try(const struct attempt *attempt)
{
	struct run *run = attempt->run;
	struct explorer *explorer = run->explorer;
	struct session_disk session;
	struct mount mount = {.options = {.no_syncer = true, .session = &session}};
	struct verify_result result = {.why = ""};
	struct model_state *found = NULL;
	int wrong = 0;

	explore_session(run->session + !attempt->kill, &session);
	explore_reset(random_mix(run->seed, attempt->place.event));
	explorer->states++;
	mount.sim = state_build(attempt);
	if (random_mix(run->seed + 9, attempt->place.event * 100 + attempt->place.number) % 8 == 0)
		wrong = check_read_only(attempt, mount.sim, &result);
	if (!wrong)
		wrong = check(attempt, &mount, &result);
	if (!wrong && wants_to_go_on(attempt))
		found = find_state(attempt, &mount, &result);
	else if (!wrong)
		wrong = check_growth(attempt, &mount, &result);
	if (wrong)
		state_report(run, &attempt->place, attempt->acknowledged, result.why);
	if (mount.image)
		mount_drop(&mount);
	state_undo(attempt);
	if (!wrong && attempt->kill)
		resend_try(attempt);
	if (found)
		go_on(attempt, found);
}
