/* Files of a mount by its ordinary calls, to and from archives: libarchive reads and sets their attributes.
 * See tar.h. */
#include "tar.h"

#include "../common/progress.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)

/* From or to the present directory. */
struct host {
	const char *program, *place; /* for messages */
	struct tar_output *output;   /* where entries go: an archive, ... */
	struct archive *disk;	     /* ... or files here */
	struct archive *reader;	     /* attributes of files */
	struct archive_entry *entry;
	struct archive_entry_linkresolver *links;
	bool cuts; /* names begin with "." in place of the first `prefix` bytes */
	size_t prefix;
	bool has_top;
	struct timespec top[2]; /* atime and mtime of the present directory, to be set last */
	uint64_t count;
	int first_error;
	int end; /* nothing more can be done: why */
	uint8_t buffer[BUFFER_BYTES];
};

static int note(struct host *host, const char *name, int error, const char *text)
{
	progress_hide();
	fprintf(stderr, "%s: %s: %s: %s\n", host->program, host->place, name,
		error == -EINTR ? "stopped by a signal"
		: text		? text
				: strerror(-error));
	if (!host->first_error)
		host->first_error = error;
	if (error == -EINTR || error == -ENOSPC || error == -ENOMEM || error == -EROFS)
		host->end = error;
	return error;
}

/* Of the flags of chattr(1) only these: other filesystems' say how they store a file. */
static void keep_flags(struct archive_entry *entry, unsigned long flags)
{
	unsigned long set = 0, clear = 0;

	archive_entry_fflags(entry, &set, &clear);
	archive_entry_set_fflags(entry, set & flags, 0);
}

/* ---- files, from an entry ---- */

/* ARCHIVE_WARN: it is there, and something of it could not be kept. */
static int note_disk(struct host *host, struct archive_entry *entry, int result)
{
	int error = archive_errno(host->disk) > 0 ? -archive_errno(host->disk) : -EIO;

	if (result == ARCHIVE_OK)
		return 0;
	note(host, archive_entry_pathname(entry), error, archive_error_string(host->disk));
	if (result == ARCHIVE_FATAL)
		host->end = error;
	return result == ARCHIVE_WARN ? 0 : error;
}

static int disk_open(struct host *host)
{
	int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
		    ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_FFLAGS | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
		    ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;

#ifdef ARCHIVE_EXTRACT_SAFE_WRITES
	flags |= ARCHIVE_EXTRACT_SAFE_WRITES;
#endif
	host->disk = archive_write_disk_new();
	if (!host->disk)
		return -ENOMEM;
	if (geteuid() == 0)
		flags |= ARCHIVE_EXTRACT_OWNER;
	archive_write_disk_set_options(host->disk, flags);
	return 0;
}

/* The times of the directory that everything goes into: libarchive leaves those of "." alone. */
static void note_top(struct host *host, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);

	if (archive_entry_filetype(entry) != AE_IFDIR || (strcmp(name, ".") && strcmp(name, "./")))
		return;
	host->top[0] = archive_entry_atime_is_set(entry)
			   ? (struct timespec){archive_entry_atime(entry), archive_entry_atime_nsec(entry)}
			   : (struct timespec){.tv_nsec = UTIME_NOW};
	host->top[1] = archive_entry_mtime_is_set(entry)
			   ? (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}
			   : (struct timespec){.tv_nsec = UTIME_NOW};
	host->has_top = true;
}

/* Directories get their times and modes at the very end. */
static int disk_close(struct host *host)
{
	int error = 0;

	if (archive_write_close(host->disk) != ARCHIVE_OK)
		error = note(host, ".", -EIO, archive_error_string(host->disk));
	archive_write_free(host->disk);
	host->disk = NULL;
	if (host->has_top && utimensat(AT_FDCWD, ".", host->top, 0))
		error = note(host, ".", -errno, NULL);
	return error;
}

/* ---- from an archive to files ---- */

