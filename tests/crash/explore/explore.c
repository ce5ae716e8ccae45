/* One workload: run it recorded, then play its events back and try states at each. */
#include "explore.h"

#include "../../sim/fake_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double explore_seconds(void)
{
	return fake_real_seconds();
}

#define FEW_EVENTS  80u
#define MANY_EVENTS 1000u

void explore_reset(uint64_t seed)
{
	fake_reset(seed);
}

bool explore_time_is_up(const struct explorer *explorer)
{
	if (explorer->first_only && explorer->failures > 0)
		return true;
	return explorer->deadline > 0 && explore_seconds() >= explorer->deadline;
}

void explore_session(uint64_t number, struct session_disk *ret_session)
{
	memset(ret_session, 0, sizeof(*ret_session));
	memcpy(ret_session->boot_id, &number, sizeof(number));
	ret_session->boot_id[15] = 1;
	ret_session->device = le64_of(1);
	ret_session->inode = le64_of(2);
	ret_session->birth_seconds = le64_of(3);
	ret_session->birth_nanoseconds = le64_of(4);
	ret_session->mount_id = le64_of(5);
}

/* ---- recording ---- */

static void add_mark(struct run *run, uint64_t held)
{
	run->marks = realloc(run->marks, (run->mark_count + 1) * sizeof(*run->marks));
	run->marks_held = realloc(run->marks_held, (run->mark_count + 1) * sizeof(*run->marks_held));
	if (!run->marks || !run->marks_held)
		abort();
	run->marks_held[run->mark_count] = held;
	run->marks[run->mark_count++] = run->level->recorder->log.count;
}

static int record_failed(struct run *run, const char *what, int error)
{
	char why[600];

	snprintf(why, sizeof(why), "%s: %s", what, strerror(-error));
	state_report(run, &(struct place){.event = run->level->recorder->log.count, .number = 99},
		     run->first + run->mark_count, why);
	return 1;
}

static int record_steps(struct run *run, struct mount *mount, step_source source, const void *context)
{
	struct step step;

	for (unsigned i = 0; source(context, i, &step); i++) {
		char text[200];

		step_text(&step, text, sizeof(text));
		if (run->explorer->verbose && !run->explorer->quiet)
			printf("    event %zu: state %zu, %s\n", run->level->recorder->log.count,
			       run->first + i, text);
		mount->held_unanswered = 0;
		if (step_run(mount, run->history, &step))
			return record_failed(run, text, mount->error);
		add_mark(run, mount->held_unanswered);
	}
	return 0;
}

/* Runs the script; then the live tree must equal the model too. */
static int record(struct run *run, step_source source, const void *context, struct session_disk *session)
{
	struct image_held held = {0};
	struct mount mount = {.sim = run->level->recorder,
			      .options = {.no_syncer = true, .session = session, .held = &held},
			      .fs_options = {.deletes_later = true},
			      .connection = EXPLORE_CONNECTION,
			      .checkpoints_early = run->seed % 8 == 3};
	struct verify_window window;
	struct verify_result result = {.why = ""};
	int error;

	run->level->recorder->watch = &held.requests[0];
	/* with these, unlinked files stay, and nothing would have room in the full image */
	mount.fs_options.track_lookups =
	    run->seed % 4 == 1 &&
	    (run->workload->kind != WORKLOAD_DIRECTED || !script_directed_small(run->workload->script));
	if (run->seed % 3 == 1)
		mount.options.overlay_max = 256 << 10;
	if (!run->depth && workload_wants_small_image(run->workload))
		mount.options.limit_bytes = SCRIPT_SMALL_IMAGE;
	run->first = run->history->count;
	store_sim_record(run->level->recorder);
	error = mount_open(&mount);
	if (error)
		return record_failed(run, mount.report.text, error);
	add_mark(run, 0);
	error = record_steps(run, &mount, source, context);
	store_sim_stop(run->level->recorder);
	run->level->recorder->watch = NULL;
	if (!mount.image)
		return 1;
	window = (struct verify_window){.first = run->history->count,
					.last = run->history->count,
					.acknowledged = run->history->count,
					.kill = true};
	if (!error && !mount.fs_options.track_lookups) {
		error = verify_space(&mount, result.why, sizeof(result.why));
		if (!error)
			error = verify_tree(&mount, run->history, &window, &result);
		if (error)
			state_report(run,
				     &(struct place){.event = run->level->recorder->log.count, .number = 98},
				     run->history->count, result.why);
	}
	mount_drop(&mount);
	return error;
}

