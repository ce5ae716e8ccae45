/* Requests about extended attributes. */
#include "caller.h"
#include "daemon.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

/* Names of ACLs; *ret_of_new: the default one. */
static bool is_acl(const char *name, bool *ret_of_new)
{
	*ret_of_new = !strcmp(name, "system.posix_acl_default");
	return *ret_of_new || !strcmp(name, "system.posix_acl_access");
}

/* May a file keep its set-group-ID bit when the caller gives it an access ACL? */
static bool keeps_setgid(fuse_req_t request, fuse_ino_t inode)
{
	struct fs_attr attr;

	if (fs_getattr(daemon_of(request)->fs, inode, &attr) || !(attr.mode & S_ISGID))
		return true;
	return caller_in_group(request, attr.gid) || caller_capable(request, CAP_FSETID);
}

static void ops_setxattr(fuse_req_t request, fuse_ino_t inode, const char *name, const char *value,
			 size_t size, int flags)
{
	struct fs *fs = daemon_of(request)->fs;
	bool of_new;
	int error;

	if (is_acl(name, &of_new))
		error = fs_set_acl(fs, inode, of_new, value, size, keeps_setgid(request, inode));
	else
		error = fs_setxattr(fs, inode, name, value, size, flags);
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
	struct fs *fs = daemon_of(request)->fs;
	bool of_new;
	int error;

	if (room && !value)
		error = -ENOMEM;
	else if (is_acl(name, &of_new))
		error = fs_get_acl(fs, inode, of_new, value, room, &length);
	else
		error = fs_getxattr(fs, inode, name, value, room, &length);
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
	struct fs *fs = daemon_of(request)->fs;
	bool of_new;
	int error;

	if (is_acl(name, &of_new))
		error = fs_set_acl(fs, inode, of_new, NULL, 0, true);
	else
		error = fs_removexattr(fs, inode, name);
	reply_error(request, error);
}

void ops_xattr(struct fuse_lowlevel_ops *ops)
{
	ops->setxattr = ops_setxattr;
	ops->getxattr = ops_getxattr;
	ops->listxattr = ops_listxattr;
	ops->removexattr = ops_removexattr;
}
