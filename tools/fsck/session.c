/* Check, repair, and check again; the last line. */
#include "fsck.h"

/* A repair is followed by a check, and that by another repair if anything is left that can be. */
#define PASSES_MAX 5

static void say_result(const struct fsck *fsck)
{
	uint64_t found = fsck->session->found;

	problem_print_rest(fsck);
	if (fsck->incomplete)
		printf("%s: a part could not be read: what depends on it was not checked\n", fsck->path);
	if (fsck->problems) {
		printf("%s: %llu problem%s\n", fsck->path, (unsigned long long)fsck->problems,
		       fsck->problems == 1 ? "" : "s");
		return;
	}
	if (found)
		printf("%s: %llu problem%s repaired\n", fsck->path, (unsigned long long)found,
		       found == 1 ? "" : "s");
	printf("%s: clean, %zu inodes, %llu data blocks\n", fsck->path, fsck->inode_count,
	       (unsigned long long)fsck->data_blocks);
}

/* Looks, and says what is wrong; *ret_repair: it is to be repaired. */
static int look(struct session *session, bool *ret_repair)
{
	struct fsck fsck;
	int status = check_image(session, false, &fsck);

	*ret_repair = false;
	if (status)
		return status;
	bool found = fsck.problems || fsck.incomplete;
	say_result(&fsck);
	if (!session->found)
		session->found = fsck.problems;
	if (found && session->mode == MODE_PREEN && fsck.unsafe)
		printf("%s: not everything can be repaired without loss or a guess: nothing was changed; run "
		       "it with -y, or without options on a terminal\n",
		       fsck.path);
	else if (found && session->no_terminal)
		printf(
		    "%s: nothing was changed: there is no terminal to ask on; to repair it, give -y or -p\n",
		    fsck.path);
	else
		*ret_repair = found && session->mode != MODE_CHECK;
	status = check_end(&fsck);
	return status ? status : found ? EXIT_ERRORS_LEFT : EXIT_CLEAN;
}

int session_run(struct session *session)
{
	bool repair;
	int status = look(session, &repair);

	if (!repair)
		return status;
	for (unsigned pass = 0; pass < PASSES_MAX && repair; pass++) {
		uint64_t before = session->mended;
		status = repair_image(session);
		if (status && status != EXIT_ERRORS_LEFT)
			return status;
		bool changed = session->mended != before;
		status = look(session, &repair);
		repair &= changed;
	}
	return status == EXIT_CLEAN ? EXIT_CORRECTED : status;
}
