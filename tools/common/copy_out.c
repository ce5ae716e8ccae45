/* See copy.h. On the host every step is made from a directory that is open, so that a link put in its way
 * leads nowhere else; one directory is open at a time, and going up again checks that it is the one it was.
 */
#include "copy.h"

#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)

struct host_directory {
	dev_t device;
	ino_t inode;
};

struct copy_out {
	const struct files *files;
	int base;		      /* the directory that was given */
	int directory;		      /* the one being filled */
	struct host_directory *above; /* those between the two, base first */
	size_t depth, room;	      /* of above */
	bool owners;		      /* root: they are kept */
	int first_error;
	const char *top_name;
	struct link_table links; /* inode in the image -> path below base */
	char new_name[32];	 /* of what replaces another file, until it is complete */
	uint8_t buffer[BUFFER_BYTES];
	char names[FS_XATTR_LIST_MAX];
	char value[FS_XATTR_SIZE_MAX];
};

/* Says it, and goes on unless nothing more can be done. */
static int failed(struct copy_out *copy, const struct walk_entry *entry, int error)
{
	files_say_cannot(copy->files, "get", entry->path, error);
	if (!copy->first_error)
		copy->first_error = error;
	return error == -ENOSPC || error == -EINTR || error == -ENOMEM || error == -EROFS ? error : 0;
}

/* ---- contents ---- */

static int write_all(int descriptor, const uint8_t *bytes, size_t length, off_t offset)
{
	while (length > 0) {
		ssize_t written = pwrite(descriptor, bytes, length, offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		length -= (size_t)written;
		offset += written;
	}
	return 0;
}

static int get_data(struct copy_out *copy, uint64_t inode, int descriptor, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t want = to - from < BUFFER_BYTES ? (size_t)(to - from) : BUFFER_BYTES;
		if (files_stopped())
			return -EINTR;
		ssize_t got = tree_read(copy->files->fs, inode, from, copy->buffer, want);
		if (got <= 0)
			return got < 0 ? (int)got : -EIO;
		int error = write_all(descriptor, copy->buffer, (size_t)got, (off_t)from);
		if (error)
			return error;
		progress_bytes((uint64_t)got);
		from += (size_t)got;
	}
	return 0;
}

static int get_contents(struct copy_out *copy, const struct fs_attr *attr, int descriptor)
{
	struct fs *fs = copy->files->fs;
	uint64_t at = 0, data, hole;

	if (ftruncate(descriptor, (off_t)attr->size))
		return -errno;
	while (at < attr->size) {
		int error = tree_seek(fs, attr->inode, at, SEEK_DATA, &data);
		if (error == -ENXIO)
			return 0;
		if (!error)
			error = tree_seek(fs, attr->inode, data, SEEK_HOLE, &hole);
		if (!error && (data < at || hole <= data))
			error = tree_damaged(fs, "inode", attr->inode, ": its holes");
		if (!error)
			error = get_data(copy, attr->inode, descriptor, data, hole);
		if (error)
			return error;
		at = hole;
	}
	return 0;
}

/* ---- attributes ---- */

/* What has been made on the host. */
struct made {
	int descriptor; /* of a regular file or a directory, else -1: then it is a name */
	int directory;
	const char *name;
};