/* What the log holds, for whoever wonders whether a workload reaches something. */
static void tell_log(const struct run *run)
{
	static const char *const names[SIM_KINDS] = {"stores",	    "sizes", "reservations", "punches",
						     "range syncs", "syncs", "failed syncs"};
	const struct sim_log *log = &run->level->recorder->log;
	uint64_t counts[SIM_KINDS] = {0}, largest = 0;

	if (!run->explorer->verbose || run->explorer->quiet)
		return;
	for (size_t i = 0; i < log->count; i++) {
		counts[log->events[i].kind]++;
		if (log->events[i].kind == SIM_SET_SIZE && log->events[i].offset > largest)
			largest = log->events[i].offset;
	}
	printf("    %zu events:", log->count);
	for (unsigned kind = 0; kind < SIM_KINDS; kind++)
		printf(" %lu %s", counts[kind], names[kind]);
	printf("; largest size set %lu\n", largest);
}

/* ---- playing back ---- */

static bool seen_before(struct run *run, uint64_t hash)
{
	if (run->explorer->filter_count)
		return false;
	if (run->seen_count * 2 >= run->seen_capacity) {
		size_t capacity = run->seen_capacity ? run->seen_capacity * 2 : 1024;
		uint64_t *seen = calloc(capacity, sizeof(*seen));

		if (!seen)
			abort();
		for (size_t i = 0; i < run->seen_capacity; i++) {
			size_t at = run->seen[i] % capacity;

			while (run->seen[i] && seen[at])
				at = (at + 1) % capacity;
			if (run->seen[i])
				seen[at] = run->seen[i];
		}
		free(run->seen);
		run->seen = seen;
		run->seen_capacity = capacity;
	}
	hash += !hash;
	for (size_t at = hash % run->seen_capacity;; at = (at + 1) % run->seen_capacity) {
		if (run->seen[at] == hash)
			return true;
		if (run->seen[at])
			continue;
		run->seen[at] = hash;
		run->seen_count++;
		return false;
	}
}

/* Where we are in the log: what was acknowledged, and the number of the next state. */
struct cursor {
	struct run *run;
	size_t event;
	size_t acknowledged;
	unsigned number;
	uint64_t random;
};

/* One of how many states is tried. Directed scripts say where it matters: there all kills are. */
static unsigned sample_of(const struct run *run, bool kill)
{
	if (run->depth || run->workload->kind != WORKLOAD_DIRECTED)
		return run->sample;
	if (run->level->recorder->log.count > MANY_EVENTS)
		return kill ? 4 : 16;
	return kill || run->level->recorder->log.count < FEW_EVENTS ? 1 : 4;
}

/* Is the next state wanted? Takes its number. */
static bool wanted(struct cursor *cursor, bool kill, struct place *ret_place)
{
	const struct run *run = cursor->run;
	const struct explorer *explorer = run->explorer;
	uint64_t chance = random_next(&cursor->random);
	unsigned sample = sample_of(run, kill);

	*ret_place = (struct place){.event = cursor->event, .number = cursor->number++};
	if (explorer->filter_count)
		return explorer->filter[run->depth].event == ret_place->event &&
		       explorer->filter[run->depth].number == ret_place->number;
	return (sample <= 1 || chance % sample == 0) && !explore_time_is_up(explorer);
}

static void try_kill(struct cursor *cursor, uint64_t length)
{
	struct attempt attempt = {
	    .run = cursor->run, .kill = true, .length = length, .acknowledged = cursor->acknowledged};

	if (wanted(cursor, true, &attempt.place))
		state_try(&attempt);
}

