/* mmfsctl export: an image's files as a tar. */
#include "archive.h"

#include "../archive/tar.h"
#include "../common/progress.h"
#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct export_settings {
	const char *image, *file;
	enum tar_filter filter;
	bool chosen; /* the filter, by an option */
	int count;   /* of paths; 0: everything */
	char **paths;
};

static void choose_filter(void *context, int letter, const char *argument)
{
	struct export_settings *settings = context;
	static const char letters[] = "zjJZ4";
	static const enum tar_filter filters[] = {TAR_GZIP, TAR_BZIP2, TAR_XZ, TAR_ZSTD, TAR_LZ4};

	(void)argument;
	settings->filter = filters[strchr(letters, letter) - letters];
	settings->chosen = true;
}

static void parse(int count, char **arguments, struct export_settings *settings)
{
	static const struct option names[] = {
	    {"gzip", no_argument, NULL, 'z'},
	    {"bzip2", no_argument, NULL, 'j'},
	    {"xz", no_argument, NULL, 'J'},
	    {"zstd", no_argument, NULL, 'Z'},
	    {"lz4", no_argument, NULL, '4'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int next = archive_options(count, arguments, "zjJh", names, choose_filter, settings);

	if (next == count)
		archive_wrong_usage("export", "give an image file or a mountpoint");
	settings->image = arguments[next++];
	settings->file = next < count ? arguments[next++] : "-";
	settings->count = count - next;
	settings->paths = arguments + next;
	if (!settings->chosen)
		settings->filter = tar_filter_of(settings->file);
}

/* ---- of an image ---- */

static int write_files(const struct files *files, const struct export_settings *settings,
		       struct tar_output *output)
{
	struct tar_out *out = tar_out_open(files, output);
	int first_error = 0;

	if (!out)
		return files_say(files, "/", -ENOMEM);
	if (!settings->count)
		first_error = tar_out_tree(out, "/");
	for (int i = 0; i < settings->count && !files_stopped(); i++) {
		int error = tar_out_tree(out, settings->paths[i]);
		first_error = first_error ? first_error : error;
	}
	tar_out_close(out);
	return first_error;
}

/* What could not be read is said, and the rest is an archive all the same; but not what was stopped or could
 * not be written. */
static int finish(struct tar_output *output, int error)
{
	int end = files_stopped() ? -EINTR : tar_output_failure(output);

	if (!end)
		end = tar_output_finish(output);
	tar_output_close(output);
	return error ? error : end;
}

static int export_image(const struct export_settings *settings)
{
	struct tar_output *output;
	struct files files;

	int error = files_open(PROGRAM, settings->image, false, &files);
	if (error)
		return error;
	error = tar_output_open(PROGRAM, settings->file, settings->filter, &output);
	if (!error) {
		progress_start(PROGRAM, "exporting");
		error = finish(output, write_files(&files, settings, output));
		progress_end();
	}
	int close_error = files_close(&files);
	return error ? error : close_error;
}

/* ---- of a mount ---- */

static int export_mount(const struct export_settings *settings)
{
	struct tar_output *output;
	struct mounted mounted;
	int first_error = 0;

	int error = mounted_open(settings->image, &mounted);
	if (error)
		return error;
	error = tar_output_open(PROGRAM, settings->file, settings->filter, &output);
	if (!error) {
		progress_start(PROGRAM, "exporting");
		if (!settings->count)
			first_error = tar_host_out(PROGRAM, mounted.path, "/", output);
		for (int i = 0; i < settings->count && !files_stopped(); i++) {
			error = tar_host_out(PROGRAM, mounted.path, settings->paths[i], output);
			first_error = first_error ? first_error : error;
		}
		error = finish(output, first_error);
		progress_end();
	}
	mounted_close(&mounted);
	return error;
}

int export_command(int count, char **arguments)
{
	struct export_settings settings = {.count = 0};

	parse(count, arguments, &settings);
	files_catch_signals();
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error like any other */
	char *place;
	int error = target_place(settings.image, false, &place);
	if (error)
		return error;
	settings.image = place;
	error = archive_is_mount(place) ? export_mount(&settings) : export_image(&settings);
	free(place);
	return error;
}
