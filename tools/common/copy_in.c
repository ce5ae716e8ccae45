/* See copy.h. Directories of the host are walked by fts(3), which holds only one of them open. */
#include "copy.h"

#include "../../backend/backend.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)
/* What replaces another file has this name until it is complete. */
#define NEW_NAME ".mmfsctl-put.new"

struct copy_in {
	struct files *files;
	bool strict;
	int first_error;
	struct link_table links; /* (device, inode) on the host -> inode in the image */
	struct stat image;	 /* the image's own file */
	uint8_t buffer[BUFFER_BYTES];
	char names[FS_XATTR_LIST_MAX];
	char value[FS_XATTR_SIZE_MAX];
};

/* One file of the host on its way. */
struct item {
	FTSENT *entry;
	const struct stat *status;
	uint64_t parent; /* in the image */
	struct fs_name name;
};

/* ---- xattrs ---- */

static int put_xattr(struct copy_in *copy, uint64_t inode, const char *path, const char *name)
{
	struct fs *fs = copy->files->fs;
	ssize_t length = lgetxattr(path, name, copy->value, sizeof(copy->value));

	if (length < 0)
		return errno == ENODATA ? 0 : -errno;
	bool of_new = !strcmp(name, "system.posix_acl_default");
	if (of_new || !strcmp(name, "system.posix_acl_access"))
		return tree_set_acl(fs, inode, of_new, copy->value, (size_t)length);
	return tree_setxattr(fs, inode, name, copy->value, (size_t)length);
}

static int put_xattrs(struct copy_in *copy, uint64_t inode, const char *path)
{
	ssize_t length = llistxattr(path, copy->names, sizeof(copy->names));

	if (length < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(copy->names + at) + 1) {
		int error = put_xattr(copy, inode, path, copy->names + at);
		if (error)
			return error;
	}
	return 0;
}

/* ---- attributes ---- */

/* In this order: a change of the owner takes capabilities away, and an inherited ACL would follow the mode.
 */
static int put_attributes(struct copy_in *copy, const struct item *item, uint64_t inode)
{
	const struct stat *status = item->status;
	struct fs *fs = copy->files->fs;
	struct fs_set set = {
	    .what = FS_SET_UID | FS_SET_GID | FS_SET_ATIME | FS_SET_MTIME,
	    .mode = status->st_mode & 07777,
	    .uid = status->st_uid,
	    .gid = status->st_gid,
	    .atime = status->st_atim,
	    .mtime = status->st_mtim,
	};
	struct fs_attr attr;
	int error = 0;

	if (!S_ISLNK(status->st_mode)) {
		set.what |= FS_SET_MODE;
		error = tree_set_acl(fs, inode, false, NULL, 0);
	}
	if (!error && S_ISDIR(status->st_mode))
		error = tree_set_acl(fs, inode, true, NULL, 0);
	if (!error)
		error = tree_setattr(fs, inode, &set, &attr);
	return error ? error : put_xattrs(copy, inode, item->entry->fts_accpath);
}

/* ---- contents ---- */

static int write_all(struct copy_in *copy, uint64_t inode, uint64_t offset, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t written =
		    tree_write(copy->files->fs, inode, offset + done, copy->buffer + done, length - done);
		if (written < 0)
			return (int)written;
		done += (size_t)written;
	}
	return 0;
}

/* Bytes [from, to), or up to where the file ends by now. */
static int put_data(struct copy_in *copy, int descriptor, uint64_t inode, off_t from, off_t to)
{
	while (from < to) {
		size_t want = to - from < BUFFER_BYTES ? (size_t)(to - from) : BUFFER_BYTES;
		if (files_stopped())
			return -EINTR;
		ssize_t got = pread(descriptor, copy->buffer, want, from);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		int error = write_all(copy, inode, (uint64_t)from, (size_t)got);
		if (error)
			return error;
		progress_bytes((uint64_t)got);
		from += got;
	}
	return 0;
}

static int put_pieces(struct copy_in *copy, int descriptor, uint64_t inode, off_t size)
{
	for (off_t at = 0; at < size;) {
		off_t data = lseek(descriptor, at, SEEK_DATA), hole = size;
		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0)
			data = at; /* a host that does not tell */
		else
			hole = lseek(descriptor, data, SEEK_HOLE);
		if (hole <= data)
			return 0; /* it has been cut meanwhile */
		int error = put_data(copy, descriptor, inode, data, hole);
		if (error)
			return error;
		at = hole;
	}
	return 0;
}