/* A file that is cut short is removed. */
static int unpack_data(struct host *host, struct tar_input *input, struct archive_entry *entry)
{
	const void *bytes;
	size_t length;
	la_int64_t offset;

	for (;;) {
		int result = files_stopped() ? ARCHIVE_FATAL
					     : archive_read_data_block(tar_input_archive(input), &bytes,
								       &length, &offset);
		if (result == ARCHIVE_EOF)
			return 0;
		if (result == ARCHIVE_RETRY)
			continue;
		if (result != ARCHIVE_OK) {
			host->end = tar_input_say(input);
			return host->end;
		}
		int error =
		    note_disk(host, entry, (int)archive_write_data_block(host->disk, bytes, length, offset));
		if (error)
			return error;
		progress_bytes(length);
	}
}

/* Names as tar_in has them. 1: nothing is left of it. */
static int clean_names(struct archive_entry *entry, unsigned strip)
{
	const char *link = archive_entry_hardlink(entry);
	char *name = NULL, *target = NULL;

	int error = tar_name(archive_entry_pathname(entry), strip, &name);
	if (!error && link)
		error = tar_name(link, strip, &target);
	if (!error)
		archive_entry_copy_pathname(entry, *name ? name : ".");
	if (!error && link)
		archive_entry_copy_hardlink(entry, target);
	free(name);
	free(target);
	return error;
}

static void unpack(struct host *host, struct tar_input *input, struct archive_entry *entry, unsigned strip)
{
	int error = clean_names(entry, strip);

	if (error > 0)
		return;
	progress_file();
	if (error) {
		const char *name = archive_entry_pathname(entry);
		note(host, name ? name : "?", error,
		     error == -EXDEV ? "a name with \"..\", which could lead out of the directory" : NULL);
		return;
	}
	keep_flags(entry, INODE_FLAGS);
	note_top(host, entry);
	error = note_disk(host, entry, archive_write_header(host->disk, entry));
	if (!error && (archive_entry_size(entry) > 0 || archive_entry_sparse_count(entry) > 0))
		error = unpack_data(host, input, entry);
	if (error && !archive_entry_hardlink(entry) && archive_entry_filetype(entry) == AE_IFREG && host->end)
		unlink(archive_entry_pathname(entry));
	if (!error && !note_disk(host, entry, archive_write_finish_entry(host->disk)))
		host->count++;
}

static int unpack_all(struct host *host, struct tar_input *input, unsigned strip)
{
	struct archive_entry *entry;

	while (!host->end) {
		int result = files_stopped() ? ARCHIVE_FATAL
					     : archive_read_next_header(tar_input_archive(input), &entry);
		if (result == ARCHIVE_EOF)
			return tar_input_check_end(input);
		if (result == ARCHIVE_RETRY)
			continue;
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
			return tar_input_say(input);
		unpack(host, input, entry, strip);
	}
	return host->end;
}

static int go_to(const char *program, const char *directory)
{
	if (!chdir(directory))
		return 0;
	int error = -errno;
	fprintf(stderr, "%s: %s: %s\n", program, directory, strerror(-error));
	return error;
}

int tar_host_in(const char *program, struct tar_input *input, const char *directory,
		const struct tar_in_options *options)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return -ENOMEM;
	host->program = program;
	host->place = directory;
	int error = go_to(program, directory);
	if (!error)
		error = disk_open(host);
	if (!error) {
		error = unpack_all(host, input, options->strip);
		int close_error = disk_close(host);
		error = error ? error : close_error;
	}
	error = error ? error : host->first_error;
	progress_hide();
	if (error)
		fprintf(stderr, "%s: %s: %llu entries of %s were imported\n", program, directory,
			(unsigned long long)host->count, tar_input_name(input));
	free(host);
	return error;
}

/* ---- from files ---- */

