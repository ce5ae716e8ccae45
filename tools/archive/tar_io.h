/* What reading and writing an archive (tar_input.c, tar_output.c) share. */
#ifndef MMFS_TAR_IO_H
#define MMFS_TAR_IO_H

#include "../common/files.h"

/* Waits until there is something to read, or room to write (`events` of poll(2)): a call that is restarted
 * after a signal would not see it. 0; -EINTR when files_stopped(), or another errno. */
MUST_CHECK int tar_wait(int descriptor, short events);
/* Says "PROGRAM: ARCHIVE: TEXT". */
void tar_say(const char *program, const char *archive, const char *text);

#endif
