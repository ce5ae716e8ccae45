/*
 * The process that keeps a mount alive. It opens and locks the image, holds the descriptor of the FUSE
 * connection and the handover memory, and runs the daemon as its child. When that is killed or crashes it
 * starts another, which takes the connection over: the kernel sends again what was not answered.
 *
 *   supervisor_run --fork--> daemon: opens the image, mounts   --connection--> supervisor keeps it
 *                            daemon: the mount has answered    --ready-------> supervisor leaves the terminal
 *                            daemon dies by a signal
 *                  --fork--> daemon: goes on with the connection
 *
 * It neither maps nor reads the image. Three daemons in a row that die without having answered anything end
 * the mount as the death of a daemon without supervisor does.
 */
#ifndef MMFS_SUPERVISOR_H
#define MMFS_SUPERVISOR_H

#include "daemon.h"

/* Exit status of a daemon that makes room for a new version of the program. */
#define SUPERVISOR_UPGRADE 76
/* Of one that goes on and has not enough memory to begin: another one may have. */
#define SUPERVISOR_STARVED 75

/* Returns in each child (*ret_child; 0), with daemon->handover and the descriptors it has; and in the
 * supervisor when the mount has ended: 0, or a negative errno which has been said. */
MUST_CHECK int supervisor_run(struct daemon *daemon, bool *ret_child);

/* ---- in the child; they do nothing without a supervisor ---- */

/* Gives it the descriptor of the connection. 0 or a negative errno. */
MUST_CHECK int supervisor_give(const struct daemon *daemon, int descriptor);
/* Is it there, to start another daemon should this one die? */
bool supervisor_lives(const struct daemon *daemon);
/* Unmount, as soon as there is another daemon: this one is about to end with SUPERVISOR_UPGRADE. */
void supervisor_tell_end(const struct daemon *daemon);
/* The mount is ready. */
void supervisor_tell_ready(const struct daemon *daemon);

#endif
