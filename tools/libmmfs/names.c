/* Names, and the attributes of what they name. */
#include "handle.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Where something is to be made, removed or moved. `of_root` is what the root and the like give. */
static int find_place(struct mmfs *mmfs, const char *path, int of_root, uint64_t *ret_parent,
		      struct fs_name *ret_name)
{
	int error = path_parent(mmfs->fs, path, ret_parent, ret_name);

	return error == -EINVAL ? of_root : error;
}

/* ---- looking ---- */

static int stat_path(struct mmfs *mmfs, const char *path, bool follow, struct stat *ret_status)
{
	struct fs_attr attr;

	int error = path_find(mmfs->fs, path, follow, &attr);
	if (!error)
		*ret_status = stat_of_attr(&attr);
	return error;
}

int mmfs_stat(struct mmfs *mmfs, const char *path, struct stat *ret_status)
{
	return stat_path(mmfs, path, true, ret_status);
}

int mmfs_lstat(struct mmfs *mmfs, const char *path, struct stat *ret_status)
{
	return stat_path(mmfs, path, false, ret_status);
}

int mmfs_list(struct mmfs *mmfs, const char *path, mmfs_visit visit, void *context)
{
	struct listing listing = {0};
	struct fs_attr directory;

	int error = path_find(mmfs->fs, path, true, &directory);
	if (!error && !S_ISDIR(directory.mode))
		error = -ENOTDIR;
	if (!error)
		error = list_directory(mmfs->fs, directory.inode, &listing);
	for (size_t i = 0; !error && i < listing.count; i++) {
		struct fs_name name = {listing.names[i], strlen(listing.names[i])};
		struct fs_attr attr;
		struct stat status;

		error = fs_lookup(mmfs->fs, directory.inode, name, &attr);
		if (error == -ENOENT) {
			error = 0; /* removed meanwhile */
			continue;
		}
		if (error)
			break;
		status = stat_of_attr(&attr);
		error = visit(context, listing.names[i], &status);
	}
	listing_free(&listing);
	return error;
}

ssize_t mmfs_readlink(struct mmfs *mmfs, const char *path, char *target, size_t room)
{
	struct fs_attr attr;
	char *text;

	int error = path_find(mmfs->fs, path, false, &attr);
	if (!error && !S_ISLNK(attr.mode))
		error = -EINVAL;
	if (!error)
		error = path_link_target(mmfs->fs, attr.inode, &text);
	if (error)
		return error;
	size_t length = strlen(text);
	if (room) {
		size_t taken = length < room ? length : room - 1;
		memcpy(target, text, taken);
		target[taken] = 0;
	}
	free(text);
	return (ssize_t)length;
}

/* ---- making ---- */

int mmfs_mknod(struct mmfs *mmfs, const char *path, mode_t mode, dev_t device)
{
	struct fs_caller caller = handle_caller();
	struct fs_name name;
	struct fs_attr attr;
	uint64_t parent;

	int error = find_place(mmfs, path, -EEXIST, &parent, &name);
	return error ? error
		     : fs_make(mmfs->fs, &caller, parent, name, mode, major(device), minor(device), &attr);
}

int mmfs_mkdir(struct mmfs *mmfs, const char *path, mode_t mode)
{
	return mmfs_mknod(mmfs, path, S_IFDIR | (mode & 07777), 0);
}

int mmfs_symlink(struct mmfs *mmfs, const char *target, const char *path)
{
	struct fs_caller caller = handle_caller();
	struct fs_name name;
	struct fs_attr attr;
	uint64_t parent;

	int error = find_place(mmfs, path, -EEXIST, &parent, &name);
	return error ? error : fs_symlink(mmfs->fs, &caller, parent, name, target, &attr);
}

int mmfs_link(struct mmfs *mmfs, const char *path, const char *new_path)
{
	struct fs_attr attr;
	struct fs_name name;
	uint64_t parent;

	int error = path_find(mmfs->fs, path, false, &attr);
	if (!error)
		error = find_place(mmfs, new_path, -EEXIST, &parent, &name);
	return error ? error : fs_link(mmfs->fs, attr.inode, parent, name, &attr);
}

/* ---- removing and moving ---- */

