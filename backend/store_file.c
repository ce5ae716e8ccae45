/*
 * The real file: locked, mapped twice (PROT_READ for readers, PROT_READ|PROT_WRITE for store_write alone) at
 * the largest size it may get, so that growth never moves anything. Touching the mapping beyond the file's
 * end faults, which guard.c turns into an errno.
 */
#include "store.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define MAPPING_BYTES	(UINT64_C(1) << 44)
#define LOCK_POLL_MS	50
#define SIZE_UNIT_BYTES 4096

struct store_file {
	struct store store;
	int descriptor;
	uint8_t *write_base; /* NULL if read-only */
	uint64_t page_size;
	bool regular;		   /* not a block device */
	atomic_bool frozen;	   /* writes say -EIO */
	pthread_mutex_t size_lock; /* one set_size at a time */
};

/* The first member is the interface, so the pointer is the same. */
static struct store_file *store_file_of(struct store *store)
{
	return (struct store_file *)store;
}

static bool unsupported(int error)
{
	return error == EOPNOTSUPP || error == ENOSYS;
}

/* The mapping's errno of a failed copy is a guess; the file's real size tells whether it was cut. */
static int copy_failed(struct store_file *file, uint64_t end, int error)
{
	struct stat status;

	if (file->regular && fstat(file->descriptor, &status) == 0 && (uint64_t)status.st_size < end) {
		atomic_store(&file->store.faulted, true);
		return -EIO;
	}
	return error;
}

/* May [offset, offset+length) be written? */
static int check_write(struct store_file *file, uint64_t offset, uint64_t length)
{
	uint64_t size = store_size(&file->store);

	if (file->store.read_only)
		return -EROFS;
	if (atomic_load(&file->frozen))
		return -EIO;
	if (offset > size || length > size - offset)
		return -EIO;
	return 0;
}

static int file_write(struct store *store, uint64_t offset, const void *bytes, size_t length)
{
	struct store_file *file = store_file_of(store);
	int error = check_write(file, offset, length);

	if (error < 0)
		return error;
	error = guard_copy(file->write_base + offset, bytes, length);
	return error < 0 ? copy_failed(file, offset + length, error) : 0;
}

static int file_zero(struct store *store, uint64_t offset, size_t length)
{
	struct store_file *file = store_file_of(store);
	int error = check_write(file, offset, length);

	if (error < 0)
		return error;
	error = guard_zero(file->write_base + offset, length);
	return error < 0 ? copy_failed(file, offset + length, error) : 0;
}

static int sync_descriptor(struct store_file *file)
{
	if (fdatasync(file->descriptor) == 0)
		return 0;
	/* The kernel has marked the pages clean: what they held may never reach the disk (R16). */
	atomic_store(&file->store.faulted, true);
	return -errno;
}

static int truncate_to(struct store_file *file, uint64_t size)
{
	while (ftruncate(file->descriptor, (off_t)size) < 0) {
		if (errno == EINTR)
			continue;
		if (unsupported(errno) || errno == EPERM) {
			file->store.fixed_size = true;
			return -ENOSPC;
		}
		return errno == EDQUOT ? -ENOSPC : -errno;
	}
	return 0;
}

/* A smaller size is published before the file gets it and a larger one after, so nobody who goes by
 * store_size touches what is not there. */
static int resize_locked(struct store_file *file, uint64_t size)
{
	struct store *store = &file->store;
	uint64_t before = store_size(store);
	int error;

	if (size == before)
		return 0;
	if (store->fixed_size)
		return -ENOSPC;
	if (size < before)
		__atomic_store_n(&store->size, size, __ATOMIC_RELEASE);
	error = truncate_to(file, size);
	if (error < 0) {
		__atomic_store_n(&store->size, before, __ATOMIC_RELEASE);
		return error;
	}
	if (size > before) {
		error = sync_descriptor(file);
		if (error < 0)
			return error;
		__atomic_store_n(&store->size, size, __ATOMIC_RELEASE);
	}
	return 0;
}

