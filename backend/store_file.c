/*
 * The real file: locked, mapped twice (PROT_READ for readers, PROT_READ|PROT_WRITE for store_write alone) at
 * the largest size it may get, so that growth never moves anything; the ring has a third mapping. Touching
 * the mapping beyond the file's end faults, which guard.c turns into an errno. store_open.c opens it.
 *
 * Syncs. The kernel tells of a failed writeback once for each open file, to whichever sync of it looks first
 * (fsync(2), errseq_t). So syncs of one open file go one after the other, `faulted` is set before the next
 * may ask, and each looks at it behind its own call: nobody hears of success after anybody heard of a
 * failure, and nothing is tried again (R16). The file is opened twice, once for msync of ranges and once for
 * fdatasync, each being told for itself, so that a small fsync does not wait for a checkpoint's gigabyte.
 */
#include "store_file_i.h"
#include "guard.h"
#include "store_track.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static bool unsupported(int error)
{
	return error == EOPNOTSUPP || error == ENOSYS;
}

bool store_file_is_fixed(int error)
{
	return unsupported(error) || error == EPERM;
}

/* Has somebody else made the file shorter than `end`? That is remembered. */
static bool was_cut(struct store_file *file, uint64_t end)
{
	struct stat status;

	if (!file->regular || fstat(file->descriptor, &status) < 0 || (uint64_t)status.st_size >= end)
		return false;
	atomic_store(&file->store.faulted, true);
	return true;
}

/* The mapping's errno of a failed copy is a guess; the file's real size tells whether it was cut. */
static int copy_failed(struct store_file *file, uint64_t end, int error)
{
	return was_cut(file, end) ? -EIO : error;
}

/* Where to store what belongs at [offset, offset+length) of the file. */
static uint8_t *writable(const struct store_file *file, uint64_t offset, uint64_t length)
{
	uint8_t *in_ring = window_at(&file->ring, offset, length);

	return in_ring ? in_ring : file->write_base + offset;
}

int store_file_check(const struct store_file *file, uint64_t offset, uint64_t length)
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

/* Where pages are not in the host's cache yet, the mapping takes a fault for each; a write call makes them
 * together, in half the time even of MADV_POPULATE_WRITE. */
#define COLD_LEAST (64u << 10)

/* Where a large write's last page is there, the others are taken to be. */
static bool is_cold(const struct store_file *file, const uint8_t *to, size_t length)
{
	uintptr_t last = (uintptr_t)to + length - 1;
	unsigned char resident;

	return length >= COLD_LEAST && mincore((void *)(last - last % file->page_size), 1, &resident) == 0 &&
	       !(resident & 1);
}

/* The mapping shows what was written, as both are the same pages. A file that was cut is not to grow by it.
 */
