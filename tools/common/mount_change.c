/* Changing files of a mount: see mount_tree.c. */
#include "mount_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int take_name(struct fs_name name, char *text)
{
	if (name.length > FS_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(text, name.bytes, name.length);
	text[name.length] = 0;
	return 0;
}

/* Only root gives files away; what others make is theirs. */
static int give(int directory, const char *name, const struct fs_caller *caller, const struct fs_attr *attr)
{
	if (geteuid() != 0 || (attr->uid == caller->uid && attr->gid == caller->gid))
		return 0;
	return fchownat(directory, name, caller->uid, caller->gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int made(const struct fs_caller *caller, uint64_t parent, int directory, const char *name,
		struct fs_attr *ret_attr)
{
	int error = mount_found(parent, directory, name, ret_attr);

	if (!error)
		error = give(directory, name, caller, ret_attr);
	return error ? error : mount_found(parent, directory, name, ret_attr);
}

int mount_make(const struct fs_caller *caller, uint64_t parent, struct fs_name name, uint32_t mode,
	       dev_t device, struct fs_attr *ret_attr)
{
	char text[FS_NAME_MAX + 1];
	int error = take_name(name, text), directory = error ? error : mount_open(parent, O_PATH);

	if (directory < 0)
		return directory;
	mode_t before = umask(caller->umask);
	int result =
	    S_ISDIR(mode) ? mkdirat(directory, text, mode & 07777) : mknodat(directory, text, mode, device);
	error = result ? -errno : 0;
	umask(before);
	return error ? error : made(caller, parent, directory, text, ret_attr);
}

int mount_symlink(const struct fs_caller *caller, uint64_t parent, struct fs_name name, const char *target,
		  struct fs_attr *ret_attr)
{
	char text[FS_NAME_MAX + 1];
	int error = take_name(name, text), directory = error ? error : mount_open(parent, O_PATH);

	if (directory < 0)
		return directory;
	if (symlinkat(target, directory, text))
		return -errno;
	return made(caller, parent, directory, text, ret_attr);
}

int mount_link(uint64_t inode, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	char text[FS_NAME_MAX + 1], old[FS_NAME_MAX + 1];
	int error = take_name(name, text), directory = error ? error : mount_open(parent, O_PATH), from;

	if (directory < 0)
		return directory;
	error = mount_place(inode, old, &from);
	if (!error && linkat(from, old, directory, text, 0))
		error = -errno;
	return error ? error : mount_found(parent, directory, text, ret_attr);
}

int mount_unlink(uint64_t parent, struct fs_name name, int flags)
{
	char text[FS_NAME_MAX + 1];
	int error = take_name(name, text), directory = error ? error : mount_open(parent, O_PATH);

	if (directory < 0)
		return directory;
	return unlinkat(directory, text, flags) ? -errno : 0;
}

int mount_rename(uint64_t parent, struct fs_name name, uint64_t new_parent, struct fs_name new_name)
{
	char text[FS_NAME_MAX + 1], new_text[FS_NAME_MAX + 1];
	struct fs_attr attr;
	int error = take_name(name, text), directory;

	if (!error)
		error = take_name(new_name, new_text);
	if (error)
		return error;
	/* all that is renamed here stays in its directory */
	directory = parent == new_parent ? mount_open(parent, O_PATH) : -EXDEV;
	if (directory < 0)
		return directory;
	if (renameat(directory, text, directory, new_text))
		return -errno;
	mount_forget_open();
	directory = mount_open(parent, O_PATH);
	return directory < 0 ? directory : mount_found(parent, directory, new_text, &attr);
}

/* ---- attributes ---- */

static int set_size(uint64_t inode, uint64_t size)
{
	int descriptor = mount_open(inode, O_WRONLY);

	if (descriptor < 0)
		return descriptor;
	return ftruncate(descriptor, (off_t)size) ? -errno : 0;
}

static struct timespec time_or_omit(const struct fs_set *set, unsigned now, unsigned given,
				    struct timespec time)
{
	if (set->what & now)
		return (struct timespec){.tv_nsec = UTIME_NOW};
	return set->what & given ? time : (struct timespec){.tv_nsec = UTIME_OMIT};
}

/* No call for a name leaves links alone. */
static int set_mode(uint64_t inode, uint32_t mode)
{
	char own[64];
	int descriptor = mount_open(inode, O_PATH);

	if (descriptor < 0)
		return descriptor;
	snprintf(own, sizeof(own), "/proc/self/fd/%d", descriptor);
	return chmod(own, mode & 07777) ? -errno : 0;
}

static int set_by_name(int directory, const char *name, const struct fs_set *set)
{
	const struct timespec times[2] = {time_or_omit(set, FS_SET_ATIME_NOW, FS_SET_ATIME, set->atime),
					  time_or_omit(set, FS_SET_MTIME_NOW, FS_SET_MTIME, set->mtime)};
	uid_t uid = set->what & FS_SET_UID ? set->uid : (uid_t)-1;
	gid_t gid = set->what & FS_SET_GID ? set->gid : (gid_t)-1;

	if ((set->what & (FS_SET_UID | FS_SET_GID)) && geteuid() == 0 &&
	    fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

int mount_setattr(uint64_t inode, const struct fs_set *set, struct fs_attr *ret_attr)
{
	char name[FS_NAME_MAX + 1];
	struct fs_attr attr;
	int directory, error = set->what & FS_SET_SIZE ? set_size(inode, set->size) : 0;

	if (!error)
		error = mount_getattr(inode, &attr);
	if (!error)
		error = mount_place(inode, name, &directory);
	if (!error)
		error = set_by_name(directory, name, set);
	/* behind a change of the owner, which takes bits of it away */
	if (!error && (set->what & FS_SET_MODE) && !S_ISLNK(attr.mode))
		error = set_mode(inode, set->mode);
	return error ? error : mount_getattr(inode, ret_attr);
}

int mount_setxattr(uint64_t inode, const char *name, const void *value, size_t length)
{
	char own[64];
	int descriptor = mount_open(inode, O_PATH);

	if (descriptor < 0)
		return descriptor;
	snprintf(own, sizeof(own), "/proc/self/fd/%d", descriptor);
	if (value)
		return setxattr(own, name, value, length, 0) ? -errno : 0;
	/* there may be none, or none at all without -o acl */
	return removexattr(own, name) && errno != ENODATA && errno != EOPNOTSUPP ? -errno : 0;
}

ssize_t mount_write(uint64_t inode, uint64_t offset, const void *bytes, size_t length)
{
	int descriptor = mount_open(inode, O_WRONLY);
	ssize_t written = descriptor < 0 ? descriptor : pwrite(descriptor, bytes, length, (off_t)offset);

	return descriptor >= 0 && written < 0 ? -errno : written;
}