static int file_set_size(struct store *store, uint64_t size)
{
	struct store_file *file = store_file_of(store);
	int error;

	if (store->read_only)
		return -EROFS;
	if (atomic_load(&file->frozen))
		return -EIO;
	if (size % SIZE_UNIT_BYTES)
		return -EINVAL;
	if (size > store->map_size)
		return -EFBIG;
	pthread_mutex_lock(&file->size_lock);
	error = resize_locked(file, size);
	pthread_mutex_unlock(&file->size_lock);
	return error;
}

/* For kernels before 5.14: each page is written with what it holds. Such a range is free, so nobody else
 * stores there. */
static int touch_pages(struct store_file *file, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += file->page_size) {
		int error = guard_copy(file->write_base + at, file->store.base + at, 1);

		if (error < 0)
			return error;
	}
	return 0;
}

static int populate(struct store_file *file, uint64_t offset, uint64_t length)
{
	uint64_t start = offset - offset % file->page_size;
	uint64_t end = offset + length;

	while (madvise(file->write_base + start, end - start, MADV_POPULATE_WRITE) < 0) {
		switch (errno) {
		case EINTR:
		case EAGAIN:
			continue;
		case EFAULT:
			return copy_failed(file, end, -ENOSPC);
		case EINVAL:
			return touch_pages(file, start, end);
		case EHWPOISON:
			return -EIO;
		default:
			return -errno;
		}
	}
	return 0;
}

static int file_reserve(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	int error = check_write(file, offset, length);

	if (error < 0 || length == 0)
		return error;
	if (!file->regular)
		return 0;
	while (fallocate(file->descriptor, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length) < 0) {
		if (errno == EINTR)
			continue;
		if (unsupported(errno))
			return populate(file, offset, length);
		return errno == EDQUOT ? -ENOSPC : -errno;
	}
	return 0;
}

static int file_punch(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	int error = check_write(file, offset, length);

	if (error < 0 || length == 0)
		return error;
	while (fallocate(file->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			 (off_t)length) < 0) {
		if (errno == EINTR)
			continue;
		return unsupported(errno) ? -EOPNOTSUPP : -errno;
	}
	return 0;
}

static int file_sync_range(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	uint64_t start = offset - offset % file->page_size;

	if (store->read_only)
		return -EROFS;
	if (length == 0)
		return 0;
	if (msync(file->write_base + start, offset + length - start, MS_SYNC) == 0)
		return 0;
	atomic_store(&store->faulted, true);
	return -errno;
}

static int file_sync_all(struct store *store)
{
	return store->read_only ? -EROFS : sync_descriptor(store_file_of(store));
}

static void file_freeze(struct store *store)
{
	struct store_file *file = store_file_of(store);

	atomic_store(&file->frozen, true);
	/* Should it fail, the flag alone stops the writes. */
	if (file->write_base)
		(void)mprotect(file->write_base, store->map_size, PROT_READ);
}