static int write_cold(struct store_file *file, uint64_t offset, const uint8_t *bytes, size_t length)
{
	if (was_cut(file, offset + length))
		return -EIO;
	while (length > 0) {
		ssize_t written = pwrite(file->descriptor, bytes, length, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == EDQUOT ? -ENOSPC : -errno;
		if (written == 0)
			return -EIO;
		offset += (uint64_t)written;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

static int file_write(struct store *store, uint64_t offset, const void *bytes, size_t length)
{
	struct store_file *file = store_file_of(store);
	int error = store_file_check(file, offset, length);
	uint8_t *to;

	if (error < 0 || length == 0)
		return error;
	to = writable(file, offset, length);
	if (is_cold(file, to, length))
		return write_cold(file, offset, bytes, length);
	error = guard_copy(to, bytes, length);
	return error < 0 ? copy_failed(file, offset + length, error) : 0;
}

static int file_zero(struct store *store, uint64_t offset, size_t length)
{
	struct store_file *file = store_file_of(store);
	int error = store_file_check(file, offset, length);

	if (error < 0)
		return error;
	error = guard_zero(writable(file, offset, length), length);
	return error < 0 ? copy_failed(file, offset + length, error) : 0;
}

/* What a sync that returned `result` (errno: why) comes to. The lock of its open file is held. */
static int sync_ended(struct store_file *file, int result)
{
	int error = result == 0 ? 0 : -errno;

	/* The kernel has marked the pages clean: what they held may never reach the disk. */
	if (error < 0)
		atomic_store(&file->store.faulted, true);
	else if (atomic_load(&file->store.faulted))
		error = -EIO;
	return error;
}

static int sync_whole(struct store_file *file)
{
	pthread_mutex_t *lock = file->whole >= 0 ? &file->whole_lock : &file->range_lock;
	int error = -EIO;

	pthread_mutex_lock(lock);
	if (!atomic_load(&file->store.faulted))
		error = sync_ended(file, fdatasync(file->whole >= 0 ? file->whole : file->descriptor));
	pthread_mutex_unlock(lock);
	return error;
}

static int file_sync_range(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	uint64_t start = offset - offset % file->page_size;
	int error = -EIO;

	if (store->read_only)
		return -EROFS;
	if (length == 0)
		return 0;
	length += offset - start;
	pthread_mutex_lock(&file->range_lock);
	if (!atomic_load(&store->faulted))
		error = sync_ended(file, msync(writable(file, start, length), length, MS_SYNC));
	pthread_mutex_unlock(&file->range_lock);
	return error;
}

static int truncate_to(struct store_file *file, uint64_t size)
{
	while (ftruncate(file->descriptor, (off_t)size) < 0) {
		if (errno == EINTR)
			continue;
		if (store_file_is_fixed(errno)) {
			file->store.fixed_size = true;
			return -ENOSPC;
		}
		return errno == EDQUOT ? -ENOSPC : -errno;
	}
	return 0;
}

/* A smaller size is published before the file gets it and a larger one after, so nobody who goes by
 * store_size touches what is not there. A larger one is made durable by a sync of the last page, which takes
 * what the inode says along (tests/host/test_growth.sh looks at ext4, xfs and btrfs): what is there cannot be
 * found again without the size, and data elsewhere, which may be much, need not be written for it. */
static int resize_locked(struct store_file *file, uint64_t size)
{
	struct store *store = &file->store;
	uint64_t before = store_size(store);
	int error;

	if (size == before)
		return 0;
	if (store->fixed_size)
		return -ENOSPC;
	/* Growth would bring back as zeros what was cut off. */
	if (was_cut(file, before))
		return -EIO;
	if (size < before)
		__atomic_store_n(&store->size, size, __ATOMIC_RELEASE);
	error = truncate_to(file, size);
	if (error < 0) {
		__atomic_store_n(&store->size, before, __ATOMIC_RELEASE);
		return error;
	}
	if (size > before) {
		/* whatever the sync says, it lost data: no host that is merely full */
		if (file_sync_range(store, size - SIZE_UNIT_BYTES, SIZE_UNIT_BYTES) < 0)
			return -EIO;
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
	int error = store_file_check(file, offset, length);

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

/* A device that was enlarged. What is mapped bounds it. */
static int file_remeasure(struct store *store)
{
	struct store_file *file = store_file_of(store);
	uint64_t size;
	int error;

	if (!store->fixed_size)
		return 0;
	pthread_mutex_lock(&file->size_lock);
	error = store_file_size(file, &size);
	if (error == 0)
		size = (size < store->map_size ? size : store->map_size) / SIZE_UNIT_BYTES * SIZE_UNIT_BYTES;
	if (error == 0 && size < store_size(store))
		error = -ENXIO;
	if (error == 0)
		__atomic_store_n(&store->size, size, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&file->size_lock);
	return error;
}

static int file_punch(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	uint64_t size = store_size(store), end = offset + length < size ? offset + length : size;
	int error;

	/* What was free behind the end may have been cut off since. */
	length = offset < end ? end - offset : 0;
	error = store_file_check(file, offset < end ? offset : 0, length);
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

static void file_sync_later(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	uint64_t start = offset - offset % file->page_size;

	length += offset - start;
	if (!store->read_only)
		(void)msync(writable(file, start, length), length, MS_ASYNC);
}

static int file_map_ring(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);

	return store->read_only ? 0
				: window_map(file->descriptor, offset, length, &store->faulted, &file->ring);
}

static int file_sync_all(struct store *store)
{
	return store->read_only ? -EROFS : sync_whole(store_file_of(store));
}

static void file_freeze(struct store *store)
{
	struct store_file *file = store_file_of(store);

	atomic_store(&file->frozen, true);
	/* Should it fail, the flag alone stops the writes. */
	if (file->write_base)
		(void)mprotect(file->write_base, store->map_size, PROT_READ);
	window_freeze(&file->ring);
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

/* Mapped pages are touched sooner than the kernel is asked about them. */
#define TOUCH_MOST (128u << 10)

static void file_prefault(struct store *store, uint64_t offset, uint64_t length)
{
	uint64_t start = offset - offset % store_file_of(store)->page_size;

	/* Older kernels say EINVAL to the second, pages that cannot be read give an error: whoever reads them
	 * will see. */
	if (length <= TOUCH_MOST && guard_touch(store->base + offset, length) == 0)
		return;
	(void)madvise((void *)(uintptr_t)(store->base + start), offset + length - start, MADV_POPULATE_READ);
}

static void file_forget(struct store *store)
{
	struct store_file *file = store_file_of(store);

	/* Mapped pages are not dropped, so unmap them first; a shared mapping loses nothing by that. */
	(void)madvise((void *)(uintptr_t)store->base, store->map_size, MADV_DONTNEED);
	if (file->write_base)
		(void)madvise(file->write_base, store->map_size, MADV_DONTNEED);
	if (file->ring.base)
		(void)madvise(file->ring.base, file->ring.length, MADV_DONTNEED);
	(void)posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

/* A shared mapping loses nothing: the page cache is told which of its pages were stored to. */
static void file_unmap(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	uint64_t start = offset - offset % file->page_size;

	length += offset - start;
	(void)madvise((void *)(uintptr_t)(store->base + start), length, MADV_DONTNEED);
	if (file->write_base)
		(void)madvise(file->write_base + start, length, MADV_DONTNEED);
}

/* The kernel keeps pages that are mapped. */
static void file_drop(struct store *store, uint64_t offset, uint64_t length)
{
	file_unmap(store, offset, length);
	(void)posix_fadvise(store_file_of(store)->descriptor, (off_t)offset, (off_t)length,
			    POSIX_FADV_DONTNEED);
}

static void file_close(struct store *store)
{
	struct store_file *file = store_file_of(store);

	window_unmap(&file->ring);
	if (store->base) {
		guard_unregister(store->base);
		munmap((void *)(uintptr_t)store->base, store->map_size);
	}
	if (file->write_base) {
		guard_unregister(file->write_base);
		munmap(file->write_base, store->map_size);
	}
	/* Closing it lets go of the lock when the other has closed it as well: this one is done now. */
	if (file->shared)
		(void)flock(file->descriptor, LOCK_UN);
	if (file->whole >= 0)
		close(file->whole);
	if (file->descriptor >= 0)
		close(file->descriptor);
	pthread_mutex_destroy(&file->size_lock);
	pthread_mutex_destroy(&file->range_lock);
	pthread_mutex_destroy(&file->whole_lock);
	store_track_free(store);
	free(file);
}

const struct store_ops store_file_ops = {
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
    .prefault = file_prefault,
    .map_ring = file_map_ring,
    .sync_later = file_sync_later,
    .forget = file_forget,
    .unmap = file_unmap,
    .drop = file_drop,
    .remeasure = file_remeasure,
};

int store_file_descriptor(const struct store *store)
{
	return ((const struct store_file *)store)->descriptor;
}
