/* Set-id bits and capabilities, which this daemon takes away (wire.h). */
#ifndef MMFS_SET_ID_H
#define MMFS_SET_ID_H

#include "daemon.h"

/* Does this SETATTR take them away? */
bool set_id_killed_by_setattr(fuse_req_t request, fuse_ino_t inode);
/* Before fallocate and copy_file_range, about which the kernel says nothing: whoever is not root loses them.
 * 0 or a negative errno. */
MUST_CHECK int set_id_kill(fuse_req_t request, fuse_ino_t inode);

#endif
