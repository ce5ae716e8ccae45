/* The place where the image appears: everything that can be wrong with it, found before anything is made. */

/* sys/mount.h has a BLOCK_SIZE of its own. */
#include <sys/mount.h>
#undef BLOCK_SIZE

#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

extern char **environ;

#define DEVICE	   "/dev/fuse"
#define FUSE_MAJOR 10 /* its numbers, see the kernel's admin-guide/devices.txt */
#define FUSE_MINOR 229
#define DEAD_MOST  16u /* dead mounts on one directory that are detached */

/* ---- unmounting ---- */

/* Runs fusermount3 -u, quietly. The signals that the daemon blocks are not blocked for it. */
static int run_fusermount(const char *mountpoint, bool lazy)
{
	char text[][16] = {"fusermount3", "-u", "-q", "-z", "--"};
	char *path = strdup(mountpoint);
	char *with_lazy[] = {text[0], text[1], text[2], text[3], text[4], path, NULL};
	char *without[] = {text[0], text[1], text[2], text[4], path, NULL};
	posix_spawnattr_t attributes;
	sigset_t none;
	pid_t child;
	int status;

	if (!path)
		return -ENOMEM;
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	int error = posix_spawnp(&child, text[0], NULL, &attributes, lazy ? with_lazy : without, environ);
	posix_spawnattr_destroy(&attributes);
	free(path);
	if (error)
		return -error;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

static int detach(const char *mountpoint)
{
	if (geteuid() == 0)
		return umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) ? -errno : 0;
	return run_fusermount(mountpoint, true);
}

/* What programs changed through mmap is in the kernel's memory only. An unmount writes it out; a detached
 * mount would lose it when its daemon goes. */
static void flush_kernel(const char *mountpoint)
{
	int descriptor = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (descriptor < 0)
		return;
	syncfs(descriptor);
	close(descriptor);
}

int mountpoint_unmount(const struct daemon *daemon, bool *ret_busy)
{
	struct stat status;

	if (mountpoint_descriptor(daemon->mountpoint) >= 0)
		return -EOPNOTSUPP;
	if (stat(daemon->mountpoint, &status))
		return -errno;
	/* Unmounted meanwhile, or covered by another mount. */
	if (status.st_dev != daemon->mounted_device)
		return -ENOENT;
	*ret_busy = false;
	int error;
	if (geteuid() == 0)
		error = umount2(daemon->mountpoint, UMOUNT_NOFOLLOW) ? -errno : 0;
	else
		error = run_fusermount(daemon->mountpoint, false);
	if (error != -EBUSY)
		return error;
	flush_kernel(daemon->mountpoint);
	*ret_busy = true;
	return detach(daemon->mountpoint);
}

int mountpoint_detach(const struct daemon *daemon)
{
	return detach(daemon->mountpoint);
}

/* ---- checks ---- */

/* A daemon that died leaves a mount behind; several may lie on top of each other. The kernel still has its
 * directory's attributes, so stat(2) sees nothing wrong: statfs(2) asks the daemon. */
static int detach_dead(const char *mountpoint)
{
	struct statfs status;

	for (unsigned i = 0; i < DEAD_MOST; i++) {
		if (!statfs(mountpoint, &status) || (errno != ENOTCONN && errno != ECONNABORTED))
			return 0;
		int error = detach(mountpoint);
		if (error)
			return error;
	}
	return -EBUSY;
}

void mountpoint_detach_dead(const struct daemon *daemon)
{
	if (mountpoint_descriptor(daemon->mountpoint) >= 0)
		return;
	int error = detach_dead(daemon->mountpoint);

	if (error)
		log_say(LOG_WARNING, "%s: cannot be detached: %s", daemon->mountpoint, strerror(-error));
}

