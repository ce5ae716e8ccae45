/*
 * POSIX ACLs: stored as xattrs in the encoding that system.posix_acl_access and system.posix_acl_default have
 * in setxattr(2), so that no other form of them exists. The kernel checks permissions by them; this makes
 * them agree with the mode: chmod changes the ACL, setting an ACL changes the mode, and what is made in a
 * directory with a default ACL gets its ACLs and mode from it (acl(5), "OBJECT CREATION AND DEFAULT ACLs").
 */
#ifndef MMFS_ACL_H
#define MMFS_ACL_H

#include "xattr_i.h"

#define ACL_ACCESS    "system.posix_acl_access"
#define ACL_DEFAULT   "system.posix_acl_default"
#define ACL_BYTES_MAX 4096u /* the kernel handles none that are longer */
#define ACL_ENTRIES   ((ACL_BYTES_MAX - 4u) / 8u)

enum acl_tag {
	ACL_USER_OBJ = 1,
	ACL_USER = 2,
	ACL_GROUP_OBJ = 4,
	ACL_GROUP = 8,
	ACL_MASK = 16,
	ACL_OTHER = 32,
};

struct acl_entry {
	uint16_t tag, bits; /* enum acl_tag; 4 read, 2 write, 1 execute */
	uint32_t id;	    /* of USER and GROUP */
};

struct acl {
	size_t count;
	struct acl_entry entries[ACL_ENTRIES];
};

/* Entries in the order USER_OBJ, USER, GROUP_OBJ, GROUP, MASK (there must be one if there is a USER or
 * GROUP), OTHER. -EINVAL, -EOPNOTSUPP (another version), -E2BIG. */
int acl_decode(const void *bytes, size_t length, struct acl *ret_acl) MUST_CHECK;
/* Returns the length; `bytes` has room for ACL_BYTES_MAX. */
size_t acl_encode(const struct acl *acl, uint8_t *bytes);

/* The mode's permissions become what the ACL says, the group's being the mask. True: the mode says it all. */
bool acl_to_mode(const struct acl *acl, uint32_t *mode);
/* chmod: the ACL's base entries, or the mask instead of GROUP_OBJ if there is one, become the mode's. */
void acl_from_mode(struct acl *acl, uint32_t mode);
/* Creation: base entries and mask lose what `mode` does not have, and the mode what they do not have. True:
 * the mode says it all. */
bool acl_restrict(struct acl *acl, uint32_t *mode);

/* What a change of an inode's mode makes of its access ACL. */
struct acl_update {
	bool needed;
	struct xattr_change change;
	uint8_t bytes[ACL_BYTES_MAX];
};
/* The inode is locked, the tree for reading. */
int acl_plan_chmod(struct fs *fs, struct inode *inode, uint32_t mode,
		   struct acl_update *ret_update) MUST_CHECK;

/* What a new inode gets from its directory. Lengths 0: no such ACL. */
struct acl_inherited {
	unsigned changes; /* of acl_inherit */
	size_t access_length, default_length;
	uint8_t access_bytes[ACL_BYTES_MAX], default_bytes[ACL_BYTES_MAX];
};
/* Before the transaction, the directory being locked: sets the permissions of `inode`, which has type and the
 * mode that was asked for. Without -o acl, or for a symlink, nothing is inherited. */
int acl_plan_inheritance(struct fs *fs, const struct fs_caller *caller, uint64_t directory,
			 struct inode *inode, struct acl_inherited *ret_inherited) MUST_CHECK;
/* In the transaction, after the inode has its number and before it is stored. */
int acl_inherit(struct txn *txn, struct fs *fs, struct inode *inode,
		const struct acl_inherited *inherited) MUST_CHECK;

#endif
