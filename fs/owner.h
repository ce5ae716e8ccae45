/*
 * Owners: those that are stored, and those that are shown instead of them (-o uid=, gid=), so that a disk can
 * be used where the numbers of its users mean somebody else, or nobody. Permissions are checked by what is
 * shown. What is stored stays as it is, for the day when the disk is at home again:
 *
 *   chown       succeeds where the kernel lets it, and is not stored
 *   new files   are stored as belonging to the owner of their directory, as that is stored
 *   set-id bits that give rights of the stored owner cannot be set, and go whenever permissions are set
 *
 * Owner and group go by themselves: one may be shown, and the other as always.
 */
#ifndef MMFS_OWNER_H
#define MMFS_OWNER_H

#include "fs_i.h"

/* What a stat of it says. */
void owner_show(const struct fs *fs, struct fs_attr *attr);
/* Owner and group of a new inode, which has its mode; a set-group-ID parent has not given it its group yet.
 */
void owner_of_new(const struct fs *fs, const struct fs_caller *caller, const struct inode *parent,
		  struct inode *inode);
/* Permissions that the shown owner may give: the mode without the set-id bits of the stored one. */
uint32_t owner_restrict_mode(const struct fs *fs, uint32_t mode);
/* What of a change of this inode's attributes is to be stored. */
void owner_restrict(const struct fs *fs, const struct inode *inode, const struct fs_set *set,
		    struct fs_set *ret_set);

#endif
