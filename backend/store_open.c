/* Opening the real file: path, lock, size, mappings. See store_file.c. */
#include "store_file_i.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define MAPPING_BYTES (UINT64_C(1) << 44)
#define LOCK_POLL_MS  50
#define OPEN_TRIES    10u

/* Neither writes to the file, so any number of them share the lock. */
static bool only_reads(enum store_mode mode)
{
	return mode == STORE_READ_ONLY || mode == STORE_SCRATCH;
}

static int open_file(struct store_file *file, const char *path, enum store_mode mode)
{
	/* NONBLOCK: opening a FIFO by mistake must not hang; it means nothing for files and block devices. */
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (only_reads(mode) ? O_RDONLY : O_RDWR);
	struct stat status;

	/* A block device opened with O_EXCL cannot be mounted, nor opened so again, in the meantime. */
	if (!only_reads(mode) && stat(path, &status) == 0 && S_ISBLK(status.st_mode))
		flags |= O_EXCL;
	else if (mode == STORE_CREATE)
		flags |= O_CREAT;
	file->descriptor = open(path, flags, 0600);
	if (file->descriptor < 0)
		return -errno;
	if (fstat(file->descriptor, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		return -EINVAL;
	file->regular = S_ISREG(status.st_mode);
	return 0;
}

/* Without it (no /proc, say) all syncs are of one open file: slower, and as right. */
static void open_again(struct store_file *file)
{
	char path[32];

	if (file->store.read_only || file->store.scratch)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->descriptor);
	file->whole = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static int lock_file(const struct store_file *file, const struct store_file_options *options)
{
	int operation = (only_reads(options->mode) ? LOCK_SH : LOCK_EX) | LOCK_NB;
	const struct timespec poll = {.tv_nsec = LOCK_POLL_MS * 1000000L};
	bool told = false;

	for (unsigned waited_ms = 0;; waited_ms += LOCK_POLL_MS) {
		if (flock(file->descriptor, operation) == 0)
			return 0;
		if (errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK)
			return options->no_lock ? 0 : -ENOLCK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (waited_ms >= options->lock_wait_ms)
			return -EWOULDBLOCK;
		if (!told && options->waiting)
			options->waiting(options->context);
		told = true;
		nanosleep(&poll, NULL);
	}
}

int store_file_size(const struct store_file *file, uint64_t *ret_size)
{
	struct stat status;
	uint64_t bytes;

	if (!file->regular && ioctl(file->descriptor, BLKGETSIZE64, &bytes) < 0)
		return -errno;
	if (file->regular && fstat(file->descriptor, &status) < 0)
		return -errno;
	*ret_size = file->regular ? (uint64_t)status.st_size : bytes;
	return 0;
}

/* A file that stands for a device somewhere else (a network block device's) tells only when asked. */
static bool refuses_sizes(const struct store_file *file)
{
	return !file->store.read_only && !file->store.scratch && file->store.size >= SIZE_UNIT_BYTES &&
	       ftruncate(file->descriptor, (off_t)file->store.size) < 0 && store_file_is_fixed(errno);
}

static int find_size(struct store_file *file)
{
	int error = store_file_size(file, &file->store.size);

	if (error < 0)
		return error;
	file->store.fixed_size = file->regular ? refuses_sizes(file) : !file->store.scratch;
	if (file->store.fixed_size)
		file->store.size -= file->store.size % SIZE_UNIT_BYTES;
	return 0;
}

/* Copy-on-write would break what store_reserve promises, so ask btrfs for none while the file is empty. */
static void avoid_copy_on_write(const struct store_file *file)
{
	struct statfs host;
	int flags;

	if (!file->regular || file->store.size > 0)
		return;
	if (fstatfs(file->descriptor, &host) < 0 || host.f_type != BTRFS_SUPER_MAGIC)
		return;
	if (ioctl(file->descriptor, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags |= FS_NOCOW_FL;
	(void)ioctl(file->descriptor, FS_IOC_SETFLAGS, &flags);
}

static int map_once(struct store_file *file, uint64_t bytes)
{
	void *base = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file->descriptor, 0);
	void *write_base = NULL;

	if (base == MAP_FAILED)
		return -errno;
	if (!file->store.read_only) {
		write_base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor, 0);
		if (write_base == MAP_FAILED) {
			int error = -errno;

			munmap(base, bytes);
			return error;
		}
		(void)madvise(write_base, bytes, MADV_DONTDUMP);
	}
	(void)madvise(base, bytes, MADV_DONTDUMP);
	file->store.base = base;
	file->store.map_size = bytes;
	file->write_base = write_base;
	return 0;
}

/* Halves the size until it fits the address space (ulimit -v, sanitizers), but not below the image's. */
static int map_file(struct store_file *file)
{
	uint64_t least = file->store.size + file->page_size - 1;
	uint64_t bytes = MAPPING_BYTES;
	int error;

	least -= least % file->page_size;
	if (least == 0)
		least = file->page_size;
	while (bytes < least)
		bytes *= 2;
	for (;;) {
		error = file->store.scratch ? store_scratch_map(file, bytes) : map_once(file, bytes);
		if (error != -ENOMEM && error != -EOVERFLOW && error != -EINVAL)
			break;
		if (bytes == least)
			return -EFBIG;
		bytes = bytes / 2 > least ? bytes / 2 : least;
	}
	if (error < 0)
		return error;
	error = guard_register(file->store.base, file->store.map_size, &file->store.faulted);
	if (error == 0 && file->write_base)
		error = guard_register(file->write_base, file->store.map_size, &file->store.faulted);
	return error;
}

static struct store_file *file_new(enum store_mode mode)
{
	struct store_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->store.ops = mode == STORE_SCRATCH ? &store_scratch_ops : &store_file_ops;
	file->store.read_only = mode == STORE_READ_ONLY;
	file->store.scratch = mode == STORE_SCRATCH;
	file->descriptor = file->whole = -1;
	file->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&file->size_lock, NULL);
	pthread_mutex_init(&file->range_lock, NULL);
	pthread_mutex_init(&file->whole_lock, NULL);
	return file;
}

/* Maps a file that is open and locked; the store is closed if this fails. */
static int file_start(struct store_file *file, enum store_mode mode, struct store **ret_store)
{
	int error = find_size(file);

	if (error == 0)
		open_again(file);
	if (error == 0 && mode == STORE_CREATE)
		avoid_copy_on_write(file);
	if (error == 0)
		error = map_file(file);
	if (error < 0)
		store_close(&file->store);
	else
		*ret_store = &file->store;
	return error;
}

/* A block device that somebody has opened with O_EXCL cannot even be opened: that is their lock. */
static int open_when_free(struct store_file *file, const char *path, const struct store_file_options *options)
{
	const struct timespec poll = {.tv_nsec = LOCK_POLL_MS * 1000000L};

	for (unsigned waited_ms = 0;; waited_ms += LOCK_POLL_MS) {
		int error = open_file(file, path, options->mode);

		if (error != -EBUSY)
			return error;
		if (waited_ms >= options->lock_wait_ms)
			return -EWOULDBLOCK;
		if (waited_ms == 0 && options->waiting)
			options->waiting(options->context);
		nanosleep(&poll, NULL);
	}
}

/* Whoever had the lock may have put another file in the place of this one, which then nobody would find. */
static bool was_replaced(const struct store_file *file, const char *path)
{
	struct stat own, now;

	if (!file->regular || fstat(file->descriptor, &own) < 0)
		return false;
	if (stat(path, &now) < 0)
		return errno == ENOENT;
	return own.st_dev != now.st_dev || own.st_ino != now.st_ino;
}

static int open_and_lock(struct store_file *file, const char *path, const struct store_file_options *options)
{
	for (unsigned tries = 1;; tries++) {
		int error = open_when_free(file, path, options);

		if (error == 0)
			error = lock_file(file, options);
		if (error < 0 || !was_replaced(file, path))
			return error;
		if (tries == OPEN_TRIES)
			return -EBUSY;
		close(file->descriptor);
		file->descriptor = -1;
	}
}

/* Opens and locks; the store is closed if this fails. */
static int file_lock(const char *path, const struct store_file_options *options, struct store_file **ret_file)
{
	struct store_file *file = file_new(options->mode);
	int error;

	if (!file)
		return -ENOMEM;
	error = open_and_lock(file, path, options);
	if (error < 0)
		store_close(&file->store);
	else
		*ret_file = file;
	return error;
}

int store_file_open(const char *path, const struct store_file_options *options, struct store **ret_store)
{
	struct store_file *file;
	int error = file_lock(path, options, &file);

	return error < 0 ? error : file_start(file, options->mode, ret_store);
}

int store_file_lock(const char *path, const struct store_file_options *options, int *ret_descriptor)
{
	struct store_file *file;
	int error = file_lock(path, options, &file);

	if (error < 0)
		return error;
	*ret_descriptor = file->descriptor;
	file->descriptor = -1;
	store_close(&file->store);
	return 0;
}

int store_file_open_locked(int descriptor, enum store_mode mode, struct store **ret_store)
{
	struct store_file *file = file_new(mode);
	struct stat status;

	if (!file || fstat(descriptor, &status) < 0) {
		int error = file ? -errno : -ENOMEM;

		if (file)
			store_close(&file->store);
		close(descriptor);
		return error;
	}
	file->descriptor = descriptor;
	file->shared = true;
	file->regular = S_ISREG(status.st_mode);
	return file_start(file, mode, ret_store);
}
