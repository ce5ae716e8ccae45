/*
 * Fault injection: over a fixed script, the Nth call of each kind that the engine makes to the store fails,
 * for every N. The failing operation must report an error, and whatever is left must be whole: the live
 * image, what a kill -9 then leaves, and what a power cut then leaves. After an operation that found no
 * memory the same one works when there is some again.
 *
 *   fault [--kind NAME] [--nth N] [--every N] [--mutant NAME]
 *
 * Memory can fail in the program with mutants only, fault-mutants, and only if --kind asks for it: its calls
 * are many, and --every N tries each Nth of them.
 */
#include "../../sim/choose_mutant.h"
#include "../../sim/fake_time.h"
#include "../../sim/memory.h"
#include "../../sim/verify.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_SIZE     (UINT64_C(192) << 20)
#define ACE_CONTENTS 28u /* the first short step that changes contents */

struct fault_kind {
	const char *name;
	unsigned kinds;
	int error;	    /* 0: none, the host gets full */
	bool may_be_silent; /* giving space back is tried, not promised; some memory is only for speed */
	bool memory;
};

static const struct fault_kind fault_kinds[] = {
    {.name = "sync", .kinds = 1u << SIM_SYNC_RANGE | 1u << SIM_SYNC_ALL, .error = -EIO},
    {.name = "reserve", .kinds = 1u << SIM_RESERVE, .error = -ENOSPC},
    {.name = "size", .kinds = 1u << SIM_SET_SIZE, .error = -ENOSPC, .may_be_silent = true},
    {.name = "write", .kinds = 1u << SIM_WRITE, .error = -EIO},
    {.name = "space", .kinds = 1u << SIM_WRITE | 1u << SIM_RESERVE | 1u << SIM_SET_SIZE, .error = -ENOSPC},
    {.name = "full",
     .kinds = 1u << SIM_WRITE | 1u << SIM_RESERVE | 1u << SIM_SET_SIZE,
     .may_be_silent = true},
    {.name = "punch", .kinds = 1u << SIM_PUNCH, .error = -EIO, .may_be_silent = true},
    {.name = "memory", .error = -ENOMEM, .may_be_silent = true, .memory = true},
};
#define KIND_COUNT (sizeof(fault_kinds) / sizeof(fault_kinds[0]))

struct test {
	struct store_sim *base, *sim, *after;
	struct power *power;
	struct model_state *base_state;
	const struct fault_kind *kind;
	uint64_t nth, every, failures_max;
	bool sticky;
	struct step step;		  /* that failed */
	uint64_t runs, refused, failures; /* refused: a step reported an error */
};

static const char *what_step = "";

static int failed(struct test *test, const char *when, const char *why)
{
	printf("FAILURE --kind %s --nth %lu%s: %s, %s: %s\n", test->kind->name, test->nth,
	       test->sticky ? " (and all later)" : "", what_step, when, why);
	fflush(stdout);
	test->failures++;
	return 1;
}

/* ---- the script ---- */

/* Files until nothing fits any more: whole ones at the odd steps, names only at the even ones. */
static bool fill_step(unsigned index, struct step *ret_step)
{
	*ret_step = (struct step){.kind = index % 2 ? STEP_WRITE : STEP_CREATE,
				  .a = {.count = 1, .names = {400 + index / 2}},
				  .length = 300000};
	return index < 200;
}

static bool is_sync(const struct fault_kind *kind)
{
	return kind->kinds & (1u << SIM_SYNC_RANGE | 1u << SIM_SYNC_ALL);
}

static bool fault_plain_step(const struct test *test, unsigned index, struct step *ret_step)
{
	/* contents before names, among which are those that remove the files */
	unsigned first = is_sync(test->kind) || test->kind->memory ? ACE_CONTENTS : 0;

	if (index < 90) {
		*ret_step = script_random_step(3, index);
		return true;
	}
	index -= 90;
	if (index < script_ace_count()) {
		*ret_step = script_ace_step((index + first) % script_ace_count());
		return true;
	}
	index -= script_ace_count();
	if (!test->kind->error && test->sim->fault.hit)
		return fill_step(index, ret_step);
	*ret_step = (struct step){.kind = STEP_CHECKPOINT};
	return index == 0;
}

