/*
 * What namespace.c and rename.c share: the parts that changes of names are made of. All but
 * namespace_check_new and namespace_peek run within a transaction (loading: or read lock), the inodes
 * concerned being locked.
 */
#ifndef MMFS_NAMESPACE_I_H
#define MMFS_NAMESPACE_I_H

#include "fs_i.h"

/* May that name be made? -EROFS, -EEXIST ("." and ".."), or as dirent_name_check. */
int namespace_check_new(struct fs *fs, struct fs_name name) MUST_CHECK;

/* What a name means just now, for choosing locks: takes the tree lock itself, for a moment. -ENOENT,
 * -ENOTDIR. ret_type may be NULL. */
int namespace_peek(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t *ret_inode,
		   uint8_t *ret_type) MUST_CHECK;

/* -ENOTDIR if it is none. */
int namespace_load_directory(struct fs *fs, uint64_t number, struct inode *ret_inode) MUST_CHECK;
/* The inode that an entry names; -EUCLEAN if it is not there or has no links. */
int namespace_load_target(struct fs *fs, uint64_t number, struct inode *ret_inode) MUST_CHECK;

/* Gives `inode`, whose type and permissions are set, its number, times, links and what it inherits from
 * `parent`, and counts it. The caller stores it. */
int namespace_new_inode(struct txn *txn, struct fs *fs, const struct fs_caller *caller,
			const struct inode *parent, struct inode *inode) MUST_CHECK;

/* Adds an entry for `inode` (which the caller stores) and stores the parent with its counts and times.
 * -ENOENT: the parent was removed; -EEXIST, -EMLINK, -ENOSPC. */
int namespace_link_entry(struct txn *txn, struct fs *fs, struct inode *parent, struct fs_name name,
			 const struct inode *inode, struct timespec now) MUST_CHECK;
/* Takes one entry off the parent's counts; `directory`: the entry was one. The caller stores the parent. */
int namespace_entry_gone(struct fs *fs, struct inode *parent, bool directory) MUST_CHECK;

/* May the inode lose this name to rmdir or a directory (want_directory), or to unlink or a file? -EISDIR,
 * -ENOTDIR, -ENOTEMPTY. */
int namespace_check_removal(struct fs *fs, const struct inode *inode, bool want_directory) MUST_CHECK;
/* The inode has lost a name: one link less (a directory: all), stored; without links it becomes an orphan or,
 * if may_delete, is deleted where possible. *ret_next: for orphan_settle, after unlocking. */
int namespace_drop_link(struct txn *txn, struct fs *fs, struct inode *inode, struct timespec now,
			bool may_delete, enum orphan_next *ret_next) MUST_CHECK;

#endif
