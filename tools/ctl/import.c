/* mmfsctl import: what is in an archive or a directory becomes files of an image. */
#include "archive.h"

#include "../archive/tar.h"
#include "../common/progress.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import_settings {
	const char *image, *source, *path;
	struct tar_in_options options;
};

static unsigned parse_number(const char *text)
{
	char *end;

	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > 1000)
		archive_wrong_usage("import", "--strip-components takes a number");
	return (unsigned)number;
}

static void take_option(void *context, int letter, const char *argument)
{
	struct import_settings *settings = context;

	(void)letter;
	settings->options.strip = parse_number(argument);
}

static void parse(int count, char **arguments, struct import_settings *settings)
{
	static const struct option names[] = {
	    {"strip-components", required_argument, NULL, 's'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int next = archive_options(count, arguments, "h", names, take_option, settings);

	if (count - next < 2)
		archive_wrong_usage("import", "give an image or mountpoint, and what to import");
	if (count - next > 3)
		archive_wrong_usage("import", "too many arguments");
	settings->image = arguments[next];
	settings->source = arguments[next + 1];
	settings->path = count - next == 3 ? arguments[next + 2] : "/";
	if (settings->options.strip && archive_is_mount(settings->source))
		archive_wrong_usage("import", "--strip-components is for archives");
}

/* ---- into an image ---- */

static int import_directory(struct files *files, const char *source, uint64_t directory)
{
	struct copy_in *copy = copy_in_open(files, false);

	if (!copy)
		return files_say(files, "/", -ENOMEM);
	int error = copy_in_tree(copy, source, directory, (struct fs_name){0});
	copy_in_close(copy);
	return error;
}

/* input NULL: the source is a directory. */
static int import_image(const struct import_settings *settings, struct tar_input *input)
{
	struct files files;
	struct fs_attr attr;

	int error = files_open(PROGRAM, settings->image, true, &files);
	if (error)
		return error;
	error = path_find(files.fs, settings->path, true, &attr);
	if (!error && !S_ISDIR(attr.mode))
		error = -ENOTDIR;
	if (error)
		files_say_cannot(&files, "import anything at", settings->path, error);
	else if (input)
		error = tar_in(&files, input, attr.inode, &settings->options);
	else
		error = import_directory(&files, settings->source, attr.inode);
	int close_error = files_close(&files);
	return error ? error : close_error;
}

/* ---- into a mount ---- */

static int import_mount(const struct import_settings *settings, struct tar_input *input)
{
	struct mounted mounted;
	char *directory = NULL;

	int error = mounted_open(settings->image, &mounted);
	if (error)
		return error;
	if (asprintf(&directory, "%s/%s", mounted.path, settings->path) < 0) {
		directory = NULL;
		error = -ENOMEM;
	}
	if (!error && input)
		error = tar_host_in(PROGRAM, input, directory, &settings->options);
	else if (!error)
		error = tar_host_copy(PROGRAM, settings->source, directory);
	free(directory);
	mounted_close(&mounted);
	return error;
}

int import_command(int count, char **arguments)
{
	struct import_settings settings = {.path = NULL};
	struct tar_input *input = NULL;
	int error = 0;

	parse(count, arguments, &settings);
	files_catch_signals();
	progress_start(PROGRAM, "importing");
	/* before the image is opened: nothing happens to it if there is none */
	if (!archive_is_mount(settings.source))
		error = tar_input_open(PROGRAM, settings.source, &input);
	progress_hide();
	char *place = NULL;
	if (!error)
		error = target_place(settings.image, true, &place);
	settings.image = place;
	if (!error && archive_is_mount(place))
		error = import_mount(&settings, input);
	else if (!error)
		error = import_image(&settings, input);
	progress_end();
	free(place);
	tar_input_close(input);
	return error;
}