static bool fault_step(const struct test *test, unsigned index, struct step *ret_step)
{
	/* where syncs are to fail there are more of them, of the two files that most short steps change */
	static const struct step_path files[] = {{.count = 1, .names = {0}}, {.count = 2, .names = {2, 0}}};

	if (is_sync(test->kind)) {
		*ret_step =
		    (struct step){.kind = index % 4 ? STEP_FSYNC : STEP_FDATASYNC, .a = files[index % 2]};
		if (index % 3 == 2 && index < 250)
			return true;
		index -= index < 250 ? index / 3 : 250 / 3;
	}
	return fault_plain_step(test, index, ret_step);
}

static void session_of(uint64_t number, struct session_disk *ret_session)
{
	memset(ret_session, 0, sizeof(*ret_session));
	memcpy(ret_session->boot_id, &number, sizeof(number));
	ret_session->boot_id[15] = 1;
	ret_session->device = le64_of(1);
	ret_session->inode = le64_of(2);
}

static int make_base(struct test *test)
{
	static const uint8_t uuid[16] = {1, 2, 3};
	struct image_make_options make = {.journal_bytes = 1 << 20, .uuid = uuid};
	struct session_disk session;
	struct mount mount = {.sim = test->base, .options = {.no_syncer = true, .session = &session}};
	struct history *history;
	struct fs_attr root;
	struct step step;
	struct store *store = store_sim_open(test->base);
	int error = image_make(store, &make);

	store_close(store);
	session_of(0, &session);
	if (!error)
		error = mount_open(&mount);
	if (!error)
		error = fs_getattr(mount.fs, ROOT_INODE, &root);
	if (error)
		return error;
	history = history_new(model_state_new(ROOT_INODE, root.mode));
	for (unsigned i = 0; !error && script_base_step(i, &step); i++)
		error = step_run(&mount, history, &step) ? -EINVAL : 0;
	test->base_state = model_state_copy(history_last(history));
	history_free(history);
	return error ? error : mount_close(&mount);
}

/* ---- checks ---- */

static int check_live(struct test *test, struct mount *mount, const struct history *history, bool exact)
{
	struct verify_result result = {.why = ""};
	struct verify_window window;

	verify_kill_window(history, history->count - 1, &window);
	if (verify_tree(mount, history, &window, &result))
		return failed(test, "the live tree", result.why);
	if (exact && !result.partial && result.state != window.first &&
	    history->states[result.state]->hash != history->states[window.first]->hash)
		return failed(test, "the live tree", "the step said that it failed, but it was done");
	return 0;
}

/* Opens what is in `after`, in boot number `boot`, and compares. */
static int check_after(struct test *test, const char *when, const struct history *history,
		       const struct verify_window *window, uint64_t boot)
{
	struct session_disk session;
	struct mount mount = {.sim = test->after, .options = {.no_syncer = true, .session = &session}};
	struct verify_result result = {.why = ""};
	int error;

	session_of(boot, &session);
	error = mount_open(&mount);
	if (error) {
		snprintf(result.why, sizeof(result.why), "opening says %s: %s", strerror(-error),
			 mount.report.text);
		test->after->host_pages = UINT64_MAX;
		return failed(test, when, result.why);
	}
	error = verify_space(&mount, result.why, sizeof(result.why));
	if (!error)
		error = verify_tree(&mount, history, window, &result);
	mount_drop(&mount);
	test->after->host_pages = UINT64_MAX;
	return error ? failed(test, when, result.why) : 0;
}

static void check_power(struct test *test, const struct history *history, size_t acknowledged)
{
	const struct sim_log *log = &test->sim->log;
	struct verify_window window;

	power_base(test->power, test->base);
	for (size_t i = 0; i < log->count; i++)
		if (power_event(test->power, log, &log->events[i]))
			abort();
	power_pages(test->power);
	verify_power_window(history, acknowledged, &window);
	for (unsigned i = 0; i < 4; i++) {
		static const enum power_strategy strategies[] = {POWER_ALL_OLD, POWER_ALL_NEW, POWER_RANDOM,
								 POWER_RANDOM_PAGES};
		struct power_choice choice = {.strategy = strategies[i], .argument = test->nth};

		power_build(test->power, &choice);
		store_sim_copy(test->after, test->power->work);
		check_after(test, "after a power cut", history, &window, 1);
		power_undo(test->power);
	}
}

