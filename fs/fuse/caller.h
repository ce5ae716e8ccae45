/* Who sent a request: groups and capabilities, which the request itself does not tell. */
#ifndef MMFS_CALLER_H
#define MMFS_CALLER_H

#include "daemon.h"

/* Asks the kernel, which is slow. */
bool caller_in_group(fuse_req_t request, uint32_t group);
/* `capability`: CAP_. */
bool caller_capable(fuse_req_t request, unsigned capability);

#endif
