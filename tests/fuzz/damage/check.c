/* One mutant through everything: fsck.mmfs, a walk, changes, a repair, and all that again. */
#include "damage.h"

#include "../../../tools/fsck/fsck.h"
#include "../../sim/power.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const phase_names[PHASES] = {
    [PHASE_MUTATE] = "being made",
    [PHASE_FSCK] = "fsck.mmfs -n",
    [PHASE_WALK] = "a walk",
    [PHASE_CHANGE] = "changes",
    [PHASE_CHANGED] = "fsck.mmfs after changes",
    [PHASE_REPAIR] = "fsck.mmfs -y",
    [PHASE_REPAIRED] = "use after repair",
    [PHASE_MOUNT] = "a mount",
};

_Noreturn void check_failed(struct checker *checker, const char *format, ...)
{
	va_list arguments;

	(void)checker;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	fflush(NULL);
	_exit(3);
}

static void phase(struct checker *checker, enum phase now)
{
	checker->progress->phase = now;
	if (checker->verbose)
		fprintf(stderr, "---- %s\n", phase_names[now]);
	else if (ftruncate(checker->out, 0))
		check_failed(checker, "ftruncate: %s", strerror(errno));
}

/* ---- fsck.mmfs ---- */

/* An exit status of fsck(8). What it says stands in checker->out, and must be something if all is not well.
 */
static int fsck(struct checker *checker, enum mode mode)
{
	struct session session = {.path = checker->path, .mode = mode, .force = true};
	off_t before = lseek(checker->out, 0, SEEK_END);
	int status;

	fflush(stdout);
	status = session_run(&session);
	fflush(stdout);
	if (status != EXIT_CLEAN && status != EXIT_CORRECTED && status != EXIT_ERRORS_LEFT &&
	    status != EXIT_OPERATION)
		check_failed(checker, "fsck.mmfs ends with status %d", status);
	if (!checker->verbose && lseek(checker->out, 0, SEEK_END) == before)
		check_failed(checker, "fsck.mmfs ends with status %d and says nothing", status);
	return status;
}

/* ---- the core library ---- */

struct use {
	struct image *image;
	struct fs *fs;
	bool refused, newer; /* newer: for a feature that a later format may have */
	struct answers answers;
	struct found found;
};

static void use_open(struct checker *checker, struct use *use, bool read_only, uint64_t random)
{
	struct store_file_options how = {.mode = read_only ? STORE_READ_ONLY : STORE_WRITE};
	struct session_disk session;
	struct image_options options = {.read_only = read_only, .no_syncer = true, .session = &session};
	struct fs_options fs_options = {.read_only = read_only, .track_lookups = random & 1};
	struct image_report report = {0};
	struct store *store;
	int error = store_file_open(checker->path, &how, &store);

	*use = (struct use){.refused = true};
	if (error)
		check_failed(checker, "opening the file: %s", strerror(-error));
	image_session_of(store_file_descriptor(store), &session);
	error = image_open(store, &options, &use->image, &report);
	if (error) {
		if (!report.text[0])
			check_failed(checker, "refused without a word: %s", strerror(-error));
		snprintf(use->answers.what, sizeof(use->answers.what), "%.190s", report.text);
		use->newer = error == -EROFS || error == -EOPNOTSUPP;
		return;
	}
	error = fs_open(use->image, &fs_options, &use->fs);
	if (error) {
		answer(&use->answers, NULL, "opening", 0, error);
		image_drop(use->image);
		return;
	}
	use->refused = false;
}

/* Orders that take apart what was put together: an unmount, or a kill. */
static void use_close(struct use *use, bool kill)
{
	found_free(&use->found);
	if (use->refused)
		return;
	if (kill) {
		fs_drop(use->fs);
		image_drop(use->image);
		return;
	}
	answer(&use->answers, NULL, "closing the files", 0, fs_close(use->fs));
	answer(&use->answers, NULL, "closing the image", 0, image_close(use->image));
}

/* What was seen: is it what may be said of an image that fsck.mmfs found clean, or not? */
static void use_judge(struct checker *checker, const struct use *use, bool clean)
{
	checker->progress->calls += use->answers.calls;
	if (use->answers.wrong[0])
		check_failed(checker, "%s", use->answers.wrong);
	if (clean && use->refused && !use->newer)
		check_failed(checker, "fsck.mmfs says that it is clean, but it is refused: %s",
			     use->answers.what);
	if (clean && use->answers.damaged)
		check_failed(checker, "fsck.mmfs says that it is clean, but: %s", use->answers.what);
}

static void check_walk(struct checker *checker, uint64_t random, bool clean)
{
	struct use use;

	use_open(checker, &use, true, random);
	if (!use.refused)
		walk(use.fs, random, &use.found, &use.answers);
	checker->progress->refused += use.refused;
	checker->progress->walked_damaged += use.answers.damaged;
	use_close(&use, false);
	use_judge(checker, &use, clean);
}