/* After an error nothing may be acknowledged that a frozen image cannot keep. */
static void check_frozen(struct test *test, struct mount *mount)
{
	struct fs_caller caller = {0};
	struct fs_attr attr;
	struct fs_name name = {.bytes = "after-failure", .length = 13};
	int error = fs_make(mount->fs, &caller, ROOT_INODE, name, S_IFREG | 0600, 0, 0, &attr);

	if (!error)
		failed(test, "afterwards", "a failed image took a change");
}

/* On a full host everything can be deleted, and then there is room again. */
static void check_deletes(struct test *test, struct mount *mount, struct history *history)
{
	struct step step = {.kind = STEP_NONE};

	/* the failed step is taken back: nothing of it is there */
	model_state_free(history->states[history->count--]);
	for (uint32_t name = 0; name < 520; name++) {
		step.kind = STEP_UNLINK;
		step.a = (struct step_path){.count = 1, .names = {name}};
		if (step_run(mount, history, &step)) {
			failed(test, "deleting on the full host", strerror(-mount->error));
			return;
		}
	}
	step.kind = STEP_SYNC;
	if (step_run(mount, history, &step)) {
		failed(test, "sync on the full host", strerror(-mount->error));
		return;
	}
	step = (struct step){.kind = STEP_CREATE, .a = {.count = 1, .names = {600}}};
	for (unsigned i = 0; i < 2; i++) {
		if (step_run(mount, history, &step))
			failed(test, "working again after deleting", strerror(-mount->error));
		step = (struct step){.kind = STEP_FSYNC, .a = {.count = 1, .names = {600}}};
	}
}

/* ---- one run ---- */

/* Runs the script until a step fails. Returns whether one did. */
static bool run_script(struct test *test, struct mount *mount, struct history *history)
{
	struct step step;
	static char text[200];

	for (unsigned i = 0; fault_step(test, i, &step); i++) {
		step_text(&step, text, sizeof(text));
		what_step = text;
		if (step_run(mount, history, &step)) {
			test->step = step;
			return true;
		}
	}
	return false;
}

static bool fault_hit(const struct test *test)
{
	return test->kind->memory ? memory_fault.hit : test->sim->fault.hit;
}

/* With memory again, the step that failed for want of it works; then it counts as done. What it did in part
 * may be there already, so that nothing can be said of a step that is done in parts. */
static bool try_again(struct test *test, struct mount *mount, struct history *history)
{
	if (history->done[history->count - 1].partial)
		return false;
	model_state_free(history->states[history->count--]);
	if (!step_run(mount, history, &test->step))
		return true;
	failed(test, "the same step with memory", strerror(-mount->error));
	return false;
}

static void check_step_failed(struct test *test, struct mount *mount, struct history *history)
{
	size_t acknowledged;
	bool again = false;
	bool image_failed = !mount->image || image_failure(mount->image);
	struct verify_window window;

	if (!fault_hit(test)) {
		failed(test, "the step", strerror(-mount->error));
		return;
	}
	if (test->kind->memory ? mount->error != -ENOMEM : !image_failed && is_sync(test->kind))
		failed(test, "the step", strerror(-mount->error));
	if (mount->image) {
		check_live(test, mount, history,
			   !image_failed && (mount->error == -ENOSPC || mount->error == -ENOMEM));
		if (image_failed && !test->kind->error)
			failed(test, "on a full host", "the image failed");
		if (image_failed)
			check_frozen(test, mount);
		else if (test->kind->memory)
			again = try_again(test, mount, history);
		else if (!test->kind->error)
			check_deletes(test, mount, history);
		mount_drop(mount);
	}
	acknowledged = history->count - (!again && (image_failed || test->kind->error));
	store_sim_stop(test->sim);
	if (!image_failed) {
		store_sim_copy(test->after, test->sim);
		test->after->host_pages = test->sim->host_pages;
		verify_kill_window(history, acknowledged, &window);
		check_after(test, "after a kill", history, &window, 0);
	}
	check_power(test, history, acknowledged);
}

/* Opening answers a failed sync by trusting the cache no more (R14), and one failed reservation by asking for
 * less: then nobody needs to be told. */
