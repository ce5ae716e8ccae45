/* Runs of random steps, and of scripts. */
#include "differ.h"

#include <sys/xattr.h>

#define RUN_MOST     14u /* steps of one user at a time */
#define SCRIPT_SHORT 200u

void script_add(struct script *script, const struct step *step)
{
	if (script->count == script->capacity) {
		script->capacity = script->capacity ? script->capacity * 2 : 256;
		script->steps = realloc(script->steps, script->capacity * sizeof(*script->steps));
		if (!script->steps) {
			perror("differ");
			exit(2);
		}
	}
	script->steps[script->count++] = *step;
}

static void say_difference(const char *when, const struct step *step, const struct difference *difference)
{
	char text[512] = "";

	if (step)
		step_text(step, text, sizeof(text));
	printf("DIFFERENCE %s%s%s\n%s", when, step ? ": " : "", text, difference->text);
	fflush(stdout);
}

static void count_outcome(struct run *run, const struct step *step, const struct outcome *outcome)
{
	struct count *count = &run->counts[step->call];

	run->waits_ended += outcome->waiter > 1;
	if (outcome->result == SKIPPED)
		count->skipped++;
	else if (outcome->result == -1)
		count->failed++;
	else
		count->succeeded++;
}

/* One user's steps; false: they differ, and the script ends with the one that does. */
static bool random_batch(struct run *run, struct session *session, struct script *script)
{
	struct random *random = &run->generator.random;
	/* root, whom nothing is closed to, more often than others */
	unsigned worker = chance(random, 20) ? 0 : (unsigned)random_below(random, WORKERS);
	size_t count = 1 + random_below(random, RUN_MOST), done;
	struct difference difference;
	struct step steps[BATCH];

	for (size_t i = 0; i < count; i++)
		generate_step(&run->generator, worker, &steps[i]);
	done = session_batch(session, steps, count, &difference);
	for (size_t i = 0; i < done; i++) {
		const struct outcome *outcome = &session->shared->outcomes[0][i];
		count_outcome(run, &steps[i], outcome);
		generate_learn(&run->generator, &steps[i], outcome);
	}
	for (size_t i = 0; i < count && i <= done; i++)
		script_add(script, &steps[i]);
	run->steps_done += done;
	if (done < count)
		say_difference("in a step", &steps[done], &difference);
	return done == count;
}

static bool over(const struct run *run)
{
	return run->steps_done >= run->steps_wanted || (run->deadline > 0 && now_seconds() >= run->deadline);
}

static bool run_tree(struct run *run, struct session *session, struct script *script)
{
	uint64_t end = run->steps_done + run->tree_steps, compare = run->steps_done + run->compare_every;
	struct difference difference;

	generate_reset(&run->generator);
	for (;;) {
		bool last = run->steps_done >= end || over(run);
		if (last || run->steps_done >= compare) {
			if (!session_compare(session, &difference)) {
				say_difference("of the trees", NULL, &difference);
				return false;
			}
			compare = run->steps_done + run->compare_every;
		}
		if (last)
			return true;
		if (!random_batch(run, session, script))
			return false;
	}
}

bool run_random(struct run *run)
{
	struct script script = {0};
	bool agree = true;

	while (agree && (!over(run) || !run->trees)) {
		static struct session session;
		uint64_t before = run->steps_done;
		script.count = 0;
		if (!session_open(&session, run->directories, run->session_number++))
			exit(2);
		session.shared->features = run->generator.features;
		agree = run_tree(run, &session, &script);
		session_close(&session, run->keep && agree && over(run));
		run->trees++;
		if (!agree) {
			printf("after %llu steps in this tree\n",
			       (unsigned long long)(run->steps_done - before));
			shrink(run, &script);
		}
	}
	free(script.steps);
	return agree;
}

ssize_t run_script(struct run *run, const struct script *script, struct difference *ret)
{
	static struct session session;
	size_t at = 0;
	ssize_t result = -1;

	if (!session_open(&session, run->directories, run->session_number++))
		exit(2);
	session.shared->features = run->generator.features;
	while (at < script->count && result < 0) {
		size_t count = 1;
		/* short ones with an epoch for each step */
		while (script->count > SCRIPT_SHORT && count < BATCH && at + count < script->count &&
		       script->steps[at + count].worker == script->steps[at].worker)
			count++;
		size_t done = session_batch(&session, script->steps + at, count, ret);
		if (done < count)
			result = (ssize_t)(at + done);
		at += count;
	}
	if (result < 0 && !session_compare(&session, ret))
		result = (ssize_t)script->count;
	session_close(&session, false);
	return result;
}
