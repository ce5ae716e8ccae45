/* The functions of tree.h through a mount: see there. */
#ifndef MMFS_MOUNT_TREE_H
#define MMFS_MOUNT_TREE_H

#include "tree.h"

/* A descriptor of the inode that may be used until the next call: O_PATH, or opened with `flags`. Negative
 * errno: -ESTALE if it is no longer where it was found. */
int mount_open(uint64_t inode, int flags);
/* Where it was found: an open directory (as above), and the name in it; of the root itself ".". */
int mount_place(uint64_t inode, char *ret_name, int *ret_directory) MUST_CHECK;
/* Attributes of a name in an open directory, and where it was found from now on. */
int mount_found(uint64_t parent, int directory, const char *name, struct fs_attr *ret_attr) MUST_CHECK;
/* It may stand there no longer. */
void mount_forget_open(void);

/* mount_tree.c: reading; mount_change.c: changing. */
int mount_lookup(uint64_t parent, struct fs_name name, struct fs_attr *ret_attr) MUST_CHECK;
int mount_getattr(uint64_t inode, struct fs_attr *ret_attr) MUST_CHECK;
int mount_readdir(uint64_t directory, fs_emit emit, void *context) MUST_CHECK;
int mount_readlink(uint64_t inode, char *target, size_t room, size_t *ret_length) MUST_CHECK;
ssize_t mount_read(uint64_t inode, uint64_t offset, void *bytes, size_t length) MUST_CHECK;
int mount_seek(uint64_t inode, uint64_t offset, int whence, uint64_t *ret_offset) MUST_CHECK;
int mount_getxattr(uint64_t inode, const char *name, void *value, size_t room, size_t *ret_length) MUST_CHECK;
int mount_listxattr(uint64_t inode, char *names, size_t room, bool with_trusted,
		    size_t *ret_length) MUST_CHECK;
int mount_statfs(struct fs_statfs *ret) MUST_CHECK;
int mount_make(const struct fs_caller *caller, uint64_t parent, struct fs_name name, uint32_t mode,
	       dev_t device, struct fs_attr *ret_attr) MUST_CHECK;
int mount_symlink(const struct fs_caller *caller, uint64_t parent, struct fs_name name, const char *target,
		  struct fs_attr *ret_attr) MUST_CHECK;
int mount_link(uint64_t inode, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr) MUST_CHECK;
/* flags: 0 or AT_REMOVEDIR. */
int mount_unlink(uint64_t parent, struct fs_name name, int flags) MUST_CHECK;
int mount_rename(uint64_t parent, struct fs_name name, uint64_t new_parent,
		 struct fs_name new_name) MUST_CHECK;
int mount_setattr(uint64_t inode, const struct fs_set *set, struct fs_attr *ret_attr) MUST_CHECK;
/* value NULL: removes it. */
int mount_setxattr(uint64_t inode, const char *name, const void *value, size_t length) MUST_CHECK;
ssize_t mount_write(uint64_t inode, uint64_t offset, const void *bytes, size_t length) MUST_CHECK;

#define ACL_ACCESS  "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

#endif
