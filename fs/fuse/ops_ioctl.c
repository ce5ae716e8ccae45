/* ioctl: flags of chattr, generation, FITRIM. ops_control.c has what mmfsctl asks. */

#include "ioctl.h"

#include "caller.h"
#include "../../backend/point.h"

#include <errno.h>
#include <string.h>

#include <linux/capability.h>

/* ---- flags ---- */

static const struct {
	uint32_t flag, xflag;
} xflags[] = {
    {INODE_IMMUTABLE, FS_XFLAG_IMMUTABLE},
    {INODE_APPEND, FS_XFLAG_APPEND},
    {INODE_NODUMP, FS_XFLAG_NODUMP},
    {INODE_NOATIME, FS_XFLAG_NOATIME},
};

static_assert(INODE_IMMUTABLE == FS_IMMUTABLE_FL && INODE_APPEND == FS_APPEND_FL &&
		  INODE_NODUMP == FS_NODUMP_FL && INODE_NOATIME == FS_NOATIME_FL,
	      "the numbers are the kernel's");

/* Kernels since 5.13 ask the same before they send it. */
static int set_flags(const struct ioctl_call *call, uint32_t flags)
{
	struct fs *fs = daemon_of(call->request)->fs;
	struct fs_attr attr;
	int error = fs_getattr(fs, call->inode, &attr);

	if (error)
		return error;
	if (fuse_req_ctx(call->request)->uid != attr.uid && !caller_capable(call->request, CAP_FOWNER))
		return -EPERM;
	uint32_t guards = (attr.flags ^ flags) & (INODE_IMMUTABLE | INODE_APPEND);
	bool may_guard = !guards || caller_capable(call->request, CAP_LINUX_IMMUTABLE);
	error = fs_set_flags(fs, call->inode, flags, may_guard);
	/* The kernel does not know that ctime has changed. */
	if (!error)
		fuse_lowlevel_notify_inval_inode(daemon_of(call->request)->session, call->inode, -1, 0);
	return error;
}

static int get_flags(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct fs_attr attr;
	int error = fs_getattr(daemon_of(call->request)->fs, call->inode, &attr);

	if (error)
		return error;
	reply->bytes.number = attr.flags;
	reply->length = sizeof(reply->bytes.number);
	return 0;
}

static int take_flags(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	uint32_t flags;

	(void)reply;
	if (!call->in || call->in_size < sizeof(flags))
		return -EINVAL;
	memcpy(&flags, call->in, sizeof(flags));
	return set_flags(call, flags);
}

static int get_xflags(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct fs_attr attr;
	int error = fs_getattr(daemon_of(call->request)->fs, call->inode, &attr);

	if (error)
		return error;
	reply->bytes.xflags = (struct fsxattr){.fsx_xflags = 0};
	for (size_t i = 0; i < sizeof(xflags) / sizeof(xflags[0]); i++) {
		if (attr.flags & xflags[i].flag)
			reply->bytes.xflags.fsx_xflags |= xflags[i].xflag;
	}
	reply->length = sizeof(reply->bytes.xflags);
	return 0;
}

static int take_xflags(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct fsxattr given;
	uint32_t flags = 0, known = FS_XFLAG_HASATTR;

	(void)reply;
	if (!call->in || call->in_size < sizeof(given))
		return -EINVAL;
	memcpy(&given, call->in, sizeof(given));
	for (size_t i = 0; i < sizeof(xflags) / sizeof(xflags[0]); i++) {
		known |= xflags[i].xflag;
		if (given.fsx_xflags & xflags[i].xflag)
			flags |= xflags[i].flag;
	}
	if ((given.fsx_xflags & ~known) || given.fsx_projid || given.fsx_extsize || given.fsx_cowextsize)
		return -EOPNOTSUPP;
	return set_flags(call, flags);
}

/* ---- others ---- */

/* What the kernel keeps of it, and puts into file handles. */
static int get_generation(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct fs_attr attr;
	int error = fs_getattr(daemon_of(call->request)->fs, call->inode, &attr);

	if (error)
		return error;
	reply->bytes.number = (uint32_t)attr.generation;
	reply->length = sizeof(reply->bytes.number);
	return 0;
}

static int trim(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct fstrim_range *range = &reply->bytes.range;
	struct image_trimming trimming = {0};
	int error;

	if (fuse_req_ctx(call->request)->uid != 0)
		return -EPERM;
	if (!call->in || call->in_size < sizeof(*range))
		return -EINVAL;
	memcpy(range, call->in, sizeof(*range));
	trimming.start = range->start;
	trimming.end = range->len < UINT64_MAX - range->start ? range->start + range->len : UINT64_MAX;
	trimming.least = range->minlen;
	do
		error = fs_trim_step(daemon_of(call->request)->fs, &trimming);
	while (error > 0 && !fuse_req_interrupted(call->request));
	if (error)
		return error < 0 ? error : -EINTR;
	range->len = trimming.trimmed;
	reply->length = sizeof(*range);
	return 0;
}

static const struct {
	unsigned command;
	int (*run)(const struct ioctl_call *call, struct ioctl_reply *reply);
} commands[] = {
    {FS_IOC_GETFLAGS, get_flags},
    {FS_IOC32_GETFLAGS, get_flags},
    {FS_IOC_SETFLAGS, take_flags},
    {FS_IOC32_SETFLAGS, take_flags},
    {FS_IOC_FSGETXATTR, get_xflags},
    {FS_IOC_FSSETXATTR, take_xflags},
    {FS_IOC_GETVERSION, get_generation},
    {FS_IOC32_GETVERSION, get_generation},
    {FITRIM, trim},
};

static void handle_ioctl(fuse_req_t request, fuse_ino_t inode, unsigned command, void *argument,
			 struct fuse_file_info *file, unsigned flags, const void *in, size_t in_size,
			 size_t out_size)
{
	struct ioctl_call call = {
	    .request = request, .inode = inode, .in = in, .in_size = in_size, .out_size = out_size};
	struct ioctl_reply reply = {.length = 0};
	int error = -ENOTTY;

	(void)argument;
	(void)file;
	(void)flags;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].command == command)
			error = commands[i].run(&call, &reply);
	}
	if (error == -ENOTTY)
		error = ops_control(&call, command, &reply);
	if (!error && reply.length > out_size)
		error = -EINVAL;
	if (error) {
		reply_error(request, error);
		return;
	}
	(void)point_reached(POINT_REPLY_NEXT);
	fuse_reply_ioctl(request, 0, &reply.bytes, reply.length);
}

void ops_ioctl(struct fuse_lowlevel_ops *ops)
{
	ops->ioctl = handle_ioctl;
}
