/*
 * How one program hands the supervision of a mount to another: mmfsctl upgrade. Nothing is closed or
 * unmounted meanwhile; the kernel keeps the requests that come.
 *
 *   daemon:      asks the program that is installed now whether it understands the handover memory
 *   daemon:      ends between two requests, with SUPERVISOR_UPGRADE, as if it were killed (upgrade.h)
 *   supervisor:  takeover_exec: that program, with the same arguments and the descriptors of the image, the
 *                connection and the handover memory, whose numbers are in the environment
 *   new program: takeover_begin, then supervisor_run, which starts a daemon that goes on
 *
 * Signals stay blocked over exec, so that none is lost.
 */
#ifndef MMFS_TAKEOVER_H
#define MMFS_TAKEOVER_H

#include "daemon.h"

/* Where this program was started from, which may be another file by now. 0 or a negative errno:
 * -ENAMETOOLONG.
 */
MUST_CHECK int takeover_program(char *ret_path, size_t room);
/* In the supervisor. Returns only if it fails: a negative errno, and all is as before. */
int takeover_exec(const struct daemon *daemon);
/* At the start of a program: *ret_taken and daemon->goes_on if it was started by takeover_exec; then the
 * daemon has all that it would otherwise have got by preparing a mount. 0 or a negative errno. */
MUST_CHECK int takeover_begin(struct daemon *daemon, bool *ret_taken);

#endif
