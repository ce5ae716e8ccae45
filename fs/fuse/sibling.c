/* See sibling.h. */
#include "sibling.h"
#include "../../backend/point.h"

#include <errno.h>
#include <linux/fuse.h>
#include <linux/stat.h> /* STATX_ */

/* As protocol 7.39 and 7.45 have them (include/uapi/linux/fuse.h): the headers of a system may be older. */

struct statx_request {
	uint32_t getattr_flags;
	uint32_t reserved;
	uint64_t handle;
	uint32_t flags; /* AT_STATX_; the kernel decides itself whether to ask */
	uint32_t mask;
};
static_assert(sizeof(struct statx_request) == 24, "protocol");
static_assert(offsetof(struct statx_request, handle) == offsetof(struct fuse_getattr_in, fh), "sibling");

struct statx_time {
	int64_t seconds;
	uint32_t nanoseconds;
	int32_t reserved;
};

struct statx_reply {
	uint64_t valid_seconds;
	uint32_t valid_nanoseconds;
	uint32_t flags;
	uint64_t spare[2];
	uint32_t mask; /* STATX_: the fields that are filled in */
	uint32_t block_size;
	uint64_t attributes; /* STATX_ATTR_, of those in attributes_mask */
	uint32_t nlink, uid, gid;
	uint16_t mode, spare_mode;
	uint64_t inode, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare_end[14];
};
static_assert(sizeof(struct statx_reply) == 288, "protocol");

struct copied_reply {
	uint64_t bytes;
};

uint32_t sibling_of(uint32_t opcode, size_t body_bytes)
{
	static const struct {
		uint32_t opcode, sibling;
		size_t body_bytes; /* at least */
	} siblings[] = {
	    {SIBLING_TMPFILE, FUSE_CREATE, sizeof(struct fuse_create_in) + 1},
	    {SIBLING_STATX, FUSE_GETATTR, sizeof(struct statx_request)},
	    {SIBLING_COPY_FILE_RANGE_64, FUSE_COPY_FILE_RANGE, sizeof(struct fuse_copy_file_range_in)},
	};

	for (size_t i = 0; i < sizeof(siblings) / sizeof(siblings[0]); i++) {
		if (opcode == siblings[i].opcode && body_bytes >= siblings[i].body_bytes)
			return siblings[i].sibling;
	}
	return opcode;
}

static struct statx_time time_of(struct timespec time)
{
	return (struct statx_time){.seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec};
}

void sibling_reply_statx(fuse_req_t request, int error, const struct fs_attr *attr)
{
	if (error) {
		reply_error(request, error);
		return;
	}
	/* All that is known, whatever was asked for: the kernel caches it. */
	struct statx_reply reply = {
	    .valid_seconds = (uint64_t)CACHE_SECONDS,
	    .mask = STATX_BASIC_STATS | STATX_BTIME,
	    .block_size = BLOCK_SIZE,
	    .nlink = attr->nlink,
	    .uid = attr->uid,
	    .gid = attr->gid,
	    .mode = (uint16_t)attr->mode,
	    .inode = attr->inode,
	    .size = attr->size,
	    .blocks = attr->blocks512,
	    .atime = time_of(attr->atime),
	    .btime = time_of(attr->btime),
	    .ctime = time_of(attr->ctime),
	    .mtime = time_of(attr->mtime),
	    .rdev_major = attr->rdev_major,
	    .rdev_minor = attr->rdev_minor,
	};
	fuse_reply_buf(request, (const char *)&reply, sizeof(reply));
}

void sibling_reply_copied(fuse_req_t request, ssize_t count)
{
	struct copied_reply reply = {.bytes = (uint64_t)count};

	if (count < 0) {
		reply_error(request, (int)count);
		return;
	}
	(void)point_reached(POINT_REPLY_NEXT);
	fuse_reply_buf(request, (const char *)&reply, sizeof(reply));
}