static int check_directory(const char *mountpoint)
{
	struct stat status;
	int error = detach_dead(mountpoint);

	if (error) {
		log_say(LOG_ERR,
			"%s: a dead mount is there and cannot be detached (%s); as root: umount -l %s",
			mountpoint, strerror(-error), mountpoint);
		return error;
	}
	error = stat(mountpoint, &status) ? errno : 0;
	if (error == ENOENT)
		log_say(LOG_ERR, "%s: no such directory; make it first: mkdir %s", mountpoint, mountpoint);
	else if (error == ENOTDIR || (!error && !S_ISDIR(status.st_mode)))
		log_say(LOG_ERR, "%s: not a directory; an image is mounted at a directory", mountpoint);
	else if (error)
		log_say(LOG_ERR, "%s: cannot be used as mountpoint: %s", mountpoint, strerror(error));
	if (error)
		return -error;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

/* As fusermount3 checks, which says less about it. */
static int check_rights(const char *mountpoint)
{
	struct stat status;

	if (geteuid() == 0)
		return 0;
	if (stat(mountpoint, &status))
		return -errno;
	if (access(mountpoint, W_OK) == 0 && (!(status.st_mode & S_ISVTX) || status.st_uid == geteuid()))
		return 0;
	log_say(LOG_ERR, "%s: only its owner may mount there; use a directory of your own", mountpoint);
	return -EACCES;
}

static int check_device(void)
{
	struct stat status;
	int descriptor = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (descriptor >= 0) {
		close(descriptor);
		return 0;
	}
	int error = errno;
	if (error == ENOENT || error == ENODEV || error == ENXIO)
		log_say(LOG_ERR,
			"%s is missing: as root: modprobe fuse (in a container: start it with --device %s)",
			DEVICE, DEVICE);
	else if ((error == EACCES || error == EPERM) && !stat(DEVICE, &status))
		log_say(LOG_ERR, "%s cannot be opened (mode %04o): ask root to chmod 0666 %s", DEVICE,
			status.st_mode & 07777, DEVICE);
	else
		log_say(LOG_ERR, "%s cannot be opened: %s", DEVICE, strerror(error));
	return -error;
}

/* Whether /etc/fuse.conf has the line. */
static bool user_allow_other(void)
{
	FILE *file = fopen("/etc/fuse.conf", "re");
	char line[256], word[32];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%31s", word) == 1 && !strcmp(word, "user_allow_other");
	fclose(file);
	return found;
}

static int check_allow_other(const struct options *options)
{
	if ((!options->allow_other && !options->allow_root) || geteuid() == 0 || user_allow_other())
		return 0;
	log_say(LOG_ERR,
		"%s needs the line user_allow_other in /etc/fuse.conf; ask root to add it, or leave the "
		"option out",
		options->allow_other ? "allow_other" : "allow_root");
	return -EPERM;
}

/* ---- a descriptor instead of a directory ---- */

int mountpoint_descriptor(const char *mountpoint)
{
	static const char prefix[] = "/dev/fd/";
	const char *digits = mountpoint + sizeof(prefix) - 1;
	char *end;

	if (strncmp(mountpoint, prefix, sizeof(prefix) - 1) != 0 || *digits < '0' || *digits > '9')
		return -1;
	errno = 0;
	unsigned long number = strtoul(digits, &end, 10);
	return *end || errno || number > INT_MAX ? -1 : (int)number;
}

void mountpoint_close_descriptor(const struct daemon *daemon)
{
	int descriptor = mountpoint_descriptor(daemon->mountpoint);

	if (descriptor >= 0)
		close(descriptor);
}

static int check_descriptor(const char *mountpoint)
{
	int descriptor = mountpoint_descriptor(mountpoint);
	struct pollfd polled = {.fd = descriptor, .events = POLLIN};
	struct stat status;
	const char *wrong = NULL;

	if (descriptor <= STDERR_FILENO)
		wrong = "input, output and messages need the first three; pass it on as another";
	else if (fstat(descriptor, &status))
		wrong = "no such descriptor was passed on to mmfs";
	else if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(FUSE_MAJOR, FUSE_MINOR))
		wrong = "not an open " DEVICE;
	else if (poll(&polled, 1, 0) < 0 || (polled.revents & (POLLERR | POLLNVAL)))
		wrong = "it is not mounted; mount(2) it first, with fd= in its options";
	if (wrong) {
		log_say(LOG_ERR, "%s: %s", mountpoint, wrong);
		return -EINVAL;
	}
	/* Programs that are run later need not have it. Workers wait in read(2). */
	if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) ||
	    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK))
		return -errno;
	return 0;
}

/* ---- paths ---- */

/* The absolute path of a file in an existing directory. 0 or a negative errno. */
static int path_of_new(const char *file, char **ret_path)
{
	char *copy = strdup(file), *copy_for_name = strdup(file), *directory = NULL;
	int error = -ENOMEM;

	if (copy && copy_for_name) {
		directory = realpath(dirname(copy), NULL);
		error = directory ? 0 : -errno;
	}
	if (directory) {
		const char *parent = strcmp(directory, "/") != 0 ? directory : "";
		if (asprintf(ret_path, "%s/%s", parent, basename(copy_for_name)) < 0)
			error = -ENOMEM;
	}
	free(directory);
	free(copy);
	free(copy_for_name);
	return error;
}

/* The absolute path of a file that may not exist yet; its directory has to. */
static int image_path(const char *image, char **ret_path)
{
	char *path = realpath(image, NULL);

	if (path) {
		*ret_path = path;
		return 0;
	}
	int error = -errno;
	if (error != -ENOENT) {
		log_say(LOG_ERR, "%s: cannot be opened: %s", image, strerror(-error));
		return error;
	}
	error = path_of_new(image, ret_path);
	if (error)
		log_say(LOG_ERR, "%s: its directory cannot be used (%s); make it first, or correct the path",
			image, strerror(-error));
	return error;
}

/* The mount would hide the image from everybody, and fsck of it, or the next mount, would not find it. */
static int check_outside(const struct daemon *daemon)
{
	size_t length = strlen(daemon->mountpoint);

	if (!strcmp(daemon->mountpoint, "/"))
		length = 0;
	if (strncmp(daemon->image_path, daemon->mountpoint, length) != 0 || daemon->image_path[length] != '/')
		return 0;
	log_say(LOG_ERR, "%s: lies inside the mountpoint %s; mount it elsewhere", daemon->image_path,
		daemon->mountpoint);
	return -EINVAL;
}

/* Where it is mounted, and with which options, is somebody else's business. */
static int prepare_descriptor(struct daemon *daemon)
{
	int error = check_descriptor(daemon->options->mountpoint);

	if (error)
		return error;
	daemon->mountpoint = strdup(daemon->options->mountpoint);
	return daemon->mountpoint ? image_path(daemon->options->image, &daemon->image_path) : -ENOMEM;
}

int mountpoint_prepare(struct daemon *daemon)
{
	const struct options *options = daemon->options;

	if (mountpoint_descriptor(options->mountpoint) >= 0)
		return prepare_descriptor(daemon);
	int error = check_directory(options->mountpoint);

	if (error)
		return error;
	daemon->mountpoint = realpath(options->mountpoint, NULL);
	if (!daemon->mountpoint) {
		error = -errno;
		log_say(LOG_ERR, "%s: cannot be used as mountpoint: %s", options->mountpoint,
			strerror(-error));
		return error;
	}
	error = image_path(options->image, &daemon->image_path);
	if (!error)
		error = check_outside(daemon);
	if (!error)
		error = check_rights(daemon->mountpoint);
	if (!error)
		error = check_device();
	if (!error)
		error = check_allow_other(options);
	return error;
}
