/* An image's files as an archive. See tar.h. */
#include "tar.h"

#include "../common/progress.h"
#include "acl.h"

#include <archive.h>
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define BUFFER_BYTES (1u << 20)

_Static_assert(INODE_IMMUTABLE == FS_IMMUTABLE_FL && INODE_APPEND == FS_APPEND_FL &&
		   INODE_NODUMP == FS_NODUMP_FL && INODE_NOATIME == FS_NOATIME_FL,
	       "an archive's flags are Linux's");

struct tar_out {
	const struct files *files;
	struct tar_output *output;
	struct archive_entry *entry;
	struct link_table links; /* inode -> the name that it has in the archive */
	char *top;		 /* what names of the archive begin with */
	int first_error;	 /* said, and gone on from */
	int end;		 /* nothing more can be written: why */
	uint8_t buffer[BUFFER_BYTES];
	char names[FS_XATTR_LIST_MAX];
	char value[FS_XATTR_SIZE_MAX];
};

static int note(struct tar_out *out, const struct walk_entry *item, int error)
{
	files_say_cannot(out->files, "export", item->path, error);
	if (!out->first_error)
		out->first_error = error;
	return error == -EINTR || error == -ENOMEM ? error : 0;
}

/* ---- the head of an entry ---- */

static void set_attributes(struct archive_entry *entry, const struct fs_attr *attr)
{
	archive_entry_set_filetype(entry, attr->mode & S_IFMT);
	archive_entry_set_perm(entry, attr->mode & 07777);
	archive_entry_set_uid(entry, attr->uid);
	archive_entry_set_gid(entry, attr->gid);
	archive_entry_set_mtime(entry, attr->mtime.tv_sec, attr->mtime.tv_nsec);
	archive_entry_set_atime(entry, attr->atime.tv_sec, attr->atime.tv_nsec);
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))
		archive_entry_set_rdev(entry, makedev(attr->rdev_major, attr->rdev_minor));
	if (attr->flags & INODE_FLAGS)
		archive_entry_set_fflags(entry, attr->flags & INODE_FLAGS, 0);
	archive_entry_set_size(entry, S_ISREG(attr->mode) ? (la_int64_t)attr->size : 0);
}

static int set_xattr(struct tar_out *out, uint64_t inode, const char *name)
{
	struct fs *fs = out->files->fs;
	size_t length = 0;
	bool of_new = !strcmp(name, "system.posix_acl_default");
	int error;

	if (of_new || !strcmp(name, "system.posix_acl_access")) {
		error = fs_get_acl(fs, inode, of_new, out->value, sizeof(out->value), &length);
		return error ? error : acl_to_entry(out->entry, of_new, out->value, length);
	}
	error = fs_getxattr(fs, inode, name, out->value, sizeof(out->value), &length);
	if (!error)
		archive_entry_xattr_add_entry(out->entry, name, out->value, length);
	return error;
}

static int set_xattrs(struct tar_out *out, uint64_t inode)
{
	size_t length = 0;
	int error = fs_listxattr(out->files->fs, inode, out->names, sizeof(out->names), true, &length);

	for (size_t at = 0; !error && at < length; at += strlen(out->names + at) + 1)
		error = set_xattr(out, inode, out->names + at);
	return error;
}

static int set_target(struct tar_out *out, uint64_t inode)
{
	char *target;
	int error = path_link_target(out->files->fs, inode, &target);

	if (error)
		return error;
	archive_entry_copy_symlink(out->entry, target);
	free(target);
	return 0;
}

/* Where data is; what is not told is holes. */
static int set_holes(struct tar_out *out, const struct fs_attr *attr)
{
	struct fs *fs = out->files->fs;
	uint64_t at = 0, data, hole;

	while (at < attr->size) {
		int error = fs_seek(fs, attr->inode, at, SEEK_DATA, &data);
		if (error == -ENXIO)
			break;
		if (!error)
			error = fs_seek(fs, attr->inode, data, SEEK_HOLE, &hole);
		if (!error && (data < at || hole <= data))
			error = image_damaged(fs_image(fs), "inode %llu: its holes",
					      (unsigned long long)attr->inode);
		if (error)
			return error;
		if (data == 0 && hole >= attr->size)
			return 0;
		if (hole > attr->size)
			hole = attr->size;
		archive_entry_sparse_add_entry(out->entry, (la_int64_t)data, (la_int64_t)(hole - data));
		at = hole;
	}
	if (attr->size && !archive_entry_sparse_count(out->entry))
		archive_entry_sparse_add_entry(out->entry, 0, 0); /* one hole */
	return 0;
}

/* ---- contents ---- */

static int put_data(struct tar_out *out, const struct walk_entry *item, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t want = to - from < BUFFER_BYTES ? (size_t)(to - from) : BUFFER_BYTES;
		if (files_stopped())
			return -EINTR;
		ssize_t got = fs_read_copy(out->files->fs, item->attr.inode, from, out->buffer, want);
		if (got <= 0)
			return got < 0 ? (int)got : -EIO;
		out->end = tar_output_data(out->output, out->buffer, (size_t)got);
		if (out->end)
			return out->end;
		progress_bytes((uint64_t)got);
		from += (size_t)got;
	}
	return 0;
}