static int open_source(const struct item *item, int *ret_descriptor)
{
	const char *path = item->entry->fts_accpath;
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	struct stat status;

	/* without O_NOATIME for files of others */
	int descriptor = open(path, flags | O_NOATIME);
	if (descriptor < 0 && errno == EPERM)
		descriptor = open(path, flags);
	if (descriptor < 0)
		return -errno;
	if (fstat(descriptor, &status) || !S_ISREG(status.st_mode) || status.st_ino != item->status->st_ino ||
	    status.st_dev != item->status->st_dev) {
		close(descriptor);
		return -ESTALE; /* another file has its name by now */
	}
	*ret_descriptor = descriptor;
	return 0;
}

static int put_contents(struct copy_in *copy, const struct item *item, uint64_t inode)
{
	struct fs_attr attr;
	struct fs_set set = {.what = FS_SET_SIZE, .size = (uint64_t)item->status->st_size};
	int descriptor = -1;

	if (item->status->st_size == 0)
		return 0;
	int error = open_source(item, &descriptor);
	if (error)
		return error;
	error = put_pieces(copy, descriptor, inode, item->status->st_size);
	close(descriptor);
	if (!error)
		error = tree_getattr(copy->files->fs, inode, &attr);
	/* a hole at the end */
	if (!error && attr.size < set.size)
		error = tree_setattr(copy->files->fs, inode, &set, &attr);
	return error;
}

/* ---- one file ---- */

static int make_symlink(struct copy_in *copy, const struct item *item, const struct fs_caller *caller,
			struct fs_attr *ret_attr)
{
	char target[PATH_MAX];
	ssize_t length = readlink(item->entry->fts_accpath, target, sizeof(target) - 1);

	if (length < 0)
		return -errno;
	target[length] = 0;
	return tree_symlink(copy->files->fs, caller, item->parent, item->name, target, ret_attr);
}

static int make_new(struct copy_in *copy, const struct item *item, struct fs_attr *ret_attr)
{
	const struct stat *status = item->status;
	struct fs_caller caller = {.uid = status->st_uid, .gid = status->st_gid, .may_keep_setgid = true};

	if (S_ISLNK(status->st_mode))
		return make_symlink(copy, item, &caller, ret_attr);
	return tree_make(copy->files->fs, &caller, item->parent, item->name,
			 status->st_mode & (S_IFMT | 0700), major(status->st_rdev), minor(status->st_rdev),
			 ret_attr);
}

static int fill(struct copy_in *copy, const struct item *item, uint64_t inode)
{
	int error = S_ISREG(item->status->st_mode) ? put_contents(copy, item, inode) : 0;

	return error ? error : put_attributes(copy, item, inode);
}

/* Makes it complete, or not at all. -EEXIST: the name is taken. */
static int put_new(struct copy_in *copy, const struct item *item)
{
	struct fs *fs = copy->files->fs;
	struct link_key key = {item->status->st_dev, item->status->st_ino};
	struct link_entry *link = NULL;
	struct fs_attr attr;
	bool added = false;

	if (item->status->st_nlink > 1) {
		link = link_table_get(&copy->links, key, &added);
		if (!link)
			return -ENOMEM;
		if (link->value)
			return tree_link(fs, link->value, item->parent, item->name, &attr);
	}
	int error = make_new(copy, item, &attr);
	if (error)
		return error;
	error = fill(copy, item, attr.inode);
	if (error) {
		/* an error of this would say nothing more */
		int ignored = tree_unlink(fs, item->parent, item->name);
		(void)ignored;
		return error;
	}
	if (link)
		link->value = attr.inode;
	return 0;
}

/* The name is taken: the new file gets another one first, and then takes the old one's place. */
static int put_over(struct copy_in *copy, const struct item *item)
{
	struct fs *fs = copy->files->fs;
	struct item new = *item;
	struct fs_attr old;

	int error = tree_lookup(fs, item->parent, item->name, &old);
	if (error)
		return error;
	if (S_ISDIR(old.mode))
		return -EISDIR;
	new.name = (struct fs_name){NEW_NAME, sizeof(NEW_NAME) - 1};
	error = put_new(copy, &new);
	if (error == -EEXIST) {
		/* left by one that was killed */
		error = tree_unlink(fs, item->parent, new.name);
		if (!error)
			error = put_new(copy, &new);
	}
	if (error)
		return error;
	error = tree_rename(fs, item->parent, new.name, item->parent, item->name);
	/* rename does nothing if both are names of one file */
	int left = tree_unlink(fs, item->parent, new.name);
	if (!error && left && left != -ENOENT)
		error = left;
	return error;
}

