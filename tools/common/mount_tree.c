/*
 * Files of a mount by inode number. For each inode that was found it is remembered in which directory and by
 * which name; from there the way is opened down from the root, one name at a time and never through a link,
 * so nothing outside of the mount is ever reached, and what is found has to be the inode that it was.
 */
#include "mount_tree.h"

#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH_MOST 4096u

/* The value of a link_entry is the parent's inode number, its text the name. */
static struct {
	int root;
	dev_t device;
	struct link_table places;
	/* what was opened last, kept open */
	uint64_t inode;
	int flags, descriptor;
	uint64_t place_inode; /* the directory that mount_place gave last */
	int place;
} mount = {.root = -1, .descriptor = -1, .place = -1};

int tree_mount_open(int descriptor)
{
	struct stat status;

	if (fstat(descriptor, &status))
		return -errno;
	mount.root = descriptor;
	mount.device = status.st_dev;
	return 0;
}

void mount_forget_open(void)
{
	if (mount.descriptor >= 0)
		close(mount.descriptor);
	if (mount.place >= 0)
		close(mount.place);
	mount.descriptor = mount.place = -1;
}

void tree_mount_close(void)
{
	mount_forget_open();
	link_table_free(&mount.places);
	mount.root = -1;
}

/* ---- where inodes are ---- */

static const struct link_entry *place_of(uint64_t inode)
{
	bool added;
	const struct link_entry *entry =
	    link_table_get(&mount.places, (struct link_key){.inode = inode}, &added);

	return entry && entry->text ? entry : NULL;
}

static int remember(uint64_t inode, uint64_t parent, const char *name)
{
	bool added;
	struct link_entry *entry = link_table_get(&mount.places, (struct link_key){.inode = inode}, &added);
	char *copy = entry ? strdup(name) : NULL;

	if (!copy)
		return -ENOMEM;
	free(entry->text);
	entry->text = copy;
	entry->value = parent;
	return 0;
}

/* The names from the root down: the last one first. */
static int way_to(uint64_t inode, const struct link_entry **way, unsigned *ret_depth)
{
	unsigned depth = 0;

	while (inode != ROOT_INODE) {
		const struct link_entry *entry = place_of(inode);
		if (!entry || depth == DEPTH_MOST)
			return entry ? -ELOOP : -ESTALE;
		way[depth++] = entry;
		inode = entry->value;
	}
	*ret_depth = depth;
	return 0;
}

static bool is_inode(int descriptor, uint64_t inode)
{
	struct stat status;

	return !fstat(descriptor, &status) && status.st_ino == inode && status.st_dev == mount.device;
}

