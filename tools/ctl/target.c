/* See target.h. */
#include "admin.h"

#include "../common/open_image.h"
#include "../common/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line of /proc/self/mountinfo. */
struct mount_line {
	const char *point, *source, *options;
};

/* A blank is written as \040, and so on. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = 0;
}

/* Of a whole mmfs mount; false: of something else. "36 35 98:0 /root /point options - type source options" */
static bool parse_line(char *line, struct mount_line *ret)
{
	char *fields[5], *rest = strstr(line, " - "), *save;

	if (!rest)
		return false;
	for (unsigned i = 0; i < 5; i++)
		if (!(fields[i] = strtok_r(i ? NULL : line, " ", &save)))
			return false;
	char *type = strtok_r(rest + 3, " \n", &save);
	char *source = strtok_r(NULL, " \n", &save), *options = strtok_r(NULL, " \n", &save);
	if (!options || strcmp(fields[3], "/") != 0 || strcmp(type, "fuse.mmfs") != 0)
		return false;
	unescape(fields[4]);
	unescape(source);
	*ret = (struct mount_line){.point = fields[4], .source = source, .options = options};
	return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int say_private(const char *image, const struct mount_line *mount)
{
	const char *id = strstr(mount->options, "user_id=");
	unsigned long uid = id ? strtoul(id + strlen("user_id="), NULL, 10) : 0;
	const struct passwd *user = getpwuid((uid_t)uid);

	fprintf(stderr, PROGRAM ": %s: mounted at %s by the user ", image, mount->point);
	if (user)
		fputs(user->pw_name, stderr);
	else
		fprintf(stderr, "%lu", uid);
	fputs(
	    ", who alone may look into that mount (root neither): do this as that user, or mount it with -o "
	    "allow_root or allow_other\n",
	    stderr);
	return -EACCES;
}

/* Does that mount serve the image? 1: yes, it is open; 0: no; or it cannot be asked: -errno, said. */
static int try_mount(const struct mount_line *mount, const char *image, const struct stat *wanted,
		     struct mounted *ret_mounted)
{
	struct stat status;
	bool named = !stat(mount->source, &status) && same_file(&status, wanted);

	/* With -o fsname the source may be anything; one that is another file is none of it. */
	if (!named && mount->source[0] == '/' && !stat(mount->source, &status))
		return 0;
	int descriptor = open(mount->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0)
		return named && errno == EACCES ? say_private(image, mount) : 0;
	close(descriptor);
	if (mounted_try(mount->point, ret_mounted))
		return 0;
	/* what a scratch mount shows is its own */
	if (!ret_mounted->status.scratch && !stat(ret_mounted->status.image, &status) &&
	    same_file(&status, wanted))
		return 1;
	mounted_close(ret_mounted);
	return 0;
}

static int search_mounts(const char *image, const struct stat *wanted, struct mounted *ret_mounted)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t room = 0;
	char *line = NULL;
	int found = 0;

	while (file && !found && getline(&line, &room, file) > 0) {
		struct mount_line mount;
		if (parse_line(line, &mount))
			found = try_mount(&mount, image, wanted, ret_mounted);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static int say_read_only(struct target *target)
{
	fprintf(stderr,
		PROGRAM ": %s: mounted read-only at %s: nothing can be changed there; unmount it first\n",
		target->path, target->mounted.path);
	mounted_close(&target->mounted);
	return -EROFS;
}

int target_find(const char *path, bool changes, struct target *ret_target)
{
	struct target target = {.path = path};
	struct stat status = {.st_mode = S_IFREG};
	int missing = stat(path, &status) ? errno : 0, found = 0;

	if (S_ISDIR(status.st_mode) || missing == ENOTCONN || missing == ECONNABORTED) {
		int error = mounted_open(path, &target.mounted);
		if (error)
			return error;
		found = 1;
	} else if (!missing) {
		found = search_mounts(path, &status, &target.mounted);
		if (found < 0)
			return found;
		if (found && !changes && target.mounted.status.read_only) {
			mounted_close(&target.mounted);
			found = 0;
		}
	}
	target.is_mounted = found;
	if (found && changes && target.mounted.status.read_only)
		return say_read_only(&target);
	*ret_target = target;
	return 0;
}

int target_mounted(const char *path, struct mounted *ret_mounted)
{
	struct target target = {.path = path};
	struct stat status;
	int found = 0;

	if (stat(path, &status) || S_ISDIR(status.st_mode))
		return mounted_open(path, ret_mounted);
	found = search_mounts(path, &status, &target.mounted);
	if (found > 0)
		*ret_mounted = target.mounted;
	if (found == 0) {
		fprintf(stderr, PROGRAM ": %s: not mounted here; '" PROGRAM " info' tells about an image\n",
			path);
		found = -ENOTCONN;
	}
	return found < 0 ? found : 0;
}

int target_place(const char *path, bool changes, char **ret_place)
{
	struct target target;
	int error = target_find(path, changes, &target);

	if (error)
		return error;
	*ret_place = strdup(target.is_mounted ? target.mounted.path : path);
	target_close(&target);
	return *ret_place ? 0 : -ENOMEM;
}

int target_not_mounted(const char *path)
{
	struct target target;
	int error = target_find(path, false, &target);

	if (error || !target.is_mounted)
		return error;
	fprintf(stderr,
		PROGRAM
		": %s: mounted at %s: its blocks change while they are read; dump a copy that '" PROGRAM
		" backup' makes, or unmount it\n",
		path, target.mounted.path);
	target_close(&target);
	return -EBUSY;
}

void target_close(struct target *target)
{
	if (target->is_mounted)
		mounted_close(&target->mounted);
}

/* ---- asking ---- */

static const char *reason(int error)
{
	switch (-error) {
	case EPERM:
		return "only root and the user who mounted it may";
	case ENOTTY:
	case ENOSYS:
		return "it is served by a version that knows no such command ('" PROGRAM
		       " upgrade' changes that)";
	case EROFS:
		return "it is mounted read-only";
	case EOPNOTSUPP:
		return "it is a scratch mount, which does not change the image";
	case ENOSPC:
		return "no room left on its host";
	case ENXIO:
		return "its device is smaller than before";
	case EIO:
		return "the host failed to read or write it; see its log for disk errors";
	case EUCLEAN:
		return "damaged; check it with fsck.mmfs";
	case EPROTO:
		return "its daemon's answer makes no sense";
	default:
		return strerror(-error);
	}
}

int target_say(const struct target *target, const char *verb, int error)
{
	progress_hide();
	fprintf(stderr, PROGRAM ": %s: cannot %s: %s\n", target->path, verb, reason(error));
	return error;
}

int target_ask(const struct target *target, unsigned long command, void *answer, const char *verb)
{
	uint32_t magic;

	if (ioctl(target->mounted.descriptor, command, answer))
		return target_say(target, verb, -errno);
	if (!answer)
		return 0;
	memcpy(&magic, answer, sizeof(magic));
	return magic == CONTROL_MAGIC ? 0 : target_say(target, verb, -EPROTO);
}

int target_open_image(const struct target *target, struct image **ret_image)
{
	struct open_image_options options = {.read_only = false};

	return open_image(PROGRAM, target->path, &options, ret_image, NULL);
}

int target_close_image(const struct target *target, struct image *image, int error)
{
	int close_error = image_close(image);

	if (error || !close_error)
		return error;
	return target_say(target, "write it out", close_error);
}
