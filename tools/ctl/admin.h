/* The commands for an image as a whole: each works on a mounted and on an unmounted one. */
#ifndef MMFS_CTL_ADMIN_H
#define MMFS_CTL_ADMIN_H

#include "target.h"

/* Each gets the arguments behind the command, as many as it takes. 0, or -errno having said why. */
MUST_CHECK int info_run(const char *path, enum output output);
MUST_CHECK int sync_run(const char *path);
MUST_CHECK int trim_run(const char *path, enum output output);
MUST_CHECK int grow_run(const char *path, enum output output);
/* size NULL: shows it. */
MUST_CHECK int limit_run(const char *path, const char *size, enum output output);
MUST_CHECK int compact_run(const char *path, enum output output);
/* label NULL: shows it. */
MUST_CHECK int label_run(const char *path, const char *label, enum output output);

/* force: an existing file `to` is replaced. */
MUST_CHECK int backup_run(const char *path, const char *to, bool force, enum output output);

/* ---- target.c, for them ---- */

/* Asks the daemon; says what went wrong with "cannot VERB". `answer` begins with the magic number, or is
 * NULL. */
MUST_CHECK int target_ask(const struct target *target, unsigned long command, void *answer, const char *verb);

/* What an image is, mounted or not. */
MUST_CHECK int facts_find(const struct target *target, struct control_info *ret_info);

/* An image that is not mounted, opened for changes. */
struct image;
MUST_CHECK int target_open_image(const struct target *target, struct image **ret_image);
/* Closes it; says what went wrong. `error`: of before, which wins. */
MUST_CHECK int target_close_image(const struct target *target, struct image *image, int error);
/* Says "PROGRAM: PATH: cannot VERB: why". */
int target_say(const struct target *target, const char *verb, int error);

#endif
