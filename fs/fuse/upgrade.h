/* The daemon's part of mmfsctl upgrade: takeover.h tells the whole. */
#ifndef MMFS_UPGRADE_H
#define MMFS_UPGRADE_H

#include "daemon.h"

/* Before the workers start. 0 or a negative errno. */
MUST_CHECK int upgrade_begin(void);
/*
 * Asked for by a user: checks that the program that is installed now can take over, and has the main thread
 * told. 0: it will be done; nothing has happened otherwise:
 *   -EPERM         only root and the user who mounted may
 *   -EOPNOTSUPP    no supervisor, or a kernel that does not send requests again
 *   -EBUSY         it is being done already, or the mount is not ready yet
 *   -EIO           the image has failed: no other daemon could go on with it
 *   -ENOENT etc.   there is no program, or none that can be run
 *   -EXDEV         the program lies in this mount: it could not be read without a daemon
 *   -EPROTO        it does not understand what this one would leave to it, or its options
 *   -ETIMEDOUT     it did not answer
 */
MUST_CHECK int upgrade_request(struct daemon *daemon, uint32_t uid);
/* An eventfd that becomes readable when it is to be done. */
int upgrade_descriptor(void);
/* Does it: waits for the requests at hand and ends the process. `signals`: the signalfd; one that has come is
 * passed on. */
_Noreturn void upgrade_leave(const struct daemon *daemon, int signals);

#endif
