/* The entries of an archive as files of an image. See tar.h; tar_put.c makes one file. */
#include "tar_in.h"

#include "../common/progress.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does this failure end everything? */
static bool is_final(const struct tar_in *in, int error)
{
	return in->options->strict || error == -ENOSPC || error == -EINTR || error == -ENOMEM ||
	       error == -EROFS || image_failure(in->files->image);
}

/* ---- what is set last ---- */

int tar_in_later(struct tar_in *in, uint64_t inode, const struct tar_later *later)
{
	bool added;
	struct link_entry *entry = link_table_get(&in->later_of, (struct link_key){.inode = inode}, &added);

	if (!entry)
		return -ENOMEM;
	if (!added) {
		in->later[entry->value] = *later;
		return 0;
	}
	if (in->later_count == in->later_room) {
		size_t room = in->later_room ? 2 * in->later_room : 256;
		struct tar_later *more = reallocarray(in->later, room, sizeof(*more));
		/* the entry then names what is not there: this is the end of it all anyway */
		if (!more)
			return -ENOMEM;
		in->later = more;
		in->later_room = room;
	}
	entry->value = in->later_count;
	in->later[in->later_count++] = *later;
	return 0;
}

static int set_times(struct tar_in *in, const struct tar_later *later)
{
	struct fs_set set = {.what = later->what, .atime = later->atime, .mtime = later->mtime};
	struct fs_attr attr;

	return set.what ? fs_setattr(in->files->fs, later->inode, &set, &attr) : 0;
}

/* Times first: flags may forbid to set them. What has been removed again (a later entry took its name) has
 * neither. */
static int set_what_is_last(struct tar_in *in)
{
	int first_error = 0;

	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < in->later_count && !image_failure(in->files->image); i++) {
			const struct tar_later *later = &in->later[i];
			int error = 0;
			if (pass == 0)
				error = set_times(in, later);
			else if (later->flags)
				error = fs_set_flags(in->files->fs, later->inode, later->flags, true);
			if (error && error != -ESTALE && error != -ENOENT && !first_error)
				first_error = error;
		}
	return first_error;
}

/* ---- where an entry goes ---- */

/* The directory of that name in `parent`. */
static int enter(struct tar_in *in, uint64_t parent, struct fs_name name, bool make, uint64_t *ret_directory)
{
	struct fs *fs = in->files->fs;
	const struct fs_caller caller = {.uid = getuid(), .gid = getgid(), .may_keep_setgid = true};
	struct fs_attr attr;

	int error = fs_lookup(fs, parent, name, &attr);
	if (error == -ENOENT && make)
		error = fs_make(fs, &caller, parent, name, S_IFDIR | 0755, 0, 0, &attr);
	if (error)
		return error;
	if (!S_ISDIR(attr.mode))
		return S_ISLNK(attr.mode) ? -ELOOP : -ENOTDIR;
	*ret_directory = attr.inode;
	return 0;
}

/* Names of one directory come one after the other: it is looked for once. */
static int find_parent(struct tar_in *in, const char *path, size_t length, bool make, uint64_t *ret_parent)
{
	uint64_t parent = in->directory;
	int error = 0;

	if (in->last_path && strlen(in->last_path) == length && !memcmp(in->last_path, path, length)) {
		*ret_parent = in->last_parent;
		return 0;
	}
	for (size_t at = 0; at < length && !error;) {
		struct fs_name name = {path + at, strcspn(path + at, "/")};
		error = enter(in, parent, name, make, &parent);
		at += name.length + 1;
	}
	if (error)
		return error;
	free(in->last_path);
	in->last_path = strndup(path, length);
	in->last_parent = parent;
	*ret_parent = parent;
	return in->last_path ? 0 : -ENOMEM;
}

void tar_in_forget_parent(struct tar_in *in)
{
	free(in->last_path);
	in->last_path = NULL;
}

int tar_in_place(struct tar_in *in, const char *path, bool make, struct tar_place *ret_place)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	ret_place->name = (struct fs_name){name, strlen(name)};
	return find_parent(in, path, slash ? (size_t)(slash - path) : 0, make, &ret_place->parent);
}

/* ---- the entries ---- */

static const char *reason(int error)
{
	switch (-error) {
	case EXDEV:
		return "a name with \"..\", which could lead out of the directory";
	case ELOOP:
		return "its name leads through a symbolic link";
	default:
		return NULL;
	}
}

static int say_entry(struct tar_in *in, const char *name, int error)
{
	const char *why = reason(error);

	if (!why)
		return files_say_cannot(in->files, "import", name, error);
	progress_hide();
	fprintf(stderr, "%s: %s: cannot import %s: %s\n", in->files->program, in->files->image_path, name,
		why);
	return error;
}

static int put_one(struct tar_in *in, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	char *path = NULL;

	in->said = false;
	int result = tar_name(name, in->options->strip, &path);
	if (result > 0)
		return 0;
	if (!result) {
		progress_file();
		result = tar_put(in, entry, path);
	}
	free(path);
	if (!result) {
		in->count++;
		return 0;
	}
	if (!in->said)
		say_entry(in, name ? name : "?", result);
	if (!in->first_error)
		in->first_error = result;
	return is_final(in, result) || in->broken ? result : 0;
}

/* Warnings are about names that are no UTF-8, which are taken byte for byte, and about what is left out. */
static int put_entries(struct tar_in *in)
{
	struct archive *archive = tar_input_archive(in->input);
	struct archive_entry *entry;

	for (;;) {
		if (files_stopped())
			return tar_input_say(in->input);
		int result = archive_read_next_header(archive, &entry);
		if (result == ARCHIVE_EOF)
			return tar_input_check_end(in->input);
		if (result == ARCHIVE_RETRY)
			continue;
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
			return tar_input_say(in->input);
		int error = put_one(in, entry);
		if (error)
			return error;
	}
}

int tar_in(struct files *files, struct tar_input *input, uint64_t directory,
	   const struct tar_in_options *options)
{
	struct tar_in *in = calloc(1, sizeof(*in));

	if (!in)
		return files_say(files, "/", -ENOMEM);
	*in = (struct tar_in){.files = files, .input = input, .options = options, .directory = directory};
	int error = put_entries(in);
	/* of what is there now, too, if it ended early */
	int late = set_what_is_last(in);
	if (late && !error)
		error = files_say_cannot(files, "set all attributes below", "the directory", late);
	error = error ? error : in->first_error;
	progress_hide();
	if (error && !options->strict)
		fprintf(stderr, "%s: %s: %llu entries of %s were imported\n", files->program,
			files->image_path, (unsigned long long)in->count, tar_input_name(input));
	link_table_free(&in->later_of);
	free(in->later);
	free(in->last_path);
	free(in);
	return error;
}
