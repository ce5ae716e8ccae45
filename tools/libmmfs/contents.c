/* Contents of regular files. */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static int make_file(struct mmfs *mmfs, const char *path, mode_t mode, struct fs_attr *ret_attr)
{
	struct fs_caller caller = handle_caller();
	struct fs_name name;
	uint64_t parent;

	int error = path_parent(mmfs->fs, path, &parent, &name);
	if (error)
		return error == -EINVAL ? -EISDIR : error;
	return fs_make(mmfs->fs, &caller, parent, name, S_IFREG | (mode & 07777), 0, 0, ret_attr);
}

/* Finds or makes it. *ret_made: it is new. */
static int find_file(struct mmfs *mmfs, const char *path, int flags, mode_t mode, bool *ret_made,
		     struct fs_attr *ret_attr)
{
	bool follow = !(flags & (O_NOFOLLOW | O_EXCL));
	int error = path_find(mmfs->fs, path, follow, ret_attr);

	*ret_made = false;
	if (error == -ENOENT && (flags & O_CREAT)) {
		error = make_file(mmfs, path, mode, ret_attr);
		*ret_made = !error;
		/* made by another thread in between, or a link to nowhere, which this does not follow */
		if (error == -EEXIST && !(flags & O_EXCL))
			error = path_find(mmfs->fs, path, follow, ret_attr);
		return error;
	}
	if (!error && (flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	return error;
}

int mmfs_file_open(struct mmfs *mmfs, const char *path, int flags, mode_t mode, struct mmfs_file **ret_file)
{
	struct fs_attr attr;
	bool made;

	if (flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW))
		return -EINVAL;
	int error = find_file(mmfs, path, flags, mode, &made, &attr);
	if (error)
		return error;
	if (S_ISDIR(attr.mode))
		return -EISDIR;
	if (!S_ISREG(attr.mode))
		return S_ISLNK(attr.mode) ? -ELOOP : -ENXIO;
	struct mmfs_file *file = malloc(sizeof(*file));
	if (!file)
		return -ENOMEM;
	*file = (struct mmfs_file){.image = mmfs, .inode = attr.inode};
	if ((flags & O_TRUNC) && !made)
		error = mmfs_file_truncate(file, 0);
	if (error) {
		free(file);
		return error;
	}
	*ret_file = file;
	return 0;
}

void mmfs_file_close(struct mmfs_file *file)
{
	free(file);
}

int mmfs_file_stat(struct mmfs_file *file, struct stat *ret_status)
{
	struct fs_attr attr;

	int error = fs_getattr(file->image->fs, file->inode, &attr);
	if (!error)
		*ret_status = stat_of_attr(&attr);
	return error;
}

ssize_t mmfs_pread(struct mmfs_file *file, void *bytes, size_t length, uint64_t offset)
{
	return fs_read_copy(file->image->fs, file->inode, offset, bytes, length);
}

ssize_t mmfs_pwrite(struct mmfs_file *file, const void *bytes, size_t length, uint64_t offset)
{
	return fs_write(file->image->fs, file->inode, offset, bytes, length, 0);
}

int mmfs_file_truncate(struct mmfs_file *file, uint64_t size)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = size};
	struct fs_attr attr;

	return fs_setattr(file->image->fs, file->inode, &set, &attr);
}

int mmfs_file_sync(struct mmfs_file *file)
{
	return fs_sync(file->image->fs, file->inode, false);
}
