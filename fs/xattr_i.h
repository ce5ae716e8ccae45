/*
 * What the files about extended attributes share: xattr.c, xattr_set.c, acl.c. Nothing else includes it.
 *
 * A change of one attribute is planned (xattr_plan: the inode is locked, and the tree for reading, or within
 * a transaction), counted (xattr_change_count, for txn_begin), and made (xattr_make). So an operation
 * that changes an inode and an attribute of it does so in one transaction.
 */
#ifndef MMFS_XATTR_I_H
#define MMFS_XATTR_I_H

#include "fs_i.h"

#define XATTR_NAME_LENGTH_MAX 255u

struct xattr_item {
	struct key key;
	size_t size; /* 0: there is none */
	uint8_t bytes[ITEM_MAX];
};

/* One attribute in an item, pointing into its bytes. */
struct xattr_view {
	size_t start, end; /* of the whole, in the item */
	const char *name;
	size_t name_length;
	const uint8_t *value; /* inline */
	uint32_t length;      /* of the value */
	uint64_t object;      /* of a value in pieces; 0: inline */
};

/* ---- xattr.c. All but the first need image_read_lock or an open transaction. ---- */

/* -ERANGE, -EOPNOTSUPP, -EINVAL (nothing behind the prefix). */
int xattr_name_check(const char *name) MUST_CHECK;
/* xattr(7): user attributes are for regular files and directories only. */
bool xattr_name_allowed(const char *name, const struct inode *inode);
/* Notes the damage: -EUCLEAN. */
int xattr_damaged(struct fs *fs, struct key key, const char *what);
/* Decodes and checks the attribute at `at`, which is below `size`. */
int xattr_decode(struct fs *fs, struct key key, const uint8_t *bytes, size_t size, size_t at,
		 struct xattr_view *ret_view) MUST_CHECK;
/* The item that holds `name` if there is that attribute; its size is 0 if there is no item. */
int xattr_item_read(struct fs *fs, uint64_t inode, const char *name, struct xattr_item *item) MUST_CHECK;
/* -ENODATA if the item does not hold that name. */
int xattr_item_find(struct fs *fs, const struct xattr_item *item, const char *name,
		    struct xattr_view *ret_view) MUST_CHECK;
/* Pieces of a value; object 0: it has none. */
unsigned xattr_piece_count(uint64_t object, size_t length);
struct key xattr_piece_key(uint64_t object, unsigned piece);
size_t xattr_piece_length(size_t length, unsigned piece);
/* -ENOSPC: listxattr(2) could not show one more name of that length. */
int xattr_check_list_room(struct fs *fs, const struct inode *inode, size_t name_length) MUST_CHECK;
/* As fs_getxattr, for a name that is known to be right. */
int xattr_get(struct fs *fs, const struct inode *inode, const char *name, void *value, size_t room,
	      size_t *ret_length) MUST_CHECK;

/* ---- xattr_set.c ---- */

struct xattr_change {
	struct xattr_item item; /* as it is to be, but for the object number of a new value in pieces */
	size_t object_at;	/* where that number is to be put; 0: nowhere */
	uint64_t old_object;
	unsigned old_pieces, new_pieces;
	const uint8_t *value;
	size_t length;
	bool removal;
};

/* Plans to give an attribute change->value, or to remove it (change->removal). flags: XATTR_CREATE,
 * XATTR_REPLACE. inode->xattrs becomes what it will be. -EEXIST, -ENODATA, -EPERM, -ENOSPC, -EUCLEAN. */
int xattr_plan(struct fs *fs, struct inode *inode, const char *name, int flags,
	       struct xattr_change *change) MUST_CHECK;
/* Tree changes that xattr_make will make, at most. */
unsigned xattr_change_count(const struct xattr_change *change);
/* In the transaction. The caller stores the inode. */
int xattr_make(struct txn *txn, struct xattr_change *change) MUST_CHECK;

#endif