static int file_host_space(struct store *store, uint64_t *ret_free_bytes)
{
	struct store_file *file = store_file_of(store);
	struct statvfs host;

	if (store->fixed_size) {
		*ret_free_bytes = 0;
		return 0;
	}
	while (fstatvfs(file->descriptor, &host) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	/* no blocks at all: it has no limit, or does not tell */
	*ret_free_bytes =
	    host.f_blocks ? (uint64_t)host.f_bavail * host.f_frsize : store->map_size - store_size(store);
	return 0;
}

static int file_allocated(struct store *store, uint64_t *ret_bytes)
{
	struct store_file *file = store_file_of(store);
	struct stat status;

	if (!file->regular || store->fixed_size) {
		*ret_bytes = store_size(store);
		return 0;
	}
	if (fstat(file->descriptor, &status) < 0)
		return -errno;
	*ret_bytes = (uint64_t)status.st_blocks * 512;
	return 0;
}

static void file_forget(struct store *store)
{
	struct store_file *file = store_file_of(store);

	/* Mapped pages are not dropped, so unmap them first; a shared mapping loses nothing by that. */
	(void)madvise((void *)(uintptr_t)store->base, store->map_size, MADV_DONTNEED);
	if (file->write_base)
		(void)madvise(file->write_base, store->map_size, MADV_DONTNEED);
	(void)posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

static void file_close(struct store *store)
{
	struct store_file *file = store_file_of(store);

	if (store->base) {
		guard_unregister(store->base);
		munmap((void *)(uintptr_t)store->base, store->map_size);
	}
	if (file->write_base) {
		guard_unregister(file->write_base);
		munmap(file->write_base, store->map_size);
	}
	if (file->descriptor >= 0)
		close(file->descriptor);
	pthread_mutex_destroy(&file->size_lock);
	free(file);
}

static const struct store_ops file_ops = {
    .close = file_close,
    .write = file_write,
    .zero = file_zero,
    .set_size = file_set_size,
    .reserve = file_reserve,
    .punch = file_punch,
    .sync_range = file_sync_range,
    .sync_all = file_sync_all,
    .freeze = file_freeze,
    .host_space = file_host_space,
    .allocated = file_allocated,
    .forget = file_forget,
};

/* ---- opening ---- */

static int open_file(struct store_file *file, const char *path, enum store_mode mode)
{
	/* NONBLOCK: opening a FIFO by mistake must not hang; it means nothing for files and block devices. */
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (mode == STORE_READ_ONLY ? O_RDONLY : O_RDWR);
	struct stat status;

	/* A block device opened with O_EXCL cannot be mounted, nor opened so again, in the meantime. */
	if (mode != STORE_READ_ONLY && stat(path, &status) == 0 && S_ISBLK(status.st_mode))
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

static int lock_file(const struct store_file *file, const struct store_file_options *options)
{
	int operation = (options->mode == STORE_READ_ONLY ? LOCK_SH : LOCK_EX) | LOCK_NB;
	const struct timespec poll = {.tv_nsec = LOCK_POLL_MS * 1000000L};
	bool told = false;

	for (unsigned waited_ms = 0;; waited_ms += LOCK_POLL_MS) {
		if (flock(file->descriptor, operation) == 0)
			return 0;
		if (errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK)
			return -ENOLCK;
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

static int find_size(struct store_file *file)
{
	struct stat status;
	uint64_t device_bytes;

	if (!file->regular) {
		if (ioctl(file->descriptor, BLKGETSIZE64, &device_bytes) < 0)
			return -errno;
		file->store.size = device_bytes - device_bytes % SIZE_UNIT_BYTES;
		file->store.fixed_size = true;
		return 0;
	}
	if (fstat(file->descriptor, &status) < 0)
		return -errno;
	file->store.size = (uint64_t)status.st_size;
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
	if (file->store.fixed_size)
		bytes = least;
	while (bytes < least)
		bytes *= 2;
	for (;;) {
		error = map_once(file, bytes);
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

int store_file_open(const char *path, const struct store_file_options *options, struct store **ret_store)
{
	struct store_file *file = calloc(1, sizeof(*file));
	int error;

	if (!file)
		return -ENOMEM;
	file->store.ops = &file_ops;
	file->store.read_only = options->mode == STORE_READ_ONLY;
	file->descriptor = -1;
	file->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&file->size_lock, NULL);
	error = open_file(file, path, options->mode);
	if (error == 0)
		error = lock_file(file, options);
	if (error == 0)
		error = find_size(file);
	if (error == 0 && options->mode == STORE_CREATE)
		avoid_copy_on_write(file);
	if (error == 0)
		error = map_file(file);
	if (error < 0) {
		file_close(&file->store);
		return error;
	}
	*ret_store = &file->store;
	return 0;
}

int store_file_descriptor(const struct store *store)
{
	return ((const struct store_file *)store)->descriptor;
}
