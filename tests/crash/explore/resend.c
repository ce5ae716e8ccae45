/* The request that a kill has left unanswered, sent again (R17). */
#include "explore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A step that is sent again after the kill. */
struct resent {
	size_t state;  /* of the history: the one before it */
	uint64_t held; /* for it, at the moment of the kill */
	struct step step;
};

static uint64_t chance_of(const struct attempt *attempt)
{
	return random_mix(attempt->run->seed + 11, attempt->place.event * 100 + attempt->place.number);
}

/* In long runs of some states only: there are enough of them. */
static bool is_wanted(const struct attempt *attempt)
{
	const struct run *run = attempt->run;

	return (!run->depth && run->workload->kind == WORKLOAD_ACE) || chance_of(attempt) % 4 == 0;
}

/* Which step was not answered? Where one has just returned: that one, as if its reply had not been sent. */
static bool find(const struct attempt *attempt, struct resent *ret_resent)
{
	const struct run *run = attempt->run;
	const struct sim_log *log = &run->level->recorder->log;
	size_t done = attempt->acknowledged - run->first;
	bool returned = done > 0 && run->marks[done] == attempt->place.event && !attempt->length;

	/* Before the first event the image has not been opened. */
	if (attempt->place.event < run->marks[0])
		return false;
	if (!returned && attempt->place.event >= log->count)
		return false;
	*ret_resent = (struct resent){
	    .state = attempt->acknowledged - returned,
	    .held = returned ? run->marks_held[done] : log->events[attempt->place.event].watched,
	};
	return run->source(run->source_context, (unsigned)(done - returned), &ret_resent->step) &&
	       ret_resent->step.kind < STEP_FSYNC;
}

static int failed(struct verify_result *result, const struct resent *resent, const char *what, int error)
{
	char text[200];

	step_text(&resent->step, text, sizeof(text));
	snprintf(result->why, sizeof(result->why), "sent again, %.150s: %.100s: %.60s", text, what,
		 strerror(-error));
	return 1;
}

/* Now and then it is killed once more before it answers, with the journal brought home as far as may be. */
static int open_mount(struct mount *mount, bool twice)
{
	int error = mount_open(mount);

	if (error || !twice)
		return error;
	error = image_checkpoint(mount->image);
	mount_drop(mount);
	return error ? error : mount_open(mount);
}

static int send_again(struct mount *mount, const struct resent *resent, struct history *history, bool twice,
		      struct verify_result *result)
{
	const struct verify_window window = {.first = 1, .last = 1, .acknowledged = 1, .kill = true};
	int error = open_mount(mount, twice);

	if (error)
		return failed(result, resent, mount->report.text, error);
	if (step_run(mount, history, &resent->step))
		return failed(result, resent, "its result", mount->error);
	image_answers_end(mount->image);
	error = fs_settle(mount->fs);
	if (error)
		return failed(result, resent, "settling", error);
	error = verify_space(mount, result->why, sizeof(result->why));
	return error ? error : verify_tree(mount, history, &window, result);
}

void resend_try(const struct attempt *attempt)
{
	const struct run *run = attempt->run;
	struct session_disk session;
	struct verify_result result = {.why = ""};
	struct image_held held = {0};
	struct mount mount = {.options = {.no_syncer = true,
					  .session = &session,
					  .goes_on = true,
					  .connection = EXPLORE_CONNECTION,
					  .held = &held},
			      .fs_options = {.goes_on = true, .deletes_later = true},
			      .connection = EXPLORE_CONNECTION,
			      .resends = true};
	struct resent resent;

	if (!is_wanted(attempt) || !find(attempt, &resent))
		return;
	explore_session(run->session, &session);
	atomic_store(&held.requests[0], resent.held);
	/* Its steps have the numbers that they had. */
	struct history *history = history_copy(run->history, resent.state, resent.state);
	history->steps -= (uint32_t)(run->history->count - resent.state);
	run->explorer->states++;
	mount.sim = state_build(attempt);
	if (send_again(&mount, &resent, history, chance_of(attempt) / 4 % 2, &result))
		state_report(run, &attempt->place, resent.state, result.why);
	if (mount.image)
		mount_drop(&mount);
	state_undo(attempt);
	history_free(history);
}
