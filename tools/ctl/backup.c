/*
 * mmfsctl backup: a copy of an image, at one moment, whether it is mounted or not. It is made in a file
 * without a name where the host has those, and gets its name when it is complete: whatever interrupts that
 * leaves none.
 */
#include "admin.h"

#include "../common/backup_file.h"
#include "../common/facts.h"
#include "../common/files.h"
#include "../common/open_image.h"
#include "../common/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct copy {
	const char *path; /* where it goes */
	int descriptor;
	char temporary[PATH_MAX]; /* name that it has until it is complete; "": none */
	bool force;
	struct control_backup told;
	bool cold; /* the source's records that were not sealed do not count */
};

static int say(const char *path, int error, const char *what)
{
	progress_hide();
	fprintf(stderr, PROGRAM ": %s: %s\n", path, what);
	return error;
}

static bool is_stopped(void *context)
{
	(void)context;
	return files_stopped();
}

/* ---- the file ---- */

static int copy_create(struct copy *copy)
{
	char directory[PATH_MAX];
	struct stat status;

	if (!copy->force && !lstat(copy->path, &status))
		return say(copy->path, -EEXIST, "exists; give another name, or --force to replace it");
	if (strlen(copy->path) + sizeof(".XXXXXX") > sizeof(copy->temporary))
		return say(copy->path, -ENAMETOOLONG, strerror(ENAMETOOLONG));
	strcpy(directory, copy->path);
	copy->descriptor = open(dirname(directory), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (copy->descriptor >= 0)
		return 0;
	snprintf(copy->temporary, sizeof(copy->temporary), "%s.XXXXXX", copy->path);
	copy->descriptor = mkostemp(copy->temporary, O_CLOEXEC);
	if (copy->descriptor >= 0)
		return 0;
	int error = -errno;
	copy->temporary[0] = 0;
	return say(copy->path, error, strerror(-error));
}

static void copy_drop(struct copy *copy)
{
	if (copy->temporary[0])
		unlink(copy->temporary);
	if (copy->descriptor >= 0)
		close(copy->descriptor);
}

/* A name for what has none. With --force one that can then be moved over the old file. */
static int give_name(struct copy *copy)
{
	char own[64], name[PATH_MAX];

	snprintf(own, sizeof(own), "/proc/self/fd/%d", copy->descriptor);
	if (!copy->force)
		return linkat(AT_FDCWD, own, AT_FDCWD, copy->path, AT_SYMLINK_FOLLOW) ? -errno : 0;
	snprintf(name, sizeof(name), "%s.XXXXXX", copy->path);
	int descriptor = mkostemp(name, O_CLOEXEC);
	if (descriptor < 0)
		return -errno;
	close(descriptor);
	if (unlink(name) || linkat(AT_FDCWD, own, AT_FDCWD, name, AT_SYMLINK_FOLLOW))
		return -errno;
	strcpy(copy->temporary, name);
	return 0;
}

static int copy_finish(struct copy *copy)
{
	int error = copy->temporary[0] ? 0 : give_name(copy);

	if (!error && copy->temporary[0]) {
		unsigned flags = copy->force ? 0 : RENAME_NOREPLACE;
		if (renameat2(AT_FDCWD, copy->temporary, AT_FDCWD, copy->path, flags))
			error = -errno;
		else
			copy->temporary[0] = 0;
	}
	return error ? say(copy->path, error, strerror(-error)) : 0;
}

/* ---- filling it ---- */

static const char *refusal(int error)
{
	switch (-error) {
	case EPERM:
		return "only root and the user who mounted it may copy it";
	case ENOTTY:
		return "it is served by a version that cannot copy it ('" PROGRAM " upgrade' changes that)";
	case ESRCH:
	case EACCES:
	case ENOENT:
		return "its daemon cannot reach the copy: do this as the user who mounted it, in its pid "
		       "namespace";
	case ENOSPC:
	case EDQUOT:
		return "there is no room for the copy";
	case EINTR:
		return "stopped by a signal";
	default:
		return strerror(-error);
	}
}

static int say_failed(const struct target *target, int error)
{
	return say(target->path, error, refusal(error));
}

static int copy_mounted(struct copy *copy, const struct target *target)
{
	/* what the kernel still holds (-o writeback) */
	if (syncfs(target->mounted.descriptor))
		return say_failed(target, -errno);
	struct control_info info = {0};
	if (!ioctl(target->mounted.descriptor, CONTROL_INFO, &info))
		progress_watch(copy->descriptor, info.size);
	copy->told = (struct control_backup){.magic = CONTROL_MAGIC, .descriptor = copy->descriptor};
	if (ioctl(target->mounted.descriptor, CONTROL_BACKUP, &copy->told))
		return say_failed(target, -errno);
	return copy->told.magic == CONTROL_MAGIC ? 0 : say_failed(target, -EPROTO);
}

static int copy_image(struct copy *copy, const struct target *target)
{
	struct image_report found = {0};
	struct image_backup_report report;
	struct open_image_options options = {.read_only = true, .image.no_syncer = true, .report = &found};
	struct image *image;
	int error = open_image(PROGRAM, target->path, &options, &image, NULL);

	if (error)
		return error;
	struct backup_file file = {.descriptor = copy->descriptor, .source = -1, .stopped = is_stopped};
	struct image_sink sink = backup_file_sink(&file);
	progress_watch(copy->descriptor, image_size_blocks(image) << BLOCK_SHIFT);
	error = image_backup(image, NULL, &sink, &report);
	copy->cold = !found.warm;
	copy->told = (struct control_backup){.copied = report.copied_bytes};
	int close_error = image_close(image);
	if (!error && files_stopped())
		error = -EINTR;
	if (!error)
		error = close_error;
	return error ? say_failed(target, error) : 0;
}

/* Recovery brings what the journal has home, and makes a clean image of it. */
static int make_clean(const struct copy *copy)
{
	struct open_image_options options = {.quiet = true, .image.no_syncer = true};
	char path[64];
	struct image *image;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy->descriptor);
	progress_say("writing the copy out");
	options.image.recover = copy->cold ? RECOVER_COLD : RECOVER_WARM;
	int error = open_image(PROGRAM, path, &options, &image, NULL);
	if (!error)
		error = image_close(image);
	return error ? say(copy->path, error, "the copy could not be completed") : 0;
}