static int put_file(struct copy_in *copy, const struct item *item)
{
	if (item->status->st_dev == copy->image.st_dev && item->status->st_ino == copy->image.st_ino) {
		progress_hide();
		fprintf(stderr, "%s: %s: note: the image itself is left out\n", copy->files->program,
			item->entry->fts_path);
		return 0;
	}
	progress_file();
	int error = put_new(copy, item);
	return error == -EEXIST ? put_over(copy, item) : error;
}

/* ---- directories: fts_number is the inode in the image; 0: it has none, and is left out ---- */

static int enter_directory(struct copy_in *copy, const struct item *item)
{
	struct fs *fs = copy->files->fs;
	struct fs_attr attr;
	int error;

	if (item->name.length == 0) {
		item->entry->fts_number = (long)item->parent;
		return 0;
	}
	error = make_new(copy, item, &attr);
	if (error == -EEXIST)
		error = tree_lookup(fs, item->parent, item->name, &attr);
	if (!error && !S_ISDIR(attr.mode))
		error = -ENOTDIR;
	if (!error)
		item->entry->fts_number = (long)attr.inode;
	return error;
}

static int leave_directory(struct copy_in *copy, const struct item *item)
{
	return item->entry->fts_number ? put_attributes(copy, item, (uint64_t)item->entry->fts_number) : 0;
}

static int put_item(struct copy_in *copy, const struct item *item)
{
	switch (item->entry->fts_info) {
	case FTS_D:
		return enter_directory(copy, item);
	case FTS_DP:
		return leave_directory(copy, item);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return -item->entry->fts_errno;
	case FTS_DC:
		return -ELOOP;
	default:
		return put_file(copy, item);
	}
}

/* ---- trees ---- */

/* Does this failure end everything? */
static bool is_final(const struct copy_in *copy, int error)
{
	return copy->strict || error == -ENOSPC || error == -EINTR || error == -ENOMEM || error == -EROFS ||
	       files_failed(copy->files);
}

static int put_tree(struct copy_in *copy, FTS *fts, uint64_t parent, struct fs_name name)
{
	FTSENT *entry;

	while (errno = 0, (entry = fts_read(fts))) {
		bool top = entry->fts_level == FTS_ROOTLEVEL;
		struct item item = {
		    .entry = entry,
		    .status = entry->fts_statp,
		    .parent = top ? parent : (uint64_t)entry->fts_parent->fts_number,
		    .name = top ? name : (struct fs_name){entry->fts_name, entry->fts_namelen},
		};
		int error = files_stopped() ? -EINTR : put_item(copy, &item);
		if (!error)
			continue;
		files_say_cannot(copy->files, "put", entry->fts_path, error);
		if (!copy->first_error)
			copy->first_error = error;
		if (is_final(copy, error))
			return error;
		if (entry->fts_info == FTS_D)
			fts_set(fts, entry, FTS_SKIP);
	}
	return errno ? files_say_cannot(copy->files, "put", fts->fts_path ? fts->fts_path : "?", -errno) : 0;
}

int copy_in_tree(struct copy_in *copy, const char *source, uint64_t parent, struct fs_name name)
{
	/* what is in it: not of a link to it */
	char *path = name.length == 0 ? realpath(source, NULL) : strdup(source);
	char *const paths[] = {path, NULL};
	struct stat status;
	int error = 0;

	copy->first_error = 0;
	if (!path || (name.length == 0 && stat(path, &status)))
		error = -errno;
	else if (name.length == 0 && !S_ISDIR(status.st_mode))
		error = -ENOTDIR;
	FTS *fts = error ? NULL : fts_open(paths, FTS_PHYSICAL, NULL);
	if (!fts) {
		error = files_say_cannot(copy->files, "put", source, error ? error : -errno);
	} else {
		error = put_tree(copy, fts, parent, name);
		fts_close(fts);
	}
	free(path);
	return error ? error : copy->first_error;
}

struct copy_in *copy_in_open(struct files *files, bool strict)
{
	struct copy_in *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->files = files;
	copy->strict = strict;
	if (stat(files->image_path, &copy->image))
		copy->image.st_ino = 0;
	return copy;
}

void copy_in_close(struct copy_in *copy)
{
	if (!copy)
		return;
	link_table_free(&copy->links);
	free(copy);
}
