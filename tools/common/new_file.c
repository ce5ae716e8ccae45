/* See new_file.h. */
#include "new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_TRIES 100u

/* The directory of an absolute path, to be freed. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* With every link resolved, but for that of a name that leads nowhere. */
static int resolve(const char *path, char **ret_path)
{
	char *whole = realpath(path, NULL), *copy = NULL, *directory = NULL, *name_copy = NULL;
	int error = 0;

	if (!whole && errno != ENOENT)
		return -errno;
	if (whole) {
		*ret_path = whole;
		return 0;
	}
	copy = strdup(path);
	name_copy = strdup(path);
	if (!copy || !name_copy)
		error = -ENOMEM;
	else if (directory = realpath(dirname(copy), NULL), !directory)
		error = -errno;
	else if (asprintf(&whole, "%s/%s", strcmp(directory, "/") ? directory : "", basename(name_copy)) < 0)
		error = -ENOMEM;
	else
		*ret_path = whole;
	free(directory);
	free(copy);
	free(name_copy);
	return error;
}

/* ---- without a name ---- */

static void descriptor_path(int descriptor, char *text, size_t room)
{
	snprintf(text, room, "/proc/self/fd/%d", descriptor);
}

/* -EOPNOTSUPP: the host has none, or none that could be named later. */
static int open_unnamed(const char *directory, mode_t mode, int *ret_descriptor)
{
	char path[32];
	int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);

	if (descriptor < 0)
		return errno == EISDIR || errno == ENOENT || errno == EINVAL ? -EOPNOTSUPP : -errno;
	descriptor_path(descriptor, path, sizeof(path));
	if (access(path, F_OK)) {
		close(descriptor);
		return -EOPNOTSUPP;
	}
	*ret_descriptor = descriptor;
	return 0;
}

static int link_unnamed(int descriptor, const char *path)
{
	char from[32];

	descriptor_path(descriptor, from, sizeof(from));
	return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/* ---- with another one ---- */

/* Calls it ".NAME.new-PID-NUMBER", next to `path`; a name of 255 bytes is cut. */
static int temporary_name(const char *path, unsigned number, char **ret_name)
{
	const char *name = strrchr(path, '/') + 1;
	int length = asprintf(ret_name, "%.*s.%.200s.new-%d-%u", (int)(name - path), path, name,
			      (int)getpid(), number);

	return length < 0 ? -ENOMEM : 0;
}

/* descriptor: of the unnamed file that gets the name, or < 0: a file is made. */
static int take_temporary(struct new_file *file, mode_t mode)
{
	int error = -EEXIST;

	for (unsigned number = 0; error == -EEXIST && number < NAME_TRIES; number++) {
		char *name;
		error = temporary_name(file->path, number, &name);
		if (error)
			return error;
		if (file->descriptor >= 0) {
			error = link_unnamed(file->descriptor, name);
		} else {
			int made = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
			error = made < 0 ? -errno : 0;
			file->descriptor = made;
		}
		if (error)
			free(name);
		else
			file->temporary = name;
	}
	return error;
}

/* ---- the whole ---- */

int new_file_open(const char *path, mode_t mode, struct new_file *ret_file)
{
	struct new_file file = {.descriptor = -1};
	char *directory = NULL;

	int error = resolve(path, &file.path);
	if (!error)
		directory = directory_of(file.path);
	if (!error && !directory)
		error = -ENOMEM;
	if (!error)
		error = open_unnamed(directory, mode, &file.descriptor);
	if (error == -EOPNOTSUPP)
		error = take_temporary(&file, mode);
	free(directory);
	if (error)
		free(file.path);
	else
		*ret_file = file;
	return error;
}

int new_file_like(struct new_file *file, const struct stat *status)
{
	struct stat own;

	if (fstat(file->descriptor, &own))
		return -errno;
	if ((own.st_uid != status->st_uid || own.st_gid != status->st_gid) &&
	    fchown(file->descriptor, status->st_uid, status->st_gid))
		return -errno;
	return fchmod(file->descriptor, status->st_mode & 07777) ? -errno : 0;
}

static int sync_directory(const char *path)
{
	char *directory = directory_of(path);
	int descriptor = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int error = descriptor < 0 || fsync(descriptor) ? -errno : 0;

	if (descriptor >= 0)
		close(descriptor);
	free(directory);
	/* directories that may not be read, hosts that have no such sync */
	return error == -EACCES || error == -EINVAL || error == -EBADF ? 0 : error;
}

/* RENAME_NOREPLACE is not everywhere; a link to it never replaces anything. */
static int name_new(struct new_file *file)
{
	if (!file->temporary)
		return link_unnamed(file->descriptor, file->path);
	if (!renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(file->temporary, file->path))
		return -errno;
	unlink(file->temporary);
	return 0;
}

static int name_over(struct new_file *file)
{
	int error = file->temporary ? 0 : take_temporary(file, 0);

	if (!error && rename(file->temporary, file->path))
		error = -errno;
	return error;
}

int new_file_name(struct new_file *file, bool replace)
{
	int error = replace ? name_over(file) : name_new(file);

	if (error)
		return error;
	free(file->temporary);
	file->temporary = NULL;
	return sync_directory(file->path);
}

void new_file_close(struct new_file *file)
{
	if (file->temporary)
		unlink(file->temporary);
	if (file->descriptor >= 0)
		close(file->descriptor);
	free(file->temporary);
	free(file->path);
	*file = (struct new_file){.descriptor = -1};
}