static bool may_be_silent(const struct test *test, const struct mount *mount)
{
	if (test->kind->may_be_silent)
		return true;
	return !test->sticky &&
	       (test->kind->error == -ENOSPC || (test->kind->error == -EIO && mount->fault_in_open));
}

/* false: the script made fewer calls of this kind. */
static bool run(struct test *test)
{
	struct session_disk session;
	struct mount mount = {.sim = test->sim, .options = {.no_syncer = true, .session = &session}};
	struct history *history = history_new(model_state_copy(test->base_state));
	bool step_failed = false, hit = false;
	int error;

	history->allocations = 1000;
	history->steps = 100;
	session_of(0, &session);
	fake_reset(7);
	store_sim_copy(test->sim, test->base);
	store_sim_record(test->sim);
	test->sim->fault = (struct sim_fault){.kinds = test->kind->kinds,
					      .nth = test->nth,
					      .error = test->kind->error,
					      .sticky = test->sticky,
					      .fills_host = !test->kind->error};
	memory_fault =
	    (struct memory_fault){.nth = test->kind->memory ? test->nth : 0, .sticky = test->sticky};
	test->sim->host_pages = UINT64_MAX;
	what_step = "open";
	error = mount_open(&mount);
	if (!error)
		step_failed = run_script(test, &mount, history);
	test->runs++;
	test->refused += step_failed;
	hit = fault_hit(test);
	memory_fault.sticky = false; /* there is memory again, for looking at what is left */
	if (step_failed)
		check_step_failed(test, &mount, history);
	else if (error && fault_hit(test))
		check_power(test, history, history->count);
	else if (error)
		failed(test, "without a fault", strerror(-error));
	test->sim->fault = (struct sim_fault){0};
	memory_fault = (struct memory_fault){0};
	if (hit && !step_failed && !error && !may_be_silent(test, &mount))
		failed(test, "the whole script", "no step reported the error");
	if (mount.image)
		mount_drop(&mount);
	history_free(history);
	return hit;
}

static void run_kind(struct test *test, const struct fault_kind *kind, uint64_t only)
{
	uint64_t before = test->runs, refused = test->refused;

	test->kind = kind;
	for (unsigned sticky = 0; sticky < 2; sticky++) {
		test->sticky = sticky;
		for (test->nth = only ? only : 1; run(test); test->nth += test->every)
			if (only || test->failures > test->failures_max)
				break;
	}
	printf("%s: %lu runs, an error reported in %lu\n", kind->name, test->runs - before,
	       test->refused - refused);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"kind", required_argument, NULL, 'k'},
						{"nth", required_argument, NULL, 'n'},
						{"every", required_argument, NULL, 'e'},
						{"mutant", required_argument, NULL, 'm'},
						{0}};
	static struct test test = {.every = 1, .failures_max = 20};
	const char *kind = NULL, *mutant = NULL;
	uint64_t nth = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'k')
			kind = optarg;
		else if (option == 'n')
			nth = strtoull(optarg, NULL, 10);
		else if (option == 'e')
			test.every = strtoull(optarg, NULL, 10);
		else if (option == 'm')
			mutant = optarg;
		else
			return 2;
	}
	test.base = store_sim_new(MAP_SIZE);
	test.sim = store_sim_new(MAP_SIZE);
	test.after = store_sim_new(MAP_SIZE);
	test.power = power_new(MAP_SIZE);
	if (test.base && test.sim)
		test.base->counts_pages = test.sim->counts_pages = true;
	if (!test.base || !test.sim || !test.after || !test.power || make_base(&test)) {
		fputs("fault: cannot make the base image\n", stderr);
		return 1;
	}
	if (mutant)
		test.failures_max = 0; /* one will do */
	if (mutant && !mutant_choose(mutant)) {
		fprintf(stderr, "fault: no mutant '%s' in this program\n", mutant);
		return 2;
	}
	for (unsigned i = 0; i < KIND_COUNT; i++)
		if (kind ? !strcmp(kind, fault_kinds[i].name) : !fault_kinds[i].memory)
			run_kind(&test, &fault_kinds[i], nth);
	printf("fault: %lu runs, %lu failures\n", test.runs, test.failures);
	return test.failures != 0;
}
