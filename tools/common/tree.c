/* Image or mount: see tree.h. */
#include "tree.h"

#include "mount_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

int tree_lookup(struct fs *fs, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	return fs ? fs_lookup(fs, parent, name, ret_attr) : mount_lookup(parent, name, ret_attr);
}

int tree_getattr(struct fs *fs, uint64_t inode, struct fs_attr *ret_attr)
{
	return fs ? fs_getattr(fs, inode, ret_attr) : mount_getattr(inode, ret_attr);
}

int tree_readdir(struct fs *fs, uint64_t directory, fs_emit emit, void *context)
{
	return fs ? fs_readdir(fs, directory, 0, emit, context) : mount_readdir(directory, emit, context);
}

int tree_readlink(struct fs *fs, uint64_t inode, char *target, size_t room, size_t *ret_length)
{
	return fs ? fs_readlink(fs, inode, target, room, ret_length)
		  : mount_readlink(inode, target, room, ret_length);
}

ssize_t tree_read(struct fs *fs, uint64_t inode, uint64_t offset, void *bytes, size_t length)
{
	return fs ? fs_read_copy(fs, inode, offset, bytes, length) : mount_read(inode, offset, bytes, length);
}

int tree_seek(struct fs *fs, uint64_t inode, uint64_t offset, int whence, uint64_t *ret_offset)
{
	return fs ? fs_seek(fs, inode, offset, whence, ret_offset)
		  : mount_seek(inode, offset, whence, ret_offset);
}

int tree_getxattr(struct fs *fs, uint64_t inode, const char *name, void *value, size_t room,
		  size_t *ret_length)
{
	return fs ? fs_getxattr(fs, inode, name, value, room, ret_length)
		  : mount_getxattr(inode, name, value, room, ret_length);
}

int tree_listxattr(struct fs *fs, uint64_t inode, char *names, size_t room, bool with_trusted,
		   size_t *ret_length)
{
	return fs ? fs_listxattr(fs, inode, names, room, with_trusted, ret_length)
		  : mount_listxattr(inode, names, room, with_trusted, ret_length);
}

int tree_get_acl(struct fs *fs, uint64_t inode, bool of_new, void *value, size_t room, size_t *ret_length)
{
	return fs ? fs_get_acl(fs, inode, of_new, value, room, ret_length)
		  : mount_getxattr(inode, of_new ? ACL_DEFAULT : ACL_ACCESS, value, room, ret_length);
}

int tree_statfs(struct fs *fs, struct fs_statfs *ret)
{
	return fs ? fs_statfs(fs, ret) : mount_statfs(ret);
}

int tree_make(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
	      uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, struct fs_attr *ret_attr)
{
	return fs ? fs_make(fs, caller, parent, name, mode, rdev_major, rdev_minor, ret_attr)
		  : mount_make(caller, parent, name, mode, makedev(rdev_major, rdev_minor), ret_attr);
}

int tree_symlink(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
		 const char *target, struct fs_attr *ret_attr)
{
	return fs ? fs_symlink(fs, caller, parent, name, target, ret_attr)
		  : mount_symlink(caller, parent, name, target, ret_attr);
}

int tree_link(struct fs *fs, uint64_t inode, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	return fs ? fs_link(fs, inode, parent, name, ret_attr) : mount_link(inode, parent, name, ret_attr);
}

int tree_unlink(struct fs *fs, uint64_t parent, struct fs_name name)
{
	return fs ? fs_unlink(fs, parent, name) : mount_unlink(parent, name, 0);
}

int tree_rmdir(struct fs *fs, uint64_t parent, struct fs_name name)
{
	return fs ? fs_rmdir(fs, parent, name) : mount_unlink(parent, name, AT_REMOVEDIR);
}

int tree_rename(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t new_parent,
		struct fs_name new_name)
{
	return fs ? fs_rename(fs, parent, name, new_parent, new_name, 0)
		  : mount_rename(parent, name, new_parent, new_name);
}

int tree_setattr(struct fs *fs, uint64_t inode, const struct fs_set *set, struct fs_attr *ret_attr)
{
	return fs ? fs_setattr(fs, inode, set, ret_attr) : mount_setattr(inode, set, ret_attr);
}

int tree_setxattr(struct fs *fs, uint64_t inode, const char *name, const void *value, size_t length)
{
	return fs ? fs_setxattr(fs, inode, name, value, length, 0)
		  : mount_setxattr(inode, name, value, length);
}

int tree_set_acl(struct fs *fs, uint64_t inode, bool of_new, const void *value, size_t length)
{
	return fs ? fs_set_acl(fs, inode, of_new, value, length, true)
		  : mount_setxattr(inode, of_new ? ACL_DEFAULT : ACL_ACCESS, value, length);
}

ssize_t tree_write(struct fs *fs, uint64_t inode, uint64_t offset, const void *bytes, size_t length)
{
	return fs ? fs_write(fs, inode, offset, bytes, length, 0) : mount_write(inode, offset, bytes, length);
}

int tree_damaged(struct fs *fs, const char *kind, uint64_t inode, const char *why)
{
	if (!fs)
		return -EUCLEAN;
	return image_damaged(fs_image(fs), "%s %llu%s", kind, (unsigned long long)inode, why);
}