static int set_xattr(const struct made *made, const char *name, const void *value, size_t length)
{
	char path[64 + NAME_MAX];

	if (made->descriptor >= 0)
		return fsetxattr(made->descriptor, name, value, length, 0) ? -errno : 0;
	/* There is no call for xattrs of a name in an open directory. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", made->directory, made->name);
	return lsetxattr(path, name, value, length, 0) ? -errno : 0;
}

static int get_xattr(struct copy_out *copy, uint64_t inode, const char *name, const struct made *made)
{
	struct fs *fs = copy->files->fs;
	size_t length = 0;
	bool of_new = !strcmp(name, "system.posix_acl_default");
	int error;

	if (of_new || !strcmp(name, "system.posix_acl_access"))
		error = tree_get_acl(fs, inode, of_new, copy->value, sizeof(copy->value), &length);
	else
		error = tree_getxattr(fs, inode, name, copy->value, sizeof(copy->value), &length);
	return error ? error : set_xattr(made, name, copy->value, length);
}

/* What the host does not take is said, and the rest kept. */
static int get_xattrs(struct copy_out *copy, const struct walk_entry *entry, const struct made *made)
{
	size_t length = 0;
	int error = tree_listxattr(copy->files->fs, entry->attr.inode, copy->names, sizeof(copy->names),
				   copy->owners, &length);

	for (size_t at = 0; !error && at < length; at += strlen(copy->names + at) + 1) {
		int lost = get_xattr(copy, entry->attr.inode, copy->names + at, made);
		if (!lost)
			continue;
		progress_hide();
		fprintf(stderr, "%s: %s: %s: its attribute %s is not kept: %s\n", copy->files->program,
			copy->files->image_path, entry->path, copy->names + at, strerror(-lost));
		if (!copy->first_error)
			copy->first_error = lost;
	}
	return error;
}

static int set_owner(const struct made *made, const struct fs_attr *attr)
{
	if (made->descriptor >= 0)
		return fchown(made->descriptor, attr->uid, attr->gid) ? -errno : 0;
	return fchownat(made->directory, made->name, attr->uid, attr->gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int set_mode(const struct made *made, mode_t mode)
{
	if (made->descriptor >= 0)
		return fchmod(made->descriptor, mode) ? -errno : 0;
	return fchmodat(made->directory, made->name, mode, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int set_times(const struct made *made, const struct fs_attr *attr)
{
	const struct timespec times[2] = {attr->atime, attr->mtime};

	if (made->descriptor >= 0)
		return futimens(made->descriptor, times) ? -errno : 0;
	return utimensat(made->directory, made->name, times, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

/* Owner first: a change of it takes set-id bits and capabilities away. The mode after the xattrs: it may
 * forbid them. */
static int get_attributes(struct copy_out *copy, const struct walk_entry *entry, const struct made *made)
{
	const struct fs_attr *attr = &entry->attr;
	mode_t mode = attr->mode & 07777;
	int error = 0;

	if (copy->owners)
		error = set_owner(made, attr);
	else if (attr->uid != geteuid() || attr->gid != getegid())
		mode &= ~(mode_t)(S_ISUID | S_ISGID); /* they would be given by somebody else */
	if (!error)
		error = get_xattrs(copy, entry, made);
	if (!error && !S_ISLNK(attr->mode))
		error = set_mode(made, mode);
	return error ? error : set_times(made, attr);
}

/* ---- one file ---- */

static int make_regular(struct copy_out *copy, const struct walk_entry *entry, const char *name)
{
	struct made made = {
	    .descriptor = openat(copy->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				 S_IRUSR | S_IWUSR),
	};

	if (made.descriptor < 0)
		return -errno;
	int error = get_contents(copy, &entry->attr, made.descriptor);
	if (!error)
		error = get_attributes(copy, entry, &made);
	/* a host may say only now that there was no room */
	if (close(made.descriptor) && !error)
		error = -errno;
	if (error)
		unlinkat(copy->directory, name, 0);
	return error;
}

static int make_symlink(struct copy_out *copy, const struct fs_attr *attr, const char *name)
{
	char *target;
	int error = path_link_target(copy->files->fs, attr->inode, &target);

	if (error)
		return error;
	error = symlinkat(target, copy->directory, name) ? -errno : 0;
	free(target);
	return error;
}

static int make_node(struct copy_out *copy, const struct fs_attr *attr, const char *name)
{
	mode_t mode = (attr->mode & S_IFMT) | S_IRUSR | S_IWUSR;

	return mknodat(copy->directory, name, mode, makedev(attr->rdev_major, attr->rdev_minor)) ? -errno : 0;
}

static int make_new(struct copy_out *copy, const struct walk_entry *entry, const char *name)
{
	const struct fs_attr *attr = &entry->attr;
	struct made made = {.descriptor = -1, .directory = copy->directory, .name = name};

	if (S_ISREG(attr->mode))
		return make_regular(copy, entry, name);
	int error = S_ISLNK(attr->mode) ? make_symlink(copy, attr, name) : make_node(copy, attr, name);
	if (error)
		return error;
	error = get_attributes(copy, entry, &made);
	if (error)
		unlinkat(copy->directory, name, 0);
	return error;
}

/* Makes it complete, or not at all. -EEXIST: the name is taken. */
static int get_new(struct copy_out *copy, const struct walk_entry *entry, const struct link_entry *link,
		   const char *name)
{
	if (!link || !link->text)
		return make_new(copy, entry, name);
	return linkat(copy->base, link->text, copy->directory, name, 0) ? -errno : 0;
}

/* The name is taken: the new file gets another one first, and then takes the old one's place. */
static int get_over(struct copy_out *copy, const struct walk_entry *entry, const struct link_entry *link,
		    const char *name)
{
	struct stat old;

	if (fstatat(copy->directory, name, &old, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISDIR(old.st_mode))
		return -EISDIR;
	int error = get_new(copy, entry, link, copy->new_name);
	if (error)
		return error;
	if (renameat(copy->directory, copy->new_name, copy->directory, name))
		error = -errno;
	/* rename does nothing if both are names of one file */
	unlinkat(copy->directory, copy->new_name, 0);
	return error;
}

/* Where it is on the host, below base. */
static char *host_path(const struct copy_out *copy, const struct walk_entry *entry)
{
	char *path;

	if (asprintf(&path, "%s%s%s", copy->top_name, *entry->below ? "/" : "", entry->below) < 0)
		return NULL;
	return path;
}

static int get_file(struct copy_out *copy, const struct walk_entry *entry)
{
	const char *name = entry->depth ? entry->name : copy->top_name;
	struct link_entry *link = NULL;
	bool added;

	progress_file();
	if (entry->attr.nlink > 1) {
		link = link_table_get(&copy->links, (struct link_key){.inode = entry->attr.inode}, &added);
		if (!link)
			return -ENOMEM;
	}
	int error = get_new(copy, entry, link, name);
	if (error == -EEXIST)
		error = get_over(copy, entry, link, name);
	if (!error && link && !link->text) {
		link->text = host_path(copy, entry);
		if (!link->text)
			error = -ENOMEM;
	}
	return error;
}

/* ---- directories ---- */

static int push(struct copy_out *copy)
{
	struct stat status;

	if (copy->depth == copy->room) {
		size_t room = copy->room ? 2 * copy->room : 16;
		struct host_directory *above = reallocarray(copy->above, room, sizeof(*above));
		if (!above)
			return -ENOMEM;
		copy->above = above;
		copy->room = room;
	}
	if (fstat(copy->directory, &status))
		return -errno;
	copy->above[copy->depth++] = (struct host_directory){status.st_dev, status.st_ino};
	return 0;
}

static int enter_directory(struct copy_out *copy, const struct walk_entry *entry)
{
	const char *name = entry->depth ? entry->name : copy->top_name;

	if (mkdirat(copy->directory, name, S_IRWXU) && errno != EEXIST)
		return -errno;
	int inside = openat(copy->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inside < 0)
		return -errno;
	int error = push(copy);
	if (error) {
		close(inside);
		return error;
	}
	close(copy->directory);
	copy->directory = inside;
	return 0;
}

/* The directory above `inside`: base itself, or what ".." leads to, if that is still the one it was. */
static int open_above(const struct copy_out *copy, int inside, int *ret_descriptor)
{
	const struct host_directory *above = &copy->above[copy->depth - 1];
	struct stat status;
	int descriptor = copy->depth == 1 ? fcntl(copy->base, F_DUPFD_CLOEXEC, 0)
					  : openat(inside, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (descriptor < 0)
		return -errno;
	if (fstat(descriptor, &status) || status.st_dev != above->device || status.st_ino != above->inode) {
		close(descriptor);
		return -ESTALE;
	}
	*ret_descriptor = descriptor;
	return 0;
}

/* Attributes come last, since the mode may forbid what has been done so far. Without a way up there is no way
 * on: *ret_stuck. */
static int leave_directory(struct copy_out *copy, const struct walk_entry *entry, bool *ret_stuck)
{
	int above = -1, inside = copy->directory;

	int error = open_above(copy, inside, &above);
	*ret_stuck = error;
	if (error)
		return error;
	copy->depth--;
	copy->directory = above;
	error = get_attributes(copy, entry, &(struct made){.descriptor = inside});
	close(inside);
	return error;
}

static int visit(void *context, const struct walk_entry *entry, enum walk_event event)
{
	struct copy_out *copy = context;
	bool stuck = false;
	int error;

	if (event == WALK_ENTER)
		error = enter_directory(copy, entry);
	else if (event == WALK_LEAVE)
		error = leave_directory(copy, entry, &stuck);
	else
		error = get_file(copy, entry);
	if (!error)
		return 0;
	int final = failed(copy, entry, error);
	if (final || stuck)
		return error;
	return event == WALK_ENTER ? WALK_SKIP : 0;
}

/* ---- trees ---- */

int copy_out_tree(struct copy_out *copy, const char *path, const struct fs_attr *attr, const char *name)
{
	copy->top_name = name;
	copy->first_error = 0;
	copy->depth = 0;
	copy->directory = fcntl(copy->base, F_DUPFD_CLOEXEC, 0);
	if (copy->directory < 0)
		return files_say_cannot(copy->files, "get", path, -errno);
	int error = walk_tree(copy->files, path, attr, visit, copy);
	close(copy->directory);
	return error ? error : copy->first_error;
}

struct copy_out *copy_out_open(const struct files *files, const char *directory)
{
	struct copy_out *copy = calloc(1, sizeof(*copy));

	if (!copy) {
		files_say(files, "/", -ENOMEM);
		return NULL;
	}
	copy->files = files;
	copy->owners = geteuid() == 0;
	snprintf(copy->new_name, sizeof(copy->new_name), ".mmfsctl-get.%d", (int)getpid());
	copy->base = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy->base < 0) {
		fprintf(stderr, "%s: %s: %s\n", files->program, directory, strerror(errno));
		free(copy);
		return NULL;
	}
	return copy;
}

void copy_out_close(struct copy_out *copy)
{
	if (!copy)
		return;
	close(copy->base);
	free(copy->above);
	link_table_free(&copy->links);
	free(copy);
}
