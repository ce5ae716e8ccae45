/* One entry of an archive as a file of an image. See tar_in.h. */
#include "tar_in.h"

#include "../common/progress.h"

#include <archive.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* What replaces another file has this name until it is complete. */
#define NEW_NAME ".mmfsctl-import.new"

/* ---- attributes ---- */

/* Of what mmfs has no place for (other systems' attributes) one is named, and the rest goes without a word.
 */
static void say_other_xattr(struct tar_in *in, const char *name)
{
	if (in->other_xattr)
		return;
	in->other_xattr = true;
	progress_hide();
	fprintf(stderr, "%s: %s: note: attributes like %s are left out\n", in->files->program,
		in->files->image_path, name);
}

static int put_xattrs(struct tar_in *in, struct archive_entry *entry, uint64_t inode)
{
	struct fs *fs = in->files->fs;
	const char *name;
	const void *value;
	size_t length;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &length) == ARCHIVE_OK) {
		bool of_new = !strcmp(name, "system.posix_acl_default");
		int error;
		if (of_new || !strcmp(name, "system.posix_acl_access"))
			error = fs_set_acl(fs, inode, of_new, value, length, true);
		else
			error = fs_setxattr(fs, inode, name, value, length, 0);
		if (error == -EOPNOTSUPP)
			say_other_xattr(in, name);
		else if (error)
			return error;
	}
	return 0;
}

/* What was inherited goes, too. */
static int put_acl(struct tar_in *in, struct archive_entry *entry, uint64_t inode, bool of_new)
{
	size_t length;
	int error = acl_of_entry(entry, of_new, in->value, &length);

	if (error == -ENOENT) {
		progress_hide();
		fprintf(stderr,
			"%s: %s: cannot import %s: its ACL names somebody whom this host does not know\n",
			in->files->program, in->files->image_path, archive_entry_pathname(entry));
		in->said = true;
	}
	return error ? error : fs_set_acl(in->files->fs, inode, of_new, in->value, length, true);
}

static int owner_of(la_int64_t number, uint32_t *ret_owner)
{
	if (number < 0 || number >= UINT32_MAX)
		return -EOVERFLOW;
	*ret_owner = (uint32_t)number;
	return 0;
}

static int describe(struct archive_entry *entry, struct fs_set *ret_set)
{
	struct fs_set set = {
	    .what = FS_SET_UID | FS_SET_GID,
	    .mode = archive_entry_perm(entry) & 07777u,
	    .atime = {archive_entry_atime(entry), archive_entry_atime_nsec(entry)},
	    .mtime = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)},
	};

	if (archive_entry_filetype(entry) != AE_IFLNK)
		set.what |= FS_SET_MODE;
	if (archive_entry_atime_is_set(entry))
		set.what |= FS_SET_ATIME;
	if (archive_entry_mtime_is_set(entry))
		set.what |= FS_SET_MTIME;
	int error = owner_of(archive_entry_uid(entry), &set.uid);
	if (!error)
		error = owner_of(archive_entry_gid(entry), &set.gid);
	if (!error)
		*ret_set = set;
	return error;
}

static int put_later(struct tar_in *in, struct archive_entry *entry, uint64_t inode, const struct fs_set *set)
{
	unsigned long flags = 0, cleared = 0;
	bool directory = archive_entry_filetype(entry) == AE_IFDIR;

	archive_entry_fflags(entry, &flags, &cleared);
	flags &= INODE_FLAGS;
	if (!directory && !flags)
		return 0;
	return tar_in_later(in, inode,
			    &(struct tar_later){
				.inode = inode,
				.what = directory ? set->what & (FS_SET_ATIME | FS_SET_MTIME) : 0,
				.flags = (uint32_t)flags,
				.atime = set->atime,
				.mtime = set->mtime,
			    });
}

/* Owner and mode before the xattrs: a change of the owner takes capabilities away. The ACL after the mode,
 * which it changes. */