/* Walks, changes, and closes or drops it. */
static void check_change(struct checker *checker, uint64_t random, bool clean)
{
	struct use use;

	use_open(checker, &use, false, random);
	if (!use.refused) {
		walk(use.fs, random, &use.found, &use.answers);
		change(use.fs, random, &use.found, &use.answers);
	}
	use_close(&use, random >> 1 & 1);
	use_judge(checker, &use, clean);
}

/* ---- all of it ---- */

/* It was repaired, or needed no repair: now everything works on it. */
static void check_repaired(struct checker *checker, uint64_t random)
{
	phase(checker, PHASE_REPAIRED);
	if (checker->worn_out)
		return;
	if (fsck(checker, MODE_CHECK) != EXIT_CLEAN)
		check_failed(checker, "fsck.mmfs -y repaired everything, but -n finds more");
	check_walk(checker, random, true);
	check_change(checker, random + 1, true);
	if (fsck(checker, MODE_CHECK) != EXIT_CLEAN)
		check_failed(checker, "problems after working on a repaired image");
}

/* An exit status of fsck.mmfs. */
static int check_repair(struct checker *checker, uint64_t random, bool clean)
{
	int status;

	phase(checker, PHASE_REPAIR);
	status = fsck(checker, MODE_YES);
	if (clean && status != EXIT_CLEAN)
		check_failed(checker, "-n finds nothing, but -y ends with status %d", status);
	if (status == EXIT_CLEAN || status == EXIT_CORRECTED) {
		check_repaired(checker, random);
		return status;
	}
	if (checker->verbose)
		fprintf(stderr, "---- cannot be repaired\n");
	/* what is left does not become more */
	fsck(checker, MODE_YES);
	fsck(checker, MODE_CHECK);
	return status;
}

static void check_mount(struct checker *checker, uint64_t random)
{
	const char *why;
	bool mounted;

	phase(checker, PHASE_MOUNT);
	why = mount_try(checker, random, &mounted);
	if (why)
		check_failed(checker, "%s", why);
	checker->progress->mounts++;
	checker->progress->mounted += mounted;
}

static void remake(struct checker *checker, struct mutant *mutant, uint64_t number)
{
	phase(checker, PHASE_MUTATE);
	mutate(mutant, checker->bases, checker->base_count, checker->seed, number, checker->file);
	base_random(number);
}

/* Has a counter come to its end, which takes longer than anybody has? What is whole then may not be written
 * to. */
static bool is_worn_out(struct checker *checker)
{
	struct super_disk super;
	bool worn = false;

	for (unsigned slot = 0; slot < 2; slot++)
		if (pread(checker->file, &super, sizeof(super), slot * (off_t)BLOCK_SIZE) == sizeof(super))
			worn |= le64_get(super.generation) >= INT64_MAX - UINT32_MAX ||
				le64_get(super.tail_lsn) >= (UINT64_C(1) << 62) - (UINT64_C(1) << 32);
	return worn;
}

void check_mutant(struct checker *checker, uint64_t number)
{
	uint64_t random = random_mix(checker->seed ^ 0x5555, number);
	struct progress *progress = checker->progress;
	struct mutant mutant;
	bool clean;
	int status;

	remake(checker, &mutant, number);
	memcpy(progress->text, mutant.text, sizeof(progress->text));
	if (checker->verbose)
		fprintf(stderr, "---- %s\n", progress->text);
	checker->worn_out = is_worn_out(checker);
	phase(checker, PHASE_FSCK);
	clean = fsck(checker, MODE_CHECK) == EXIT_CLEAN;
	progress->clean += clean;
	phase(checker, PHASE_WALK);
	check_walk(checker, random, clean);

	phase(checker, PHASE_CHANGE);
	check_change(checker, random, clean);
	phase(checker, PHASE_CHANGED);
	if (fsck(checker, MODE_CHECK) != EXIT_CLEAN && clean && !checker->worn_out)
		check_failed(checker, "clean at first, but not after it was worked on");
	if (number % 4 == 0) /* a repair of what damage and work have made together */
		check_repair(checker, random, false);

	remake(checker, &mutant, number);
	status = check_repair(checker, random, clean);
	progress->repaired += status == EXIT_CORRECTED;
	progress->left += status == EXIT_ERRORS_LEFT || status == EXIT_OPERATION;
	if (checker->mount_every && number % checker->mount_every == 0) {
		remake(checker, &mutant, number);
		check_mount(checker, random);
	}
	progress->mutants++;
}

void check_warm_up(struct checker *checker)
{
	struct mutant mutant;

	for (unsigned i = 0; i < checker->base_count; i++) {
		mutate_nothing(&mutant, &checker->bases[i], checker->file);
		fsck(checker, MODE_YES);
		check_repaired(checker, i);
	}
}
