/* Writing archives: a file that is whole or not there, or a pipe that a signal gets us out of. See tar.h. */
#include "tar.h"
#include "tar_io.h"

#include "../common/new_file.h"
#include "../common/progress.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE_BYTES  4096u /* what a pipe that can be written to takes without waiting (pipe(7)) */
#define BLOCK_BYTES 10240 /* as tar has it */
#define HOLE_BYTES  (1u << 20)

struct tar_output {
	const char *program, *name;
	struct archive *archive;
	struct new_file file; /* path NULL: there is none */
	int descriptor;
	bool said;   /* why it failed */
	int failure; /* -errno; sticky */
	bool waits;  /* a pipe or a device: writing may take for ever */
};

/* ---- what libarchive calls ---- */

static int write_part(const struct tar_output *output, const uint8_t *bytes, size_t length,
		      size_t *ret_written)
{
	int error = files_stopped() ? -EINTR : output->waits ? tar_wait(output->descriptor, POLLOUT) : 0;
	size_t most = output->waits && length > PIPE_BYTES ? PIPE_BYTES : length;
	ssize_t written = error ? -1 : write(output->descriptor, bytes, most);

	if (written < 0)
		return error ? error : errno == EINTR ? 0 : -errno;
	*ret_written += (size_t)written;
	return 0;
}

/* All of it: libarchive would go on with blocks of other sizes otherwise. A failure is ours to tell, and what
 * comes after it goes nowhere: the library leaks memory where it learns of one. */
static la_ssize_t write_all(struct archive *archive, void *context, const void *bytes, size_t length)
{
	struct tar_output *output = context;
	size_t done = 0;

	(void)archive;
	while (!output->failure && done < length)
		output->failure = write_part(output, (const uint8_t *)bytes + done, length - done, &done);
	return (la_ssize_t)length;
}

/* ---- opening ---- */

enum tar_filter tar_filter_of(const char *name)
{
	static const struct {
		const char *end;
		enum tar_filter filter;
	} ends[] = {
	    {".gz", TAR_GZIP},	  {".tgz", TAR_GZIP}, {".bz2", TAR_BZIP2}, {".tbz", TAR_BZIP2},
	    {".tbz2", TAR_BZIP2}, {".xz", TAR_XZ},    {".txz", TAR_XZ},	   {".zst", TAR_ZSTD},
	    {".tzst", TAR_ZSTD},  {".lz4", TAR_LZ4},
	};
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end = strlen(ends[i].end);
		if (length > end && !strcmp(name + length - end, ends[i].end))
			return ends[i].filter;
	}
	return TAR_PLAIN;
}

static int add_filter(struct archive *archive, enum tar_filter filter)
{
	switch (filter) {
	case TAR_GZIP:
		return archive_write_add_filter_gzip(archive);
	case TAR_BZIP2:
		return archive_write_add_filter_bzip2(archive);
	case TAR_XZ:
		return archive_write_add_filter_xz(archive);
	case TAR_ZSTD:
		return archive_write_add_filter_zstd(archive);
	case TAR_LZ4:
		return archive_write_add_filter_lz4(archive);
	case TAR_PLAIN:
	default:
		return ARCHIVE_OK;
	}
}

static int open_file(struct tar_output *output, const char *path)
{
	struct stat status;
	bool exists = !stat(path, &status);

	if (!strcmp(path, "-")) {
		output->descriptor = STDOUT_FILENO;
		output->name = "standard output";
		if (isatty(STDOUT_FILENO))
			return -ENOTTY;
	} else if (exists && !S_ISREG(status.st_mode)) {
		output->descriptor = open(path, O_WRONLY | O_CLOEXEC);
		if (output->descriptor < 0)
			return -errno;
	} else {
		int error = new_file_open(path, 0666, &output->file);
		if (!error)
			output->descriptor = output->file.descriptor;
		return !error && exists ? new_file_like(&output->file, &status) : error;
	}
	if (fstat(output->descriptor, &status))
		return -errno;
	output->waits = !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode);
	return 0;
}

