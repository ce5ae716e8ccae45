/* Makes a failing random workload smaller: fewer steps that still fail, looking at crashes in the last one.
 */
#include "explore.h"

#include <stdio.h>
#include <string.h>

#define SHRINK_SECONDS 20.0

/* Does it fail, in its last step? */
static bool fails(struct explorer *explorer, const struct workload *workload)
{
	explore_workload(explorer, workload);
	return explorer->failed;
}

static unsigned kept_steps(const struct workload *workload)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < workload->count; i++)
		kept += !workload->removed[i];
	return kept;
}

/* Leaves out pieces of `size` steps where the rest still fails. */
static void leave_out(struct explorer *explorer, struct workload *workload, unsigned size, double deadline)
{
	for (unsigned at = 0; at + 1 < workload->count && explore_seconds() < deadline; at += size) {
		struct workload smaller = *workload;
		bool changed = false;

		for (unsigned i = at; i < at + size && i + 1 < workload->count; i++) {
			changed |= !smaller.removed[i];
			smaller.removed[i] = true;
		}
		if (changed && fails(explorer, &smaller))
			*workload = smaller;
	}
}

/* The workload up to the step that was under way when it failed. */
static void cut_behind(struct workload *workload, size_t step)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < workload->count; i++) {
		if (workload->removed[i])
			continue;
		if (kept++ == step) {
			workload->count = i + 1;
			return;
		}
	}
}

void shrink(struct explorer *explorer, const struct workload *workload)
{
	struct explorer saved = *explorer;
	struct workload smaller = *workload;
	double deadline = explore_seconds() + SHRINK_SECONDS;
	char text[REMOVED_MAX];

	explorer->quiet = true;
	explorer->last_step_only = true;
	explorer->deadline = deadline;
	cut_behind(&smaller, saved.failed_step);
	if (fails(explorer, &smaller)) {
		for (unsigned size = smaller.count / 2; size; size /= 2)
			leave_out(explorer, &smaller, size, deadline);
		explorer->quiet = false;
		explorer->deadline = 0;
		workload_text(&smaller, text, sizeof(text));
		printf("  shrunk to %u steps, --workload %s --last:\n", kept_steps(&smaller), text);
		fails(explorer, &smaller);
	}
	explorer->quiet = saved.quiet;
	explorer->last_step_only = saved.last_step_only;
	explorer->deadline = saved.deadline;
	explorer->states = saved.states;
	explorer->workloads = saved.workloads;
	explorer->failures = saved.failures;
}
