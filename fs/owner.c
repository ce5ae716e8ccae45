/* See owner.h. */
#include "owner.h"

void owner_show(const struct fs *fs, struct fs_attr *attr)
{
	const struct fs_shown_owner *shown = &fs->options.shown;

	if (shown->has_uid)
		attr->uid = shown->uid;
	if (shown->has_gid)
		attr->gid = shown->gid;
}

uint32_t owner_restrict_mode(const struct fs *fs, uint32_t mode)
{
	if (S_ISDIR(mode))
		return mode; /* there they are no privilege */
	if (fs->options.shown.has_uid)
		mode &= ~(uint32_t)S_ISUID;
	if (fs->options.shown.has_gid)
		mode &= ~(uint32_t)S_ISGID;
	return mode;
}

void owner_of_new(const struct fs *fs, const struct fs_caller *caller, const struct inode *parent,
		  struct inode *inode)
{
	inode->uid = fs->options.shown.has_uid ? parent->uid : caller->uid;
	inode->gid = fs->options.shown.has_gid ? parent->gid : caller->gid;
	inode->mode = owner_restrict_mode(fs, inode->mode);
}

void owner_restrict(const struct fs *fs, const struct inode *inode, const struct fs_set *set,
		    struct fs_set *ret_set)
{
	unsigned not_stored = 0;

	*ret_set = *set;
	if (fs->options.shown.has_uid)
		not_stored |= FS_SET_UID;
	if (fs->options.shown.has_gid)
		not_stored |= FS_SET_GID;
	/* As any chown that changes nothing. */
	if (set->what & not_stored)
		ret_set->what = (set->what & ~not_stored) | FS_SET_CTIME_NOW | FS_KILL_SET_ID;
	if (set->what & FS_SET_MODE)
		ret_set->mode = owner_restrict_mode(fs, (inode->mode & S_IFMT) | (set->mode & 07777));
}