static int put_attributes(struct tar_in *in, struct archive_entry *entry, uint64_t inode)
{
	struct fs_set set;
	struct fs_attr attr;
	bool symlink = archive_entry_filetype(entry) == AE_IFLNK;

	int error = describe(entry, &set);
	if (!error && !symlink)
		error = fs_set_acl(in->files->fs, inode, false, NULL, 0, true);
	if (!error)
		error = fs_setattr(in->files->fs, inode, &set, &attr);
	if (!error && !symlink)
		error = put_acl(in, entry, inode, false);
	if (!error && archive_entry_filetype(entry) == AE_IFDIR)
		error = put_acl(in, entry, inode, true);
	if (!error)
		error = put_xattrs(in, entry, inode);
	return error ? error : put_later(in, entry, inode, &set);
}

/* ---- contents ---- */

static int write_all(struct tar_in *in, uint64_t inode, uint64_t offset, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = fs_write(in->files->fs, inode, offset, bytes, length, 0);
		if (written < 0)
			return (int)written;
		offset += (size_t)written;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

/* The archive is cut or damaged here: an entry that is not whole is none. */
static int broken(struct tar_in *in)
{
	in->said = in->broken = true;
	return tar_input_say(in->input);
}

static int put_data(struct tar_in *in, uint64_t inode)
{
	struct archive *archive = tar_input_archive(in->input);
	const void *bytes;
	size_t length;
	la_int64_t offset;

	for (;;) {
		if (files_stopped())
			return -EINTR;
		int result = archive_read_data_block(archive, &bytes, &length, &offset);
		if (result == ARCHIVE_EOF)
			return 0;
		if (result == ARCHIVE_RETRY)
			continue;
		if (result != ARCHIVE_OK)
			return broken(in);
		int error = offset < 0 ? -EFBIG : write_all(in, inode, (uint64_t)offset, bytes, length);
		if (error)
			return error;
		progress_bytes(length);
	}
}

static int put_contents(struct tar_in *in, struct archive_entry *entry, uint64_t inode)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = (uint64_t)archive_entry_size(entry)};
	struct fs_attr attr;

	int error = put_data(in, inode);
	if (error || !archive_entry_size_is_set(entry))
		return error;
	error = fs_getattr(in->files->fs, inode, &attr);
	/* a hole at the end */
	if (!error && attr.size < set.size)
		error = fs_setattr(in->files->fs, inode, &set, &attr);
	return error;
}

/* ---- files ---- */

/* The link's target has a place like any other entry's: below the directory, and not through links. */
static int make_link(struct tar_in *in, struct archive_entry *entry, const struct tar_place *place)
{
	struct tar_place target = {.parent = 0};
	struct fs_attr attr = {.inode = 0};
	char *path = NULL;

	int error = tar_name(archive_entry_hardlink(entry), in->options->strip, &path);
	if (error > 0 || (!error && !*path))
		error = -EPERM;
	if (!error)
		error = tar_in_place(in, path, false, &target);
	if (!error)
		error = fs_lookup(in->files->fs, target.parent, target.name, &attr);
	if (!error)
		error = fs_link(in->files->fs, attr.inode, place->parent, place->name, &attr);
	free(path);
	if (error || archive_entry_size(entry) <= 0 || !S_ISREG(attr.mode))
		return error;
	/* some formats keep the contents with the last name */
	struct fs_set empty = {.what = FS_SET_SIZE};
	error = fs_setattr(in->files->fs, attr.inode, &empty, &attr);
	return error ? error : put_contents(in, entry, attr.inode);
}

static int make_inode(struct tar_in *in, struct archive_entry *entry, const struct tar_place *place,
		      struct fs_attr *ret_attr)
{
	const struct fs_caller caller = {.uid = getuid(), .gid = getgid(), .may_keep_setgid = true};
	mode_t type = archive_entry_filetype(entry);