/* ---- the command ---- */

static void print_result(const struct copy *copy, const struct target *target, enum output output)
{
	const struct control_backup *told = &copy->told;
	unsigned long long copied = told->copied, frozen = told->frozen_microseconds;

	if (output == OUTPUT_JSON) {
		fputs("{\"path\": ", stdout);
		json_string(target->path);
		fputs(", \"copy\": ", stdout);
		json_string(copy->path);
		printf(", \"copied_bytes\": %llu, \"cloned\": %s, \"frozen_microseconds\": %llu}\n", copied,
		       told->cloned ? "true" : "false", frozen);
		return;
	}
	printf("%s: copied to %s", target->path, copy->path);
	if (told->cloned)
		fputs(" by sharing blocks", stdout);
	if (target->is_mounted)
		printf("; changes waited for %llu.%03llu s", frozen / 1000000, frozen / 1000 % 1000);
	putchar('\n');
}

static int copy_target(struct copy *copy, const struct target *target)
{
	int error = copy_create(copy);

	if (error)
		return error;
	copy->cold = true;
	progress_start(PROGRAM, "copying");
	error = target->is_mounted ? copy_mounted(copy, target) : copy_image(copy, target);
	if (!error)
		error = make_clean(copy);
	if (!error)
		error = copy_finish(copy);
	progress_end();
	copy_drop(copy);
	return error;
}

int backup_run(const char *path, const char *to, bool force, enum output output)
{
	struct copy copy = {.path = to, .descriptor = -1, .force = force};
	struct target target;
	int error = target_find(path, false, &target);

	if (error)
		return error;
	files_catch_signals();
	error = copy_target(&copy, &target);
	if (!error)
		print_result(&copy, &target, output);
	target_close(&target);
	return error;
}
