/* Rounds of mending: see fsck.h. */
#include "fsck.h"

#include "../common/progress.h"

#include <errno.h>
#include <string.h>

/* Each round ends one stage, and a stage can bring up problems of an earlier one, such as an inode that is
 * lost with its node: five times over is more than any image should need. */
#define ROUNDS_MAX (5 * STAGES)

static int say_stopped(const struct fsck *fsck, int error)
{
	progress_hide();
	fprintf(stderr, PROGRAM ": %s: the repair stopped: %s%s\n", fsck->path, strerror(-error),
		error == -ENOSPC ? "; make room on the host (or raise the image's limit), then start it again"
				 : "");
	return EXIT_OPERATION;
}

/* Of cuts the last comes first: those before it find the way to their node as it was. */
static const struct fix *fix_in_order(const struct fsck *fsck, enum stage stage, size_t i)
{
	return &fsck->fixes.fixes[stage == STAGE_CUT ? fsck->fixes.count - 1 - i : i];
}

/* Mends what belongs to a stage; *ret_done counts. */
static int stage_mend(struct fsck *fsck, enum stage stage, uint64_t *ret_done)
{
	for (size_t i = 0; i < fsck->fixes.count; i++) {
		const struct fix *fix = fix_in_order(fsck, stage, i);
		int result;

		if (problem_stage(fix->code) != stage)
			continue;
		result = problem_fix(fsck, fix);
		if (result == 0)
			++*ret_done;
		/* what is too damaged for one way of mending is left to the next round, or to be said at the
		 * end */
		if (result < 0 && result != -EUCLEAN && result != -ENOENT)
			return say_stopped(fsck, result);
	}
	return EXIT_CLEAN;
}

/* Does nothing follow from mending this stage, if it was all there was to mend? */
static bool is_last(const struct fsck *fsck, enum stage stage)
{
	for (size_t i = 0; i < fsck->fixes.count; i++)
		if (problem_stage(fsck->fixes.fixes[i].code) > stage)
			return false;
	return stage >= STAGE_LINKS;
}

static int round_make(struct session *session, uint64_t *ret_done, bool *ret_last)
{
	struct fsck fsck;
	int status = check_image(session, true, &fsck);
	uint64_t done = 0;

	if (status)
		return status;
	for (unsigned stage = 0; stage < STAGES && !done && !status; stage++) {
		if (stage > STAGE_OPEN && fsck.refused)
			break;
		status = stage_mend(&fsck, stage, &done);
		*ret_last = is_last(&fsck, stage);
	}
	int end = check_end(&fsck);
	*ret_done = done;
	return status ? status : end;
}

int repair_image(struct session *session)
{
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		uint64_t done = 0;
		bool last = false;
		int status = round_make(session, &done, &last);

		if (status)
			return status;
		if (session->verbose)
			printf("%s: round %u: %llu mended\n", session->path, round + 1,
			       (unsigned long long)done);
		if (!done || last)
			break;
	}
	return EXIT_CLEAN;
}
