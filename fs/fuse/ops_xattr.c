/* Requests about extended attributes. */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A POSIX ACL that is stored but not enforced would be a lie. */
static bool is_posix_acl(const char *name)
{
	return !strcmp(name, "system.posix_acl_access") || !strcmp(name, "system.posix_acl_default");
}

static void ops_setxattr(fuse_req_t request, fuse_ino_t inode, const char *name, const char *value,
			 size_t size, int flags)
{
	int error = -EOPNOTSUPP;

	if (!is_posix_acl(name))
		error = fs_setxattr(daemon_of(request)->fs, inode, name, value, size, flags);
	reply_error(request, error);
}

/* size 0 asks for the length. */
static void reply_bytes(fuse_req_t request, int error, const char *bytes, size_t length, size_t size)
{
	if (error)
		reply_error(request, error);
	else if (size == 0)
		fuse_reply_xattr(request, length);
	else
		fuse_reply_buf(request, bytes, length);
}

static void ops_getxattr(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size)
{
	size_t room = size < FS_XATTR_SIZE_MAX ? size : FS_XATTR_SIZE_MAX, length = 0;
	char *value = room ? malloc(room) : NULL;
	int error = -EOPNOTSUPP;

	if (room && !value)
		error = -ENOMEM;
	else if (!is_posix_acl(name))
		error = fs_getxattr(daemon_of(request)->fs, inode, name, value, room, &length);
	reply_bytes(request, error, value, length, size);
	free(value);
}

static void ops_listxattr(fuse_req_t request, fuse_ino_t inode, size_t size)
{
	size_t room = size < FS_XATTR_LIST_MAX ? size : FS_XATTR_LIST_MAX, length = 0;
	bool with_trusted = fuse_req_ctx(request)->uid == 0;
	char *names = room ? malloc(room) : NULL;
	int error = -ENOMEM;

	if (!room || names)
		error = fs_listxattr(daemon_of(request)->fs, inode, names, room, with_trusted, &length);
	reply_bytes(request, error, names, length, size);
	free(names);
}

static void ops_removexattr(fuse_req_t request, fuse_ino_t inode, const char *name)
{
	int error = -EOPNOTSUPP;

	if (!is_posix_acl(name))
		error = fs_removexattr(daemon_of(request)->fs, inode, name);
	reply_error(request, error);
}

void ops_xattr(struct fuse_lowlevel_ops *ops)
{
	ops->setxattr = ops_setxattr;
	ops->getxattr = ops_getxattr;
	ops->listxattr = ops_listxattr;
	ops->removexattr = ops_removexattr;
}