	if (type == AE_IFLNK) {
		const char *target = archive_entry_symlink(entry);
		if (!target || strlen(target) >= PATH_MAX)
			return target ? -ENAMETOOLONG : -ENOENT;
		return fs_symlink(in->files->fs, &caller, place->parent, place->name, target, ret_attr);
	}
	if (type != AE_IFREG && type != AE_IFCHR && type != AE_IFBLK && type != AE_IFIFO && type != AE_IFSOCK)
		return -EOPNOTSUPP;
	return fs_make(in->files->fs, &caller, place->parent, place->name, type | 0600,
		       (uint32_t)archive_entry_rdevmajor(entry), (uint32_t)archive_entry_rdevminor(entry),
		       ret_attr);
}

/* Makes it complete, or not at all. -EEXIST: the name is taken; nothing of the contents has been read. */
static int put_new(struct tar_in *in, struct archive_entry *entry, const struct tar_place *place)
{
	struct fs_attr attr;

	if (archive_entry_hardlink(entry))
		return make_link(in, entry, place);
	int error = make_inode(in, entry, place, &attr);
	if (error)
		return error;
	if (archive_entry_filetype(entry) == AE_IFREG)
		error = put_contents(in, entry, attr.inode);
	if (!error)
		error = put_attributes(in, entry, attr.inode);
	if (error) {
		/* an error of this would say nothing more */
		int ignored = fs_unlink(in->files->fs, place->parent, place->name);
		(void)ignored;
	}
	return error;
}

/* The name is taken: the new file gets another one first, and then takes the old one's place. A directory
 * gives way if it is empty. */
static int put_over(struct tar_in *in, struct archive_entry *entry, const struct tar_place *place)
{
	struct fs *fs = in->files->fs;
	struct tar_place new = {place->parent, {NEW_NAME, sizeof(NEW_NAME) - 1}};
	struct fs_attr old;

	int error = fs_lookup(fs, place->parent, place->name, &old);
	if (error)
		return error;
	if (S_ISDIR(old.mode)) {
		tar_in_forget_parent(in);
		error = fs_rmdir(fs, place->parent, place->name);
		return error ? error : put_new(in, entry, place);
	}
	error = put_new(in, entry, &new);
	if (error == -EEXIST) {
		/* left by one that was killed */
		error = fs_unlink(fs, new.parent, new.name);
		if (!error)
			error = put_new(in, entry, &new);
	}
	if (error)
		return error;
	error = fs_rename(fs, new.parent, new.name, place->parent, place->name, 0);
	/* rename does nothing if both are names of one file */
	int left = fs_unlink(fs, new.parent, new.name);
	return error || left == -ENOENT ? error : left;
}

static int put_file(struct tar_in *in, struct archive_entry *entry, const struct tar_place *place)
{
	int error = put_new(in, entry, place);

	return error == -EEXIST ? put_over(in, entry, place) : error;
}

/* ---- directories ---- */

/* A file in its place, and a link too, gives way: what an archive calls a directory becomes one. */
static int put_directory(struct tar_in *in, struct archive_entry *entry, const struct tar_place *place)
{
	const struct fs_caller caller = {.uid = getuid(), .gid = getgid(), .may_keep_setgid = true};
	struct fs *fs = in->files->fs;
	struct fs_attr attr;

	int error = fs_lookup(fs, place->parent, place->name, &attr);
	if (!error && !S_ISDIR(attr.mode)) {
		error = fs_unlink(fs, place->parent, place->name);
		if (!error)
			error = -ENOENT;
	}
	if (error == -ENOENT)
		error = fs_make(fs, &caller, place->parent, place->name, S_IFDIR | 0700, 0, 0, &attr);
	return error ? error : put_attributes(in, entry, attr.inode);
}

int tar_put(struct tar_in *in, struct archive_entry *entry, const char *path)
{
	bool directory = archive_entry_filetype(entry) == AE_IFDIR && !archive_entry_hardlink(entry);
	struct tar_place place;

	/* the directory itself */
	if (!*path)
		return directory ? put_attributes(in, entry, in->directory) : -EISDIR;
	int error = tar_in_place(in, path, true, &place);
	if (error)
		return error;
	return directory ? put_directory(in, entry, &place) : put_file(in, entry, &place);
}