/* A filter that the library cannot do by itself runs a program (ARCHIVE_WARN), if there is one. */
static int start(struct tar_output *output, enum tar_filter filter)
{
	struct archive *archive = archive_write_new();

	if (!archive)
		return -ENOMEM;
	output->archive = archive;
	/* names that are UTF-8 are written as such, others byte for byte with a mark */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (archive_write_set_format_pax(archive) != ARCHIVE_OK ||
	    archive_write_set_options(archive, "xattrheader=SCHILY") < ARCHIVE_WARN ||
	    add_filter(archive, filter) < ARCHIVE_WARN)
		return -EIO;
	/* the same files give the same archive */
	if (filter == TAR_GZIP && archive_write_set_options(archive, "!timestamp") < ARCHIVE_WARN)
		return -EIO;
	archive_write_set_bytes_per_block(archive, output->waits ? BLOCK_BYTES : 64 * BLOCK_BYTES);
	archive_write_set_bytes_in_last_block(archive, filter == TAR_PLAIN ? BLOCK_BYTES : 1);
	return archive_write_open(archive, output, NULL, write_all, NULL) == ARCHIVE_OK ? 0 : -EIO;
}

/* Says once why nothing more can be written. */
static int check(struct tar_output *output)
{
	if (!output->failure || output->said)
		return output->failure;
	output->said = true;
	tar_say(output->program, output->name,
		output->failure == -EINTR ? "stopped by a signal" : strerror(-output->failure));
	return output->failure;
}

/* Of what the library does not do; the errno of it. */
static int say(const struct tar_output *output)
{
	int error = archive_errno(output->archive);
	const char *text = archive_error_string(output->archive);

	tar_say(output->program, output->name, text ? text : "cannot be written");
	return error > 0 ? -error : -EIO;
}

int tar_output_open(const char *program, const char *path, enum tar_filter filter,
		    struct tar_output **ret_output)
{
	struct tar_output *output = calloc(1, sizeof(*output));
	int error = -ENOMEM;

	if (output) {
		*output = (struct tar_output){
		    .program = program, .name = path, .descriptor = -1, .file.descriptor = -1};
		error = open_file(output, path);
		if (!error)
			error = start(output, filter);
	}
	if (error && output && output->archive) {
		error = say(output);
	} else if (error) {
		tar_say(program, path,
			error == -ENOTTY ? "an archive is not written to a terminal; give a file, or a pipe"
					 : strerror(-error));
	}
	if (error)
		tar_output_close(output);
	else
		*ret_output = output;
	return error;
}

struct archive *tar_output_archive(struct tar_output *output)
{
	return output->archive;
}

/* ---- entries ---- */

int tar_output_head(struct tar_output *output, struct archive_entry *entry)
{
	output->failure = output->failure ? output->failure : tar_sort_xattrs(entry);
	int result = archive_write_header(output->archive, entry);

	/* ARCHIVE_WARN: a name that is no UTF-8 is written byte for byte, and marked so */
	if (output->failure || result == ARCHIVE_OK || result == ARCHIVE_WARN)
		return check(output);
	int error = say(output);
	if (result == ARCHIVE_FAILED)
		return 1;
	output->failure = error;
	output->said = true;
	return error;
}

int tar_output_failure(const struct tar_output *output)
{
	return output->failure;
}

int tar_output_data(struct tar_output *output, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		la_ssize_t written = archive_write_data(output->archive, at, length);
		if (written < 0 && !output->failure) {
			output->failure = say(output);
			output->said = true;
		}
		if (output->failure)
			return check(output);
		if (written == 0)
			return 0; /* more than the head told */
		at += written;
		length -= (size_t)written;
	}
	return 0;
}

/* libarchive counts the bytes of a hole and does not look at them. */
int tar_output_hole(struct tar_output *output, uint64_t length)
{
	static uint8_t zeros[HOLE_BYTES]; /* not const: then the file of the program would hold them */

	while (length > 0) {
		size_t step = length < HOLE_BYTES ? (size_t)length : HOLE_BYTES;
		int error = files_stopped() ? -EINTR : tar_output_data(output, zeros, step);
		if (error)
			return error;
		length -= step;
	}
	return 0;
}

/* ---- the end ---- */

static int name_file(struct tar_output *output)
{
	if (!output->file.path)
		return 0;
	int error = fsync(output->file.descriptor) ? -errno : new_file_name(&output->file, true);
	if (error)
		tar_say(output->program, output->name, strerror(-error));
	return error;
}

int tar_output_finish(struct tar_output *output)
{
	progress_say("writing it out");
	int error = archive_write_close(output->archive) == ARCHIVE_OK ? 0 : say(output);
	if (output->failure)
		error = check(output);
	return error ? error : name_file(output);
}

void tar_output_close(struct tar_output *output)
{
	if (!output)
		return;
	if (output->archive) {
		/* no end mark behind half an archive */
		if (!output->failure)
			output->failure = -ECANCELED;
		archive_write_free(output->archive);
	}
	if (output->file.path)
		new_file_close(&output->file);
	else if (output->descriptor > STDERR_FILENO)
		close(output->descriptor);
	free(output);
}
