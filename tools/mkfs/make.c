/*
 * Making the image. A new one has no name until it is complete (new_file.h), and takes the place of a file
 * that was there only then: whatever ends the program before leaves everything as it was. Where that cannot
 * be (a device, a file with several names, a directory that may not be written) it is made in place, and
 * taken back should it fail.
 */
#include "mkfs.h"

#include "../archive/tar.h"
#include "../common/copy.h"
#include "../common/new_file.h"
#include "../common/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- filling it ---- */

static void print_facts(const struct settings *settings, const struct super_disk *super)
{
	uint64_t limit = le64_get(super->limit_blocks);

	if (settings->quiet)
		return;
	printf("%s: made, UUID ", settings->path);
	for (unsigned i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", super->uuid[i]);
	printf(", journal %llu KiB, ",
	       (unsigned long long)le64_get(super->ring_blocks) * (BLOCK_SIZE / 1024));
	if (limit)
		printf("grows up to %llu KiB\n", (unsigned long long)limit * (BLOCK_SIZE / 1024));
	else
		printf("grows as far as the host has room\n");
}

/* Where what fills it comes from. */
struct source {
	struct tar_input *archive; /* NULL: it is a directory, or there is none */
};

/* Before anything is made or given up for it. */
static int source_open(const struct settings *settings, struct source *ret_source)
{
	struct stat status;

	*ret_source = (struct source){NULL};
	if (!settings->from || (!stat(settings->from, &status) && S_ISDIR(status.st_mode)))
		return 0;
	return tar_input_open(PROGRAM, settings->from, &ret_source->archive);
}

static int fill(const struct settings *settings, const struct source *source, struct files *files)
{
	static const struct tar_in_options strict = {.strict = true};

	if (!settings->from)
		return 0;
	if (source->archive)
		return tar_in(files, source->archive, ROOT_INODE, &strict);
	struct copy_in *copy = copy_in_open(files, true);
	int error = copy ? copy_in_tree(copy, settings->from, ROOT_INODE, (struct fs_name){0}) : -ENOMEM;
	copy_in_close(copy);
	return error;
}

/* The store belongs to the image from here on. What is in it when this fails is no image to be used. */
static int make_in(const struct settings *settings, const struct source *source, struct store *store,
		   const struct open_image_options *options, struct super_disk *ret_super)
{
	struct image *image;
	struct files files;

	int error = make_image_in(PROGRAM, settings->path, store, &settings->make);
	if (error) {
		store_close(store);
		return error;
	}
	error = open_image_in(PROGRAM, settings->path, store, options, &image);
	if (!error)
		error = files_open_in(PROGRAM, settings->path, image, &files);
	if (error)
		return error;
	error = fill(settings, source, &files);
	if (!error && files_stopped())
		error = files_say(&files, "/", -EINTR);
	if (error) {
		fs_drop(files.fs);
		image_drop(image);
		return error;
	}
	*ret_super = *image_super(image);
	return files_close(&files);
}

/* ---- a file of its own ---- */

/* Locked, so that nobody has it from the moment on when it gets its name. */
static int open_new(const struct settings *settings, const struct store *old, struct new_file *ret_file)
{
	struct stat status;

	int error = new_file_open(settings->path, 0600, ret_file);
	if (error)
		return error;
	if (old)
		error =
		    fstat(store_file_descriptor(old), &status) ? -errno : new_file_like(ret_file, &status);
	if (!error && flock(ret_file->descriptor, LOCK_EX | LOCK_NB))
		error = -errno;
	if (error)
		new_file_close(ret_file);
	return error;
}

static int name_new(const struct settings *settings, struct new_file *file, bool replace)
{
	int error = new_file_name(file, replace);

	if (error)
		fprintf(stderr, PROGRAM ": %s: %s; there is no new image\n", settings->path,
			error == -EEXIST ? "somebody else has made it meanwhile" : strerror(-error));
	return error;
}

/* old: what it takes the place of; NULL: nothing. */
static int make_new(const struct settings *settings, const struct source *source,
		    struct open_image_options *options, const struct store *old, struct new_file *file)
{
	struct super_disk super;
	struct store *store;

	options->created = true;
	options->locked = fcntl(file->descriptor, F_DUPFD_CLOEXEC, 3);
	int error = options->locked < 0 ? -errno : 0;
	if (!error)
		error = open_store(PROGRAM, settings->path, options, &store, NULL);
	if (!error)
		error = make_in(settings, source, store, options, &super);
	if (!error)
		error = name_new(settings, file, old);
	if (!error)
		print_facts(settings, &super);
	return error;
}

/* ---- in place ---- */

/* Of a file that was there before: it holds nothing again. */
static void take_back(const struct settings *settings)
{
	struct open_image_options options = {.quiet = true};
	struct store *store;

	if (open_store(PROGRAM, settings->path, &options, &store, NULL))
		return;
	int error = store_zero(store, 0, 2 * BLOCK_SIZE);
	if (!error)
		error = store_sync_range(store, 0, 2 * BLOCK_SIZE);
	if (!error && !store->fixed_size)
		error = store_set_size(store, 0);
	if (error)
		fprintf(stderr,
			PROGRAM ": %s: and what was begun could not be taken back: %s; do not use it\n",
			settings->path, strerror(-error));
	store_close(store);
}

/* The store belongs to it from here on. */
static int make_in_place(const struct settings *settings, const struct source *source, struct store *store,
			 const struct open_image_options *options)
{
	struct super_disk super;

	int error = make_in(settings, source, store, options, &super);
	if (error)
		take_back(settings);
	else
		print_facts(settings, &super);
	return error;
}

/* ---- which of the two ---- */

/* A file that others know by another name as well stays the one it is. */
static bool may_replace(const struct store *store)
{
	struct stat status;

	return !fstat(store_file_descriptor(store), &status) && S_ISREG(status.st_mode) &&
	       status.st_nlink == 1;
}

static int make_over(const struct settings *settings, const struct source *source,
		     struct open_image_options *options)
{
	struct new_file file;
	struct store *old;

	int error = open_store(PROGRAM, settings->path, options, &old, NULL);
	if (error)
		return error;
	error = contents_check(settings, old);
	if (error) {
		store_close(old);
		return error;
	}
	if (!may_replace(old) || open_new(settings, old, &file))
		return make_in_place(settings, source, old, options);
	error = make_new(settings, source, options, old, &file);
	new_file_close(&file);
	store_close(old);
	return error;
}

static int say_not_made(const struct settings *settings, int error)
{
	fprintf(stderr, PROGRAM ": %s: %s\n", settings->path,
		error == -ENOENT ? "its directory does not exist; make it first, or correct the path"
				 : strerror(-error));
	return error;
}

int make_all(const struct settings *settings)
{
	/* Filling goes on for longer than the journal holds: the syncer makes room. */
	struct open_image_options options = {
	    .create = true, .quiet = true, .image.no_syncer = !settings->from};
	struct new_file file;
	struct source source;
	struct stat status;

	progress_start(PROGRAM, "filling");
	int error = source_open(settings, &source);
	progress_hide();
	if (error) {
		progress_end();
		return error;
	}
	if (!stat(settings->path, &status) || errno != ENOENT) {
		error = make_over(settings, &source, &options);
	} else {
		error = open_new(settings, NULL, &file);
		if (error) {
			say_not_made(settings, error);
		} else {
			error = make_new(settings, &source, &options, NULL, &file);
			new_file_close(&file);
		}
	}
	progress_end();
	tar_input_close(source.archive);
	return error;
}