/* Bytes [from, to), or zeros where the file ends by now: the head has told how many. */
static int send_data(struct host *host, int descriptor, uint64_t from, uint64_t to)
{
	while (from < to && !host->end) {
		size_t want = to - from < BUFFER_BYTES ? (size_t)(to - from) : BUFFER_BYTES;
		ssize_t got = files_stopped() ? -1 : pread(descriptor, host->buffer, want, (off_t)from);
		if (got < 0 && errno == EINTR && !files_stopped())
			continue;
		if (got <= 0)
			return files_stopped() ? -EINTR : got < 0 ? -errno : -EIO;
		if (host->output)
			host->end = tar_output_data(host->output, host->buffer, (size_t)got);
		else if (note_disk(host, host->entry,
				   (int)archive_write_data_block(host->disk, host->buffer, (size_t)got,
								 (la_int64_t)from)))
			return host->end ? host->end : -EIO;
		progress_bytes((uint64_t)got);
		from += (uint64_t)got;
	}
	return host->end;
}

static int send_hole(struct host *host, uint64_t length)
{
	if (host->output)
		host->end = tar_output_hole(host->output, length);
	return host->end;
}

static int send_contents(struct host *host, struct archive_entry *entry, int descriptor)
{
	uint64_t at = 0, size = (uint64_t)archive_entry_size(entry);
	la_int64_t offset, length;
	int error = 0;

	if (!archive_entry_sparse_reset(entry))
		return send_data(host, descriptor, 0, size);
	while (!error && archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK) {
		error = send_hole(host, (uint64_t)offset - at);
		at = (uint64_t)offset + (uint64_t)length;
		if (!error)
			error = send_data(host, descriptor, (uint64_t)offset, at);
	}
	return error ? error : send_hole(host, size - at);
}

static int open_contents(const char *path)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int descriptor = open(path, flags | O_NOATIME);

	/* without O_NOATIME for files of others */
	if (descriptor < 0 && errno == EPERM)
		descriptor = open(path, flags);
	return descriptor < 0 ? -errno : descriptor;
}

static int send_head(struct host *host, struct archive_entry *entry)
{
	if (!host->output)
		note_top(host, entry);
	if (!host->output)
		return note_disk(host, entry, archive_write_header(host->disk, entry)) ? -EALREADY : 0;
	int result = tar_output_head(host->output, entry);
	if (result < 0)
		host->end = result;
	return result > 0 ? -EOPNOTSUPP : result;
}

/* Contents are opened before the head is written: what cannot be read is not in it. -EALREADY: has been said.
 */
static int send_entry(struct host *host, struct archive_entry *entry, const char *path)
{
	bool contents = archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) &&
			archive_entry_size(entry) > 0;
	int descriptor = contents ? open_contents(path) : -1;
	int error = contents && descriptor < 0 ? descriptor : send_head(host, entry);

	if (!error && contents)
		error = send_contents(host, entry, descriptor);
	if (!error && host->disk)
		error = note_disk(host, entry, archive_write_finish_entry(host->disk)) ? -EALREADY : 0;
	if (descriptor >= 0)
		close(descriptor);
	if (!error)
		host->count++;
	return error;
}

static int set_name(struct host *host, struct archive_entry *entry, const char *path)
{
	char *name;

	if (!host->cuts) {
		archive_entry_copy_pathname(entry, path);
		return 0;
	}
	if (asprintf(&name, ".%s", path + host->prefix) < 0)
		return note(host, path, -ENOMEM, NULL);
	archive_entry_copy_pathname(entry, name);
	free(name);
	return 0;
}

