/*
 * Loaded into a daemon (LD_PRELOAD): what seldom happens, happens when a file of that name is in the
 * directory $MMFS_FAULTS.
 *
 *   stat-fails      stat of a directory of a FUSE mount says EIO
 *   term-at-chdir   chdir, which comes between mounting and serving, sends SIGTERM to the process first
 *   no-memory       the next read of /dev/fuse says ENOMEM (the file is removed)
 *   sync-fails       msync and fdatasync say EIO
 *   slow-allocation  host space is had at 50 ms a call, and not really
 *   hold-groups     looking for a caller's groups (/proc/PID/task/TID/status) takes as long as it is there
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define FUSE_MAGIC 0x65735546

static void path_of(const char *fault, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", getenv("MMFS_FAULTS"), fault);
}

static bool wanted(const char *fault)
{
	char path[PATH_MAX];

	path_of(fault, path);
	return access(path, F_OK) == 0;
}

/* The daemon is built for large files, so that it calls these. */
int stat64(const char *path, struct stat64 *status)
{
	struct statfs filesystem;

	if (wanted("stat-fails") && statfs(path, &filesystem) == 0 && filesystem.f_type == FUSE_MAGIC) {
		errno = EIO;
		return -1;
	}
	return fstatat64(AT_FDCWD, path, status, 0);
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length)
{
	int (*real)(int, int, off64_t, off64_t) =
	    (int (*)(int, int, off64_t, off64_t))dlsym(RTLD_NEXT, "fallocate64");

	if ((mode & FALLOC_FL_PUNCH_HOLE) || !wanted("slow-allocation"))
		return real(descriptor, mode, offset, length);
	usleep(50000);
	return 0;
}

int msync(void *address, size_t length, int flags)
{
	int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");

	errno = EIO;
	return wanted("sync-fails") ? -1 : real(address, length, flags);
}

int fdatasync(int descriptor)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

	errno = EIO;
	return wanted("sync-fails") ? -1 : real(descriptor);
}

int chdir(const char *path)
{
	int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "chdir");

	if (wanted("term-at-chdir"))
		kill(getpid(), SIGTERM);
	return real(path);
}

ssize_t read(int descriptor, void *bytes, size_t room)
{
	ssize_t (*real)(int, void *, size_t) = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	char link[64], target[64] = "", path[PATH_MAX];

	path_of("no-memory", path);
	if (room > 65536 && access(path, F_OK) == 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
		if (readlink(link, target, sizeof(target) - 1) > 0 && strcmp(target, "/dev/fuse") == 0 &&
		    unlink(path) == 0) {
			errno = ENOMEM;
			return -1;
		}
	}
	return real(descriptor, bytes, room);
}

static int open_any(const char *name, const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);

	while (strncmp(path, "/proc/", 6) == 0 && strstr(path, "/task/") && wanted("hold-groups"))
		usleep(10000);
	return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list list)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	return open_any("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	return open_any("open64", path, flags, mode);
}
