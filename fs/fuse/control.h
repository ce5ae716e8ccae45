/* What mmfsctl asks of a running mount (tools/common/control.h), without the ioctls that carry it. */
#ifndef MMFS_FUSE_CONTROL_H
#define MMFS_FUSE_CONTROL_H

#include "daemon.h"
#include "../../tools/common/control.h"

/* The process serves from now on. */
void control_begin(struct daemon *daemon);
void control_status(const struct daemon *daemon, struct control_status *ret_status);
void control_stats(const struct daemon *daemon, struct control_stats *ret_stats);

#endif
