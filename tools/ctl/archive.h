/* The commands of mmfsctl that make or take archives, of an image or of a mount. */
#ifndef MMFS_CTL_ARCHIVE_H
#define MMFS_CTL_ARCHIVE_H

#include "command.h"

/* arguments[0] is the command's name. Each ends the program if they are wrong. 0 or -errno, which has been
 * said. */
MUST_CHECK int export_command(int count, char **arguments);
MUST_CHECK int import_command(int count, char **arguments);

/* Is that a directory, and so a mountpoint? */
bool archive_is_mount(const char *path);

#endif
