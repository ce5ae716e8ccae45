/* Reading archives: from a file, or from a pipe that a signal gets us out of. See tar.h. */
#include "tar.h"
#include "tar_io.h"

#include "../common/progress.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 18)

struct tar_input {
	const char *program, *name;
	struct archive *archive;
	int descriptor;
	bool regular;
	bool at_end; /* a read has found the end of it */
	uint64_t read, size;
	uint8_t buffer[BUFFER_BYTES];
};

/* ---- what libarchive calls ---- */

static la_ssize_t read_some(struct archive *archive, void *context, const void **ret_bytes)
{
	struct tar_input *input = context;
	int error = files_stopped() ? -EINTR : input->regular ? 0 : tar_wait(input->descriptor, POLLIN);
	ssize_t got = -1;

	while (!error && (got = read(input->descriptor, input->buffer, BUFFER_BYTES)) < 0)
		if (errno != EINTR)
			error = -errno;
	if (error) {
		archive_set_error(archive, -error, "%s",
				  error == -EINTR ? "stopped by a signal" : strerror(-error));
		return -1;
	}
	if (got == 0)
		input->at_end = true;
	input->read += (uint64_t)got;
	progress_reach(input->read, input->size);
	*ret_bytes = input->buffer;
	return got;
}

static la_int64_t skip_some(struct archive *archive, void *context, la_int64_t request)
{
	struct tar_input *input = context;
	uint64_t left = input->size > input->read ? input->size - input->read : 0;
	off_t step = (uint64_t)request < left ? request : (off_t)left;

	(void)archive;
	/* what is not skipped is read */
	if (!input->regular || step <= 0 || lseek(input->descriptor, step, SEEK_CUR) < 0)
		return 0;
	input->read += (uint64_t)step;
	return step;
}

static la_int64_t seek_to(struct archive *archive, void *context, la_int64_t offset, int whence)
{
	struct tar_input *input = context;
	off_t at = lseek(input->descriptor, offset, whence);

	if (at < 0) {
		archive_set_error(archive, errno, "%s", strerror(errno));
		return ARCHIVE_FATAL;
	}
	input->read = (uint64_t)at;
	input->at_end = false;
	return at;
}

/* ---- opening and closing ---- */

static int open_file(struct tar_input *input, const char *path)
{
	struct stat status;

	if (!strcmp(path, "-")) {
		input->descriptor = STDIN_FILENO;
		input->name = "standard input";
	} else {
		input->descriptor = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (input->descriptor < 0 || fstat(input->descriptor, &status))
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (input->descriptor == STDIN_FILENO && isatty(STDIN_FILENO))
		return -ENOTTY;
	input->regular = S_ISREG(status.st_mode);
	input->size = input->regular ? (uint64_t)status.st_size : 0;
	return 0;
}

/* Not all that the library knows: mtree takes any text for a list of files and reads those, and some filters
 * run programs. */
static void support(struct archive *archive)
{
	static int (*const filters[])(struct archive *) = {
	    archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
	    archive_read_support_filter_xz,   archive_read_support_filter_lzma,
	    archive_read_support_filter_zstd, archive_read_support_filter_lz4,
	    archive_read_support_filter_lzip, archive_read_support_filter_compress,
	    archive_read_support_filter_rpm,
	};
	static int (*const formats[])(struct archive *) = {
	    archive_read_support_format_tar, archive_read_support_format_cpio,
	    archive_read_support_format_zip, archive_read_support_format_7zip,
	    archive_read_support_format_ar,  archive_read_support_format_cab,
	    archive_read_support_format_lha, archive_read_support_format_iso9660,
	    archive_read_support_format_rar, archive_read_support_format_rar5,
#ifndef MMFS_STATIC
	    archive_read_support_format_xar,
#endif
	};

	/* one that the library was built without is not recognised then */
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		(void)filters[i](archive);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		(void)formats[i](archive);
}

static int start(struct tar_input *input)
{
	struct archive *archive = archive_read_new();

	if (!archive)
		return -ENOMEM;
	input->archive = archive;
	/* names are UTF-8, or bytes */
	setlocale(LC_CTYPE, "C.UTF-8");
	support(archive);
	archive_read_set_callback_data(archive, input);
	archive_read_set_read_callback(archive, read_some);
	archive_read_set_skip_callback(archive, skip_some);
	if (input->regular)
		archive_read_set_seek_callback(archive, seek_to);
	return archive_read_open1(archive) == ARCHIVE_OK ? 0 : -EUCLEAN;
}

int tar_input_open(const char *program, const char *path, struct tar_input **ret_input)
{
	struct tar_input *input = calloc(1, sizeof(*input));
	int error = -ENOMEM;

	if (input) {
		*input = (struct tar_input){.program = program, .name = path, .descriptor = -1};
		error = open_file(input, path);
	}
	if (error) {
		tar_say(program, path, error == -ENOTTY ? "a terminal; give an archive" : strerror(-error));
		tar_input_close(input);
		return error;
	}
	error = start(input);
	if (error) {
		error = input->archive ? tar_input_say(input) : error;
		tar_input_close(input);
		return error;
	}
	*ret_input = input;
	return 0;
}

struct archive *tar_input_archive(struct tar_input *input)
{
	return input->archive;
}

const char *tar_input_name(const struct tar_input *input)
{
	return input->name;
}

int tar_input_say(struct tar_input *input)
{
	const char *text = archive_error_string(input->archive);
	bool stopped = files_stopped();

	if (stopped)
		text = "stopped by a signal";
	else if (!input->read)
		text = "empty; no archive";
	tar_say(input->program, input->name, text ? text : "cannot be read");
	return stopped ? -EINTR : -EUCLEAN;
}

/* Who writes into a pipe may have more behind the end mark (tar fills its last block), and would be killed.
 */
static int drain(struct tar_input *input)
{
	const void *bytes;
	la_ssize_t got = 1;

	while (got > 0 && !input->regular && !input->at_end)
		got = read_some(input->archive, input, &bytes);
	return got < 0 ? tar_input_say(input) : 0;
}

/* A tar that was cut between two entries is like a whole one, but for the zeros at its end. What a filter has
 * unpacked is as long as its own end mark says. */
int tar_input_check_end(struct tar_input *input)
{
	struct archive *archive = input->archive;
	bool is_tar = (archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;

	if (input->read > 0 && (!is_tar || !input->at_end || archive_filter_count(archive) > 1))
		return drain(input);
	tar_say(input->program, input->name,
		input->read ? "its end mark is missing; it was cut short" : "empty; no archive");
	return -EUCLEAN;
}

void tar_input_close(struct tar_input *input)
{
	if (!input)
		return;
	archive_read_free(input->archive);
	if (input->descriptor > STDIN_FILENO)
		close(input->descriptor);
	free(input);
}