static void try_power(struct cursor *cursor, enum power_strategy strategy, uint64_t argument, bool old_size)
{
	struct run *run = cursor->run;
	struct attempt attempt = {
	    .run = run,
	    .choice = {.strategy = strategy, .argument = argument, .old_size = old_size},
	    .acknowledged = cursor->acknowledged};
	uint64_t hash;

	if (!wanted(cursor, false, &attempt.place))
		return;
	hash = random_mix(power_build(run->level->power, &attempt.choice), cursor->acknowledged);
	power_undo(run->level->power);
	if (!seen_before(run, hash))
		state_try(&attempt);
}

static void kill_states(struct cursor *cursor)
{
	const struct sim_log *log = &cursor->run->level->recorder->log;
	const struct sim_event *event = cursor->event < log->count ? &log->events[cursor->event] : NULL;

	try_kill(cursor, 0);
	if (!event || event->kind != SIM_WRITE || event->length < 16)
		return;
	/* in the middle of the store that comes next */
	try_kill(cursor, 8 * (1 + random_next(&cursor->random) % (event->length / 8 - 1)));
	try_kill(cursor,
		 event->length - 8 * (1 + random_next(&cursor->random) % 3 % (event->length / 8 - 1)));
}

/* Many states: before a sync and when a step has returned, where most is still open. */
static void rich_power_states(struct cursor *cursor)
{
	struct power *power = cursor->run->level->power;
	size_t pages = power->page_count;
	uint32_t newest = power->events, oldest = newest;

	for (size_t i = 0; i < power->sector_count; i++) {
		uint32_t event = power->versions[power->newest[power->sectors[i]] - 1].event;

		oldest = event < oldest ? event : oldest;
	}
	if (pages <= 5) {
		for (uint64_t set = 1; set + 1 < UINT64_C(1) << pages; set++)
			try_power(cursor, POWER_PAGES, set, false);
	} else {
		for (unsigned i = 0; i < 8; i++) {
			uint64_t page = pages <= 8 ? i % pages : random_next(&cursor->random) % pages;

			try_power(cursor, POWER_ONE_PAGE_NEW, page, false);
			try_power(cursor, POWER_ONE_PAGE_OLD, page, false);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		uint64_t event = oldest + random_next(&cursor->random) % (newest - oldest + 1);

		try_power(cursor, POWER_PREFIX, event, i & 1);
		try_power(cursor, POWER_REVERSE, event, i & 1);
		try_power(cursor, POWER_RANDOM, random_next(&cursor->random), i & 1);
		try_power(cursor, POWER_RANDOM_PAGES, random_next(&cursor->random), i & 1);
		try_power(cursor, POWER_MOSTLY_NEW, random_next(&cursor->random), i & 1);
	}
}

static void power_states(struct cursor *cursor)
{
	struct run *run = cursor->run;
	struct power *power = run->level->power;
	const struct sim_log *log = &run->level->recorder->log;
	bool sync_next = cursor->event == log->count || log->events[cursor->event].kind == SIM_SYNC_RANGE ||
			 log->events[cursor->event].kind == SIM_SYNC_ALL;
	bool both_sizes = power->durable->store.size != power->cache_size;
	unsigned number = cursor->number;

	power_pages(power);
	cursor->number = 10;
	try_power(cursor, POWER_ALL_OLD, 0, false);
	try_power(cursor, POWER_ALL_NEW, 0, false);
	if (both_sizes) {
		try_power(cursor, POWER_ALL_OLD, 0, true);
		try_power(cursor, POWER_ALL_NEW, 0, true);
	}
	if (power->page_count) {
		try_power(cursor, POWER_ONE_PAGE_NEW, power->page_count - 1, false);
		try_power(cursor, POWER_ONE_PAGE_OLD, random_next(&cursor->random) % power->page_count,
			  both_sizes);
		try_power(cursor, POWER_RANDOM, random_next(&cursor->random), false);
		try_power(cursor, POWER_TORN, random_next(&cursor->random), false);
		try_power(cursor, POWER_GARBAGE, random_next(&cursor->random), false);
	}
	if (sync_next && power->page_count)
		rich_power_states(cursor);
	cursor->number += number;
}

static size_t acknowledged_at(const struct run *run, size_t event)
{
	size_t steps = 0;

	while (steps + 1 < run->mark_count && run->marks[steps + 1] <= event)
		steps++;
	return run->first + steps;
}

/* From which event on are states tried? Those of the first step of a short script were tried by a shorter
 * one. */
static size_t first_event(const struct run *run)
{
	size_t steps = run->mark_count - 1;

	if (run->depth || !steps || run->explorer->filter_count)
		return 0;
	if (run->explorer->last_step_only)
		return run->marks[steps - 1];
	if (run->workload->kind == WORKLOAD_DIRECTED)
		return run->marks[script_directed_from(run->workload->script)];
	if (run->workload->kind == WORKLOAD_ACE && steps > 2)
		return run->marks[steps - 2];
	return run->workload->kind != WORKLOAD_ACE || run->workload->steps[0] ? run->marks[0] : 0;
}

static void play_back(struct run *run)
{
	struct level *level = run->level;
	const struct sim_log *log = &level->recorder->log;
	size_t first = first_event(run);

	for (size_t event = 0; event <= log->count && !explore_time_is_up(run->explorer); event++) {
		struct cursor cursor = {.run = run,
					.event = event,
					.acknowledged = acknowledged_at(run, event),
					.random = random_mix(run->seed, event)};

		if (event >= first &&
		    (!run->explorer->filter_count || run->explorer->filter[run->depth].event == event)) {
			kill_states(&cursor);
			power_states(&cursor);
		}
		if (event == log->count)
			break;
		store_sim_apply(level->cache, log, &log->events[event], log->events[event].length);
		store_sim_apply(level->kill, log, &log->events[event], log->events[event].length);
		store_sim_settle(level->cache);
		store_sim_settle(level->kill);
		if (power_event(level->power, log, &log->events[event]))
			abort();
	}
}

void explore_run(struct run *run, step_source source, const void *context, struct session_disk *session)
{
	run->source = source;
	run->source_context = context;
	store_sim_copy(run->level->cache, run->level->recorder);
	store_sim_copy(run->level->kill, run->level->recorder);
	explore_reset(run->seed);
	if (!record(run, source, context, session) && !run->level->recorder->out_of_memory) {
		tell_log(run);
		if (run->sample && !run->depth && run->level->recorder->log.count / 100 > run->sample)
			run->sample = (unsigned)(run->level->recorder->log.count / 100);
		play_back(run);
	}
	free(run->marks);
	free(run->marks_held);
	free(run->seen);
	run->marks = NULL;
	run->marks_held = NULL;
	run->seen = NULL;
}

static bool workload_source(const void *context, unsigned index, struct step *ret_step)
{
	return workload_step(context, index, ret_step);
}

void explore_workload(struct explorer *explorer, const struct workload *workload)
{
	struct level *level = &explorer->levels[0];
	struct run run = {.explorer = explorer,
			  .level = level,
			  .workload = workload,
			  .seed = random_mix(workload_hash(workload), explorer->salt),
			  .sample = workload->kind != WORKLOAD_ACE && !explorer->last_step_only ? 12 : 0};
	struct session_disk session;

	explorer->workloads++;
	explorer->failed = false;
	explorer->told = 0;
	store_sim_copy(level->recorder, explorer->base);
	if (workload_wants_device(workload)) {
		store_sim_poke_size(level->recorder, SCRIPT_DEVICE);
		level->recorder->store.fixed_size = true;
	}
	power_base(level->power, level->recorder);
	run.history = history_new(model_state_copy(explorer->base_state));
	run.history->allocations = 1000;
	run.history->steps = 100;
	explore_session(0, &session);
	explore_run(&run, workload_source, workload, &session);
	history_free(run.history);
}