static int open_way(uint64_t inode)
{
	static const struct link_entry *way[DEPTH_MOST];
	unsigned depth;
	int error = way_to(inode, way, &depth);
	int at = error ? -1 : openat(mount.root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (at < 0)
		return error ? error : -errno;
	while (depth-- > 0) {
		int next = openat(at, way[depth]->text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		error = -errno;
		close(at);
		if (next < 0)
			return error == -ENOENT || error == -ENOTDIR ? -ESTALE : error;
		at = next;
	}
	if (!is_inode(at, inode)) {
		close(at);
		return -ESTALE;
	}
	return at;
}

int mount_open(uint64_t inode, int flags)
{
	char own[64];

	if (mount.descriptor >= 0 && mount.inode == inode && mount.flags == flags)
		return mount.descriptor;
	int descriptor = open_way(inode);
	if (descriptor >= 0 && flags != O_PATH) {
		snprintf(own, sizeof(own), "/proc/self/fd/%d", descriptor);
		int opened = open(own, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		int error = -errno;
		close(descriptor);
		descriptor = opened < 0 ? error : opened;
	}
	if (descriptor < 0)
		return descriptor;
	if (mount.descriptor >= 0)
		close(mount.descriptor);
	mount.descriptor = descriptor;
	mount.inode = inode;
	mount.flags = flags;
	return descriptor;
}

static int open_place(uint64_t directory)
{
	if (mount.place >= 0 && mount.place_inode == directory)
		return mount.place;
	int descriptor = open_way(directory);
	if (descriptor < 0)
		return descriptor;
	if (mount.place >= 0)
		close(mount.place);
	mount.place = descriptor;
	mount.place_inode = directory;
	return descriptor;
}

int mount_place(uint64_t inode, char *ret_name, int *ret_directory)
{
	const struct link_entry *entry = inode == ROOT_INODE ? NULL : place_of(inode);

	if (!entry && inode != ROOT_INODE)
		return -ESTALE;
	snprintf(ret_name, FS_NAME_MAX + 1, "%s", entry ? entry->text : ".");
	int directory = open_place(entry ? entry->value : ROOT_INODE);
	if (directory < 0)
		return directory;
	*ret_directory = directory;
	return 0;
}

/* ---- attributes ---- */

static struct timespec time_of(struct statx_timestamp time)
{
	return (struct timespec){.tv_sec = time.tv_sec, .tv_nsec = time.tv_nsec};
}

static int get_attr(int directory, const char *name, struct fs_attr *ret_attr)
{
	struct statx status;

	if (statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH),
		  STATX_BASIC_STATS | STATX_BTIME, &status))
		return -errno;
	if (makedev(status.stx_dev_major, status.stx_dev_minor) != mount.device)
		return -EXDEV; /* something else is mounted there */
	*ret_attr = (struct fs_attr){
	    .inode = status.stx_ino,
	    .size = status.stx_size,
	    .blocks512 = status.stx_blocks,
	    .atime = time_of(status.stx_atime),
	    .mtime = time_of(status.stx_mtime),
	    .ctime = time_of(status.stx_ctime),
	    .btime = time_of(status.stx_btime),
	    .mode = status.stx_mode,
	    .uid = status.stx_uid,
	    .gid = status.stx_gid,
	    .nlink = status.stx_nlink,
	    .rdev_major = status.stx_rdev_major,
	    .rdev_minor = status.stx_rdev_minor,
	};
	return 0;
}

int mount_found(uint64_t parent, int directory, const char *name, struct fs_attr *ret_attr)
{
	int error = get_attr(directory, name, ret_attr);

	return error ? error : remember(ret_attr->inode, parent, name);
}

int mount_getattr(uint64_t inode, struct fs_attr *ret_attr)
{
	int descriptor = mount_open(inode, O_PATH);

	return descriptor < 0 ? descriptor : get_attr(descriptor, "", ret_attr);
}

/* ".." by what is remembered: the kernel's could lead out of the mount. */
int mount_lookup(uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	char text[FS_NAME_MAX + 1];

	if (name.length > FS_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(text, name.bytes, name.length);
	text[name.length] = 0;
	if (!strcmp(text, ".") || (!strcmp(text, "..") && parent == ROOT_INODE))
		return mount_getattr(parent, ret_attr);
	if (!strcmp(text, "..")) {
		const struct link_entry *entry = place_of(parent);
		return entry ? mount_getattr(entry->value, ret_attr) : -ESTALE;
	}
	int directory = open_place(parent);
	return directory < 0 ? directory : mount_found(parent, directory, text, ret_attr);
}

/* ---- directories, links, contents ---- */

int mount_readdir(uint64_t directory, fs_emit emit, void *context)
{
	int opened = mount_open(directory, O_RDONLY | O_DIRECTORY), error = 0;
	int own = opened < 0 ? opened : openat(opened, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = own < 0 ? NULL : fdopendir(own);
	int64_t cookie = 2; /* those of "." and ".." are less */

	if (!stream)
		return opened < 0 ? opened : -errno;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (!entry) {
			error = -errno;
			break;
		}
		bool dots = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
		struct fs_dirent shown = {.name = entry->d_name,
					  .name_length = strlen(entry->d_name),
					  .inode = entry->d_ino,
					  .type = entry->d_type,
					  .cookie = dots ? 1 : ++cookie};
		error = emit(context, &shown);
		if (error)
			break;
	}
	closedir(stream);
	return error < 0 ? error : 0;
}

int mount_readlink(uint64_t inode, char *target, size_t room, size_t *ret_length)
{
	int descriptor = mount_open(inode, O_PATH);
	ssize_t length = descriptor < 0 ? -1 : readlinkat(descriptor, "", target, room);

	if (descriptor < 0 || length < 0)
		return descriptor < 0 ? descriptor : -errno;
	*ret_length = (size_t)length;
	return 0;
}

/* Others than files have contents of other sorts, or wait for somebody. */
static int open_contents(uint64_t inode)
{
	struct fs_attr attr;
	int error = mount.inode == inode && mount.flags == O_RDONLY && mount.descriptor >= 0
			? 0
			: mount_getattr(inode, &attr);

	if (error)
		return error;
	if (mount.flags != O_RDONLY && !S_ISREG(attr.mode))
		return S_ISDIR(attr.mode) ? -EISDIR : -EINVAL;
	return mount_open(inode, O_RDONLY);
}

ssize_t mount_read(uint64_t inode, uint64_t offset, void *bytes, size_t length)
{
	int descriptor = open_contents(inode);
	ssize_t got = descriptor < 0 ? descriptor : pread(descriptor, bytes, length, (off_t)offset);

	return descriptor >= 0 && got < 0 ? -errno : got;
}

int mount_seek(uint64_t inode, uint64_t offset, int whence, uint64_t *ret_offset)
{
	int descriptor = open_contents(inode);
	off_t at = descriptor < 0 ? -1 : lseek(descriptor, (off_t)offset, whence);

	if (at < 0)
		return descriptor < 0 ? descriptor : -errno;
	*ret_offset = (uint64_t)at;
	return 0;
}

/* ---- xattrs ---- */

int mount_getxattr(uint64_t inode, const char *name, void *value, size_t room, size_t *ret_length)
{
	char own[64];
	int descriptor = mount_open(inode, O_PATH);

	if (descriptor < 0)
		return descriptor;
	snprintf(own, sizeof(own), "/proc/self/fd/%d", descriptor);
	ssize_t length = getxattr(own, name, value, room);
	if (length < 0)
		return -errno;
	*ret_length = (size_t)length;
	return 0;
}

/* The kernel leaves trusted ones out for whom they are not. */
int mount_listxattr(uint64_t inode, char *names, size_t room, bool with_trusted, size_t *ret_length)
{
	char own[64];
	int descriptor = mount_open(inode, O_PATH);

	(void)with_trusted;
	if (descriptor < 0)
		return descriptor;
	snprintf(own, sizeof(own), "/proc/self/fd/%d", descriptor);
	ssize_t length = listxattr(own, names, room);
	if (length < 0)
		return -errno;
	*ret_length = (size_t)length;
	return 0;
}

int mount_statfs(struct fs_statfs *ret)
{
	struct statvfs status;

	if (fstatvfs(mount.root, &status))
		return -errno;
	*ret = (struct fs_statfs){.blocks = status.f_blocks * (status.f_frsize / BLOCK_SIZE),
				  .free_blocks = status.f_bfree * (status.f_frsize / BLOCK_SIZE),
				  .inodes = status.f_files - status.f_ffree,
				  .free_inodes = status.f_ffree};
	return 0;
}