/* 1: it is left out. */
static int describe(struct host *host, const FTSENT *item)
{
	struct archive_entry *entry = host->entry, *spare = NULL;

	archive_entry_clear(entry);
	if (set_name(host, entry, item->fts_path))
		return 1;
	archive_entry_copy_sourcepath(entry, item->fts_accpath);
	int result = archive_read_disk_entry_from_file(host->reader, entry, -1, item->fts_statp);
	if (result != ARCHIVE_OK) {
		int error = archive_errno(host->reader) > 0 ? -archive_errno(host->reader) : -EIO;
		note(host, item->fts_path, error, archive_error_string(host->reader));
		if (result != ARCHIVE_WARN)
			return 1;
	}
	keep_flags(entry, host->cuts ? 0 : INODE_FLAGS);
	archive_entry_unset_ctime(entry);
	archive_entry_unset_birthtime(entry);
	if (!S_ISDIR(item->fts_statp->st_mode))
		archive_entry_linkify(host->links, &entry, &spare);
	archive_entry_free(spare);
	return 0;
}

static void send_item(struct host *host, const FTSENT *item)
{
	int error = 0;

	switch (item->fts_info) {
	case FTS_DP:
		return;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		error = -item->fts_errno;
		break;
	case FTS_DC:
		error = -ELOOP;
		break;
	default:
		break;
	}
	if (!error && host->output && S_ISSOCK(item->fts_statp->st_mode)) {
		progress_hide();
		fprintf(stderr, "%s: %s: %s: note: a socket is left out\n", host->program, host->place,
			item->fts_path);
		return;
	}
	progress_file();
	if (!error && describe(host, item))
		return;
	if (!error)
		error = send_entry(host, host->entry, item->fts_accpath);
	/* of the archive it has been said */
	if (error && error != -EALREADY && (!host->end || error == -EINTR))
		note(host, item->fts_path, error, NULL);
}

static int compare_names(const FTSENT **left, const FTSENT **right)
{
	return strcmp((*left)->fts_name, (*right)->fts_name);
}

static int send_tree(struct host *host, char *path)
{
	char *const paths[] = {path, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, compare_names);
	FTSENT *item;

	if (!fts)
		return note(host, path, -errno, NULL);
	while (!host->end && (errno = 0, (item = fts_read(fts)))) {
		if (files_stopped())
			note(host, item->fts_path, -EINTR, NULL);
		else
			send_item(host, item);
	}
	if (!host->end && errno)
		note(host, path, -errno, NULL);
	fts_close(fts);
	return host->end ? host->end : host->first_error;
}

static struct host *host_new(const char *program, const char *place)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->program = program;
	host->place = place;
	host->reader = archive_read_disk_new();
	host->entry = archive_entry_new();
	host->links = archive_entry_linkresolver_new();
	if (host->links)
		archive_entry_linkresolver_set_strategy(host->links, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
	return host;
}

static void host_free(struct host *host)
{
	archive_entry_linkresolver_free(host->links);
	archive_entry_free(host->entry);
	archive_read_free(host->reader);
	free(host);
}

int tar_host_out(const char *program, const char *directory, const char *path, struct tar_output *output)
{
	struct host *host = host_new(program, directory);
	char *name = NULL;

	if (!host)
		return -ENOMEM;
	host->output = output;
	int error = tar_name(path, 0, &name);
	if (error)
		note(host, path, error, NULL);
	if (!error)
		error = go_to(program, directory);
	if (!error)
		error = send_tree(host, *name ? name : (char[]){"."});
	free(name);
	host_free(host);
	return error;
}

/* Entries are made in the present directory, and read by their whole paths. */
int tar_host_copy(const char *program, const char *source, const char *directory)
{
	struct host *host = host_new(program, directory);
	char *whole = realpath(source, NULL);
	int error = whole ? 0 : -errno;

	if (!host || error) {
		if (error)
			fprintf(stderr, "%s: %s: %s\n", program, source, strerror(-error));
		free(whole);
		return error ? error : -ENOMEM;
	}
	host->prefix = strcmp(whole, "/") ? strlen(whole) : 0;
	host->cuts = true;
	error = go_to(program, directory);
	if (!error)
		error = disk_open(host);
	if (!error) {
		error = send_tree(host, whole);
		int close_error = disk_close(host);
		error = error ? error : close_error;
	}
	free(whole);
	host_free(host);
	return error;
}