int mmfs_unlink(struct mmfs *mmfs, const char *path)
{
	struct fs_name name;
	uint64_t parent;

	int error = find_place(mmfs, path, -EISDIR, &parent, &name);
	return error ? error : fs_unlink(mmfs->fs, parent, name);
}

int mmfs_rmdir(struct mmfs *mmfs, const char *path)
{
	struct fs_name name;
	uint64_t parent;

	int error = find_place(mmfs, path, -EBUSY, &parent, &name);
	return error ? error : fs_rmdir(mmfs->fs, parent, name);
}

int mmfs_rename(struct mmfs *mmfs, const char *path, const char *new_path, unsigned flags)
{
	struct fs_name name, new_name;
	uint64_t parent, new_parent;

	int error = find_place(mmfs, path, -EBUSY, &parent, &name);
	if (!error)
		error = find_place(mmfs, new_path, -EBUSY, &new_parent, &new_name);
	return error ? error : fs_rename(mmfs->fs, parent, name, new_parent, new_name, flags);
}

/* ---- attributes ---- */

static int set_attributes(struct mmfs *mmfs, const char *path, const struct fs_set *set)
{
	struct fs_attr attr;

	int error = path_find(mmfs->fs, path, false, &attr);
	return error ? error : fs_setattr(mmfs->fs, attr.inode, set, &attr);
}

int mmfs_chmod(struct mmfs *mmfs, const char *path, mode_t mode)
{
	struct fs_set set = {.what = FS_SET_MODE, .mode = mode & 07777};

	return set_attributes(mmfs, path, &set);
}

int mmfs_chown(struct mmfs *mmfs, const char *path, uid_t uid, gid_t gid)
{
	struct fs_set set = {.uid = uid, .gid = gid};

	if (uid != (uid_t)-1)
		set.what |= FS_SET_UID;
	if (gid != (gid_t)-1)
		set.what |= FS_SET_GID;
	return set_attributes(mmfs, path, &set);
}

static bool time_valid(const struct timespec *time)
{
	return (time->tv_nsec >= 0 && time->tv_nsec < 1000000000) || time->tv_nsec == UTIME_NOW ||
	       time->tv_nsec == UTIME_OMIT;
}

int mmfs_utimens(struct mmfs *mmfs, const char *path, const struct timespec times[2])
{
	struct fs_set set = {.atime = times[0], .mtime = times[1]};

	if (!time_valid(&times[0]) || !time_valid(&times[1]))
		return -EINVAL;
	if (times[0].tv_nsec != UTIME_OMIT)
		set.what |= times[0].tv_nsec == UTIME_NOW ? FS_SET_ATIME_NOW : FS_SET_ATIME;
	if (times[1].tv_nsec != UTIME_OMIT)
		set.what |= times[1].tv_nsec == UTIME_NOW ? FS_SET_MTIME_NOW : FS_SET_MTIME;
	return set_attributes(mmfs, path, &set);
}

int mmfs_setxattr(struct mmfs *mmfs, const char *path, const char *name, const void *value, size_t length,
		  int flags)
{
	struct fs_attr attr;

	int error = path_find(mmfs->fs, path, false, &attr);
	return error ? error : fs_setxattr(mmfs->fs, attr.inode, name, value, length, flags);
}

ssize_t mmfs_getxattr(struct mmfs *mmfs, const char *path, const char *name, void *value, size_t room)
{
	struct fs_attr attr;
	size_t length;

	int error = path_find(mmfs->fs, path, false, &attr);
	if (!error)
		error = fs_getxattr(mmfs->fs, attr.inode, name, value, room, &length);
	return error ? error : (ssize_t)length;
}

ssize_t mmfs_listxattr(struct mmfs *mmfs, const char *path, char *names, size_t room)
{
	struct fs_attr attr;
	size_t length;

	int error = path_find(mmfs->fs, path, false, &attr);
	if (!error)
		error = fs_listxattr(mmfs->fs, attr.inode, names, room, true, &length);
	return error ? error : (ssize_t)length;
}

int mmfs_removexattr(struct mmfs *mmfs, const char *path, const char *name)
{
	struct fs_attr attr;

	int error = path_find(mmfs->fs, path, false, &attr);
	return error ? error : fs_removexattr(mmfs->fs, attr.inode, name);
}