static int put_contents(struct tar_out *out, const struct walk_entry *item)
{
	la_int64_t offset, length;
	uint64_t at = 0;
	int error = 0;

	if (!archive_entry_sparse_reset(out->entry))
		return put_data(out, item, 0, item->attr.size);
	while (!error && archive_entry_sparse_next(out->entry, &offset, &length) == ARCHIVE_OK) {
		out->end = tar_output_hole(out->output, (uint64_t)offset - at);
		at = (uint64_t)offset + (uint64_t)length;
		error = out->end ? out->end : put_data(out, item, (uint64_t)offset, at);
	}
	if (error)
		return error;
	out->end = tar_output_hole(out->output, item->attr.size - at);
	return out->end;
}

/* ---- one file ---- */

/* "./a/b": a directory that was given as "/" is ".". */
static char *archive_name(const struct tar_out *out, const struct walk_entry *item)
{
	char *name;

	if (asprintf(&name, "%s%s%s", out->top, *item->below ? "/" : "", item->below) < 0)
		return NULL;
	return name;
}

/* Has this file been written under another name? Then the entry is a link to that. */
static int set_name(struct tar_out *out, const struct walk_entry *item, bool *ret_linked)
{
	bool added = true;
	char *name = archive_name(out, item);

	if (!name)
		return -ENOMEM;
	*ret_linked = false;
	archive_entry_copy_pathname(out->entry, name);
	if (S_ISDIR(item->attr.mode) || item->attr.nlink < 2) {
		free(name);
		return 0;
	}
	struct link_entry *link =
	    link_table_get(&out->links, (struct link_key){.inode = item->attr.inode}, &added);
	if (!link || !added) {
		free(name);
		if (!link)
			return -ENOMEM;
		archive_entry_copy_hardlink(out->entry, link->text);
		archive_entry_unset_size(out->entry);
		*ret_linked = true;
		return 0;
	}
	link->text = name;
	return 0;
}

static int put_entry(struct tar_out *out, const struct walk_entry *item)
{
	const struct fs_attr *attr = &item->attr;
	bool linked = false;

	archive_entry_clear(out->entry);
	set_attributes(out->entry, attr);
	int error = set_name(out, item, &linked);
	if (!error && !linked)
		error = set_xattrs(out, attr->inode);
	if (!error && !linked && S_ISLNK(attr->mode))
		error = set_target(out, attr->inode);
	if (!error && !linked && S_ISREG(attr->mode))
		error = set_holes(out, attr);
	if (error)
		return error;
	out->end = tar_output_head(out->output, out->entry);
	if (out->end > 0) {
		out->end = 0;
		return -EOPNOTSUPP;
	}
	if (out->end || linked || !S_ISREG(attr->mode))
		return out->end;
	/* what cannot be read becomes zeros, so that the rest of the archive can be */
	return put_contents(out, item);
}

static int visit(void *context, const struct walk_entry *item, enum walk_event event)
{
	struct tar_out *out = context;

	if (event == WALK_LEAVE)
		return 0;
	if (S_ISSOCK(item->attr.mode)) {
		progress_hide();
		fprintf(stderr, "%s: %s: %s: note: a socket is left out\n", out->files->program,
			out->files->image_path, item->path);
		return 0;
	}
	progress_file();
	int error = put_entry(out, item);
	if (out->end)
		return out->end == -EINTR ? files_say(out->files, item->path, -EINTR) : out->end;
	return error ? note(out, item, error) : 0;
}

/* ---- the whole ---- */

int tar_out_tree(struct tar_out *out, const char *path)
{
	struct fs_attr attr;

	out->first_error = 0;
	int error = tar_name(path, 0, &out->top);
	if (!error)
		/* the root, or what stands behind a link that is given with a slash */
		error = path_find(out->files->fs, *path ? path : "/", false, &attr);
	if (error) {
		files_say_cannot(out->files, "export", path, error);
	} else {
		char *top = *out->top ? out->top : (char *)".";
		char *own = out->top;
		out->top = top;
		error = walk_tree(out->files, *path ? path : "/", &attr, visit, out);
		out->top = own;
	}
	free(out->top);
	out->top = NULL;
	return error ? error : out->first_error;
}

struct tar_out *tar_out_open(const struct files *files, struct tar_output *output)
{
	struct tar_out *out = calloc(1, sizeof(*out));

	if (!out)
		return NULL;
	out->files = files;
	out->output = output;
	out->entry = archive_entry_new2(tar_output_archive(output));
	if (!out->entry) {
		free(out);
		return NULL;
	}
	return out;
}

void tar_out_close(struct tar_out *out)
{
	if (!out)
		return;
	archive_entry_free(out->entry);
	link_table_free(&out->links);
	free(out);
}
