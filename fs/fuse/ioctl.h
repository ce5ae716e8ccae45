/* What ops_ioctl.c and ops_control.c share. It comes first: linux/fs.h has a BLOCK_SIZE of its own. */
#ifndef MMFS_FUSE_IOCTL_H
#define MMFS_FUSE_IOCTL_H

#include <linux/fs.h>
#undef BLOCK_SIZE

#include "control.h"

#include <sys/ioctl.h>

/* What an ioctl answers with. */
struct ioctl_reply {
	size_t length;
	union {
		uint32_t number; /* of commands that name a long in their number, but mean an int */
		struct fsxattr xflags;
		struct fstrim_range range;
		struct control_status status;
		struct control_stats stats;
		struct control_info info;
		struct control_size size;
		struct control_compaction compaction;
		struct control_backup backup;
	} bytes;
};

struct ioctl_call {
	fuse_req_t request;
	fuse_ino_t inode;
	const void *in;
	size_t in_size, out_size;
};

/* What mmfsctl asks of a mount. -ENOTTY: another inode than the root, or an unknown command. */
MUST_CHECK int ops_control(const struct ioctl_call *call, unsigned command, struct ioctl_reply *reply);

/* backup.c */
MUST_CHECK int control_backup(const struct ioctl_call *call, struct ioctl_reply *reply);

#endif
