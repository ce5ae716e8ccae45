/* Opening and closing the files of an image, and the messages about them. */
#include "files.h"

#include "open_image.h"
#include "progress.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void note_signal(int number)
{
	(void)number;
	stopped = 1;
}

void files_catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
	struct sigaction old;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		/* nohup(1) and shells without job control have them ignored */
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

bool files_stopped(void)
{
	return stopped;
}

/* ---- messages ---- */

/* Errors for which there is more to say than their name. */
static const char *advice(const struct files *files, int error, char *text, size_t room)
{
	switch (-error) {
	case EUCLEAN:
		if (!files->image)
			return "damaged; unmount it and run fsck.mmfs";
		snprintf(text, room, "damaged (%s); check the image with fsck.mmfs",
			 image_damage(files->image));
		return text;
	case ENOSPC:
		return "no room left in the image, or none on its host; free some space, or raise its limit";
	case EINTR:
		return "stopped by a signal";
	case EIO:
		if (files_failed(files))
			return "the host failed to write the image; nothing more is written to it";
		return strerror(EIO);
	default:
		return strerror(-error);
	}
}

/* Names come from the image or the host: a terminal gets nothing that it could take for a command. */
static void put_name(const char *name)
{
	bool terminal = isatty(STDERR_FILENO);

	for (; *name; name++)
		fputc(terminal && ((unsigned char)*name < ' ' || *name == 127) ? '?' : *name, stderr);
}

/* verb NULL: none. */
static int say(const struct files *files, const char *verb, const char *path, int error)
{
	char text[512];

	progress_hide();
	fprintf(stderr, "%s: %s: ", files->program, files->image_path);
	if (verb)
		fprintf(stderr, "cannot %s ", verb);
	put_name(path);
	fprintf(stderr, ": %s\n", advice(files, error, text, sizeof(text)));
	return error;
}

int files_say(const struct files *files, const char *path, int error)
{
	return say(files, NULL, path, error);
}

int files_say_cannot(const struct files *files, const char *verb, const char *path, int error)
{
	return say(files, verb, path, error);
}

/* ---- opening and closing ---- */

int files_open_in(const char *program, const char *image_path, struct image *image, struct files *ret_files)
{
	struct files files = {.program = program, .image_path = image_path, .image = image};
	struct fs_options options = {
	    .read_only = image_read_only(image),
	    .acl = true,
	    .root_uid = getuid(),
	    .root_gid = getgid(),
	};

	int error = fs_open(image, &options, &files.fs);
	if (error) {
		files_say(&files, "/", error);
		image_drop(image);
		return error;
	}
	*ret_files = files;
	return 0;
}

int files_open(const char *program, const char *image_path, bool writing, struct files *ret_files)
{
	struct open_image_options options = {.read_only = !writing, .image.no_syncer = !writing};
	struct image *image;

	int error = open_image(program, image_path, &options, &image, NULL);
	return error ? error : files_open_in(program, image_path, image, ret_files);
}

int files_open_mount(const char *program, const char *path, int root, struct files *ret_files)
{
	struct files files = {.program = program, .image_path = path};
	int error = tree_mount_open(root);

	if (error)
		return files_say(&files, "/", error);
	*ret_files = files;
	return 0;
}

bool files_failed(const struct files *files)
{
	return files->image && image_failure(files->image);
}

int files_close(struct files *files)
{
	if (!files->image) {
		tree_mount_close();
		return 0;
	}
	progress_say("writing it out");
	int error = fs_close(files->fs);
	int failure = image_failure(files->image);
	int close_error = image_close(files->image);

	progress_end();
	if (!error)
		error = close_error;
	if (error)
		fprintf(stderr, "%s: %s: writing it out failed: %s\n", files->program, files->image_path,
			strerror(failure ? failure : -error));
	return error;
}
