/*
 * Files for the commands of mmfsctl, wherever they are: in an image that is open (fs), or in the one mount
 * that tree_mount_open has opened, where fs is NULL. Inode numbers are the same in both. The functions do
 * what those of fs.h with the same names do; through a mount as system calls, with the rights of the caller.
 */
#ifndef MMFS_TREE_H
#define MMFS_TREE_H

#include "../../fs/fs.h"

/* ---- mount_tree.c ---- */

/* `descriptor`: the root directory of an mmfs mount; it stays the caller's. 0 or -ENOMEM. */
MUST_CHECK int tree_mount_open(int descriptor);
void tree_mount_close(void);

/* ---- tree.c ---- */

MUST_CHECK int tree_lookup(struct fs *fs, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr);
MUST_CHECK int tree_getattr(struct fs *fs, uint64_t inode, struct fs_attr *ret_attr);
MUST_CHECK int tree_readdir(struct fs *fs, uint64_t directory, fs_emit emit, void *context);
MUST_CHECK int tree_readlink(struct fs *fs, uint64_t inode, char *target, size_t room, size_t *ret_length);
MUST_CHECK ssize_t tree_read(struct fs *fs, uint64_t inode, uint64_t offset, void *bytes, size_t length);
MUST_CHECK int tree_seek(struct fs *fs, uint64_t inode, uint64_t offset, int whence, uint64_t *ret_offset);
MUST_CHECK int tree_getxattr(struct fs *fs, uint64_t inode, const char *name, void *value, size_t room,
			     size_t *ret_length);
MUST_CHECK int tree_listxattr(struct fs *fs, uint64_t inode, char *names, size_t room, bool with_trusted,
			      size_t *ret_length);
MUST_CHECK int tree_get_acl(struct fs *fs, uint64_t inode, bool of_new, void *value, size_t room,
			    size_t *ret_length);
MUST_CHECK int tree_statfs(struct fs *fs, struct fs_statfs *ret);

MUST_CHECK int tree_make(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
			 uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, struct fs_attr *ret_attr);
MUST_CHECK int tree_symlink(struct fs *fs, const struct fs_caller *caller, uint64_t parent,
			    struct fs_name name, const char *target, struct fs_attr *ret_attr);
MUST_CHECK int tree_link(struct fs *fs, uint64_t inode, uint64_t parent, struct fs_name name,
			 struct fs_attr *ret_attr);
MUST_CHECK int tree_unlink(struct fs *fs, uint64_t parent, struct fs_name name);
MUST_CHECK int tree_rmdir(struct fs *fs, uint64_t parent, struct fs_name name);
/* Over what has the new name. */
MUST_CHECK int tree_rename(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t new_parent,
			   struct fs_name new_name);
MUST_CHECK int tree_setattr(struct fs *fs, uint64_t inode, const struct fs_set *set,
			    struct fs_attr *ret_attr);
MUST_CHECK int tree_setxattr(struct fs *fs, uint64_t inode, const char *name, const void *value,
			     size_t length);
MUST_CHECK int tree_set_acl(struct fs *fs, uint64_t inode, bool of_new, const void *value, size_t length);
MUST_CHECK ssize_t tree_write(struct fs *fs, uint64_t inode, uint64_t offset, const void *bytes,
			      size_t length);

/* -EUCLEAN; "KIND INODE WHY" is noted where there is an image. */
int tree_damaged(struct fs *fs, const char *kind, uint64_t inode, const char *why);

#endif
