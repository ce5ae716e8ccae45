/* The commands of mmfsctl that make or take archives, of an image or of a mount. */
#ifndef MMFS_CTL_ARCHIVE_H
#define MMFS_CTL_ARCHIVE_H

#include "command.h"

#include <getopt.h>

/* arguments[0] is the command's name. Each ends the program if they are wrong. 0 or -errno, which has been
 * said. */
MUST_CHECK int export_command(int count, char **arguments);
MUST_CHECK int import_command(int count, char **arguments);

/* ---- archive.c, for them ---- */

/* Is that a directory, and so a mountpoint? */
bool archive_is_mount(const char *path);

/* Options of a command, as for getopt_long(3); -h is known. `take` gets each with its argument (NULL: none).
 * Returns the index of the first of the other arguments. */
int archive_options(int count, char **arguments, const char *letters, const struct option *names,
		    void (*take)(void *settings, int letter, const char *argument), void *settings);
/* Says what is wrong, and ends the program. */
__attribute__((noreturn)) void archive_wrong_usage(const char *command, const char *what);

#endif
