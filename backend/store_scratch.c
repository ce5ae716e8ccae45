/*
 * A scratch store: the file is only read, under the shared lock, and what is written stays in memory of this
 * process and goes with it.
 *
 *   0                        file_end            open_end     map_size
 *   | MAP_PRIVATE of the file | anonymous memory  | PROT_NONE  |
 *   '-- one mapping, `base`, readable and writable to open_end -'
 *
 * The last part is what the image may grow into. Where the host promises no more memory than it has
 * (vm.overcommit_memory=2), only what may be written to counts there, so each mount takes what it needs.
 *
 * The first store to a page of the file gives this process a copy of that page. Private mappings of one file
 * do not see each other, so there is no second one that is PROT_READ: a stray store can damage what goes with
 * the daemon anyway, and never the image.
 *
 * Memory is counted in whole pages when it is reserved (store_reserve), that is for new blocks, and for data
 * before it is overwritten (data_write); a bit for each page says that it has been counted. What is stored
 * without having been reserved, to the superblocks, the ring and metadata of the image's own, is not counted
 * and never refused: it is bounded by the size of these, and no error path could do anything about it.
 *
 * Nothing is ever made durable, so syncs have nothing to do. A punched page of the file turns into what the
 * file holds there, and one of anonymous memory into zeros.
 */
#include "store_file_i.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_PAGES	64u
#define SCRATCH_FLAGS	(MAP_PRIVATE | MAP_NORESERVE)
#define SCRATCH_PROTECT (PROT_READ | PROT_WRITE)

/* The one place where the constant mapping is written to, and so where `base` loses its const. */
static uint8_t *scratch_at(const struct store_file *file, uint64_t offset)
{
	return (uint8_t *)(uintptr_t)file->store.base + offset;
}

static uint64_t page_up(const struct store_file *file, uint64_t bytes)
{
	return (bytes + file->page_size - 1) / file->page_size * file->page_size;
}

/* ---- mapping ---- */

static size_t counted_bytes(const struct store_file *file)
{
	return (size_t)((file->store.map_size / file->page_size + WORD_PAGES - 1) / WORD_PAGES *
			sizeof(uint64_t));
}

static int map_counted(struct store_file *file)
{
	void *counted = mmap(NULL, counted_bytes(file), PROT_NONE, SCRATCH_FLAGS | MAP_ANONYMOUS, -1, 0);

	if (counted == MAP_FAILED)
		return -errno;
	(void)madvise(counted, counted_bytes(file), MADV_DONTDUMP);
	file->counted = counted;
	return 0;
}

/* The bits of pages below `end` may be touched from now on. */
static int open_counted(struct store_file *file, uint64_t end)
{
	uint64_t words = (end / file->page_size + WORD_PAGES - 1) / WORD_PAGES;

	return words && mprotect(file->counted, words * sizeof(uint64_t), SCRATCH_PROTECT) ? -ENOSPC : 0;
}

/* As far as `end`, which is of a page, the mapping may be touched from now on. */
static int open_up(struct store_file *file, uint64_t end)
{
	int error = 0;

	if (end <= file->open_end)
		return 0;
	error = open_counted(file, end);
	if (!error && mprotect(scratch_at(file, file->open_end), end - file->open_end, SCRATCH_PROTECT))
		error = -ENOSPC;
	if (!error)
		file->open_end = end;
	return error;
}

int store_scratch_map(struct store_file *file, uint64_t bytes)
{
	uint64_t file_end = page_up(file, file->store.size);
	uint8_t *base = mmap(NULL, bytes, PROT_NONE, SCRATCH_FLAGS | MAP_ANONYMOUS, -1, 0);
	int error = 0;

	if (base == MAP_FAILED)
		return -errno;
	if (file_end > 0 && mmap(base, file_end, SCRATCH_PROTECT, SCRATCH_FLAGS | MAP_FIXED, file->descriptor,
				 0) == MAP_FAILED)
		error = -errno;
	file->store.map_size = bytes;
	if (!error)
		error = map_counted(file);
	if (!error)
		error = open_counted(file, file_end);
	if (error) {
		munmap(base, bytes);
		if (file->counted)
			munmap(file->counted, counted_bytes(file));
		file->counted = NULL;
		return error;
	}
	(void)madvise(base, bytes, MADV_DONTDUMP);
	/* Large pages would take more than what is counted. */
	(void)madvise(base, bytes, MADV_NOHUGEPAGE);
	file->store.base = base;
	file->file_end = file->open_end = file_end;
	file->limit_pages = (uint64_t)sysconf(_SC_PHYS_PAGES) / 2;
	return 0;
}

void store_scratch_limit(struct store *store, uint64_t bytes)
{
	struct store_file *file = store_file_of(store);

	file->limit_pages = bytes / file->page_size;
}

/* ---- counting. size_lock is held where it changes. ---- */

static bool is_counted(const struct store_file *file, uint64_t page)
{
	return __atomic_load_n(&file->counted[page / WORD_PAGES], __ATOMIC_RELAXED) >> page % WORD_PAGES & 1;
}

static void set_counted(struct store_file *file, uint64_t page, bool counted)
{
	uint64_t *word = &file->counted[page / WORD_PAGES], bit = UINT64_C(1) << page % WORD_PAGES;

	__atomic_store_n(word, counted ? *word | bit : *word & ~bit, __ATOMIC_RELAXED);
}

static uint64_t count_missing(const struct store_file *file, uint64_t first, uint64_t end)
{
	uint64_t missing = 0;

	for (uint64_t page = first; page < end; page++)
		missing += !is_counted(file, page);
	return missing;
}

/* The pages [first, end) hold nothing of this process's any more. */
static void count_off(struct store_file *file, uint64_t first, uint64_t end)
{
	for (uint64_t page = first; page < end; page++) {
		if (page % WORD_PAGES == 0 && end - page >= WORD_PAGES && !file->counted[page / WORD_PAGES]) {
			page += WORD_PAGES - 1;
		} else if (is_counted(file, page)) {
			set_counted(file, page, false);
			file->counted_pages--;
		}
	}
}

static int count_on(struct store_file *file, uint64_t first, uint64_t end)
{
	uint64_t missing = count_missing(file, first, end);

	if (missing > file->limit_pages || file->counted_pages > file->limit_pages - missing)
		return -ENOSPC;
	for (uint64_t page = first; page < end; page++)
		set_counted(file, page, true);
	file->counted_pages += missing;
	return 0;
}

static int scratch_reserve(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	uint64_t first = offset / file->page_size, end;
	int error = store_file_check(file, offset, length);

	if (error < 0 || length == 0)
		return error;
	end = (offset + length - 1) / file->page_size + 1;
	/* Overwriting the same again is frequent, and needs no lock: nobody punches what is in use. */
	if (count_missing(file, first, end) == 0)
		return 0;
	pthread_mutex_lock(&file->size_lock);
	error = count_on(file, first, end);
	pthread_mutex_unlock(&file->size_lock);
	return error;
}

static int scratch_host_space(struct store *store, uint64_t *ret_free_bytes)
{
	struct store_file *file = store_file_of(store);

	pthread_mutex_lock(&file->size_lock);
	*ret_free_bytes = 0;
	if (file->counted_pages < file->limit_pages)
		*ret_free_bytes = (file->limit_pages - file->counted_pages) * file->page_size;
	pthread_mutex_unlock(&file->size_lock);
	return 0;
}

static int scratch_allocated(struct store *store, uint64_t *ret_bytes)
{
	struct store_file *file = store_file_of(store);

	pthread_mutex_lock(&file->size_lock);
	*ret_bytes = file->counted_pages * file->page_size;
	pthread_mutex_unlock(&file->size_lock);
	return 0;
}

/* ---- storing ---- */

/* A copy of a page that cannot be made since the page cannot be read: there is no full host here. */
static int copy_failed(struct store_file *file, uint64_t end)
{
	struct stat status;
	uint64_t needed = end < file->file_end ? end : file->file_end;

	if (file->regular && fstat(file->descriptor, &status) == 0 && (uint64_t)status.st_size < needed)
		atomic_store(&file->store.faulted, true);
	return -EIO;
}

static int scratch_write(struct store *store, uint64_t offset, const void *bytes, size_t length)
{
	struct store_file *file = store_file_of(store);
	int error = store_file_check(file, offset, length);

	if (error < 0)
		return error;
	return guard_copy(scratch_at(file, offset), bytes, length) < 0 ? copy_failed(file, offset + length)
								       : 0;
}

static int scratch_zero(struct store *store, uint64_t offset, size_t length)
{
	struct store_file *file = store_file_of(store);
	int error = store_file_check(file, offset, length);

	if (error < 0)
		return error;
	return guard_zero(scratch_at(file, offset), length) < 0 ? copy_failed(file, offset + length) : 0;
}

/* ---- sizes ---- */

/* From `start` on, which is of a page, there is nothing up to the old end, and zeros when it is opened up
 * again. */
static int drop_behind(struct store_file *file, uint64_t start, uint64_t end)
{
	if (mmap(scratch_at(file, start), end - start, PROT_NONE, SCRATCH_FLAGS | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		return -ENOSPC; /* too many mappings: as large as it was */
	(void)madvise(scratch_at(file, start), end - start, MADV_NOHUGEPAGE);
	(void)madvise(scratch_at(file, start), end - start, MADV_DONTDUMP);
	if (start < file->file_end)
		file->file_end = start;
	count_off(file, start / file->page_size, end / file->page_size);
	file->open_end = start;
	return 0;
}

/* New bytes are zeros, so those that go are made so. */
static int shrink(struct store_file *file, uint64_t size, uint64_t before)
{
	uint64_t start = page_up(file, size), end = page_up(file, before);
	uint64_t rest = (start < before ? start : before) - size;
	int error = rest > 0 && guard_zero(scratch_at(file, size), rest) < 0 ? -EIO : 0;

	if (error == 0 && start < end)
		error = drop_behind(file, start, end);
	return error;
}

static int scratch_set_size(struct store *store, uint64_t size)
{
	struct store_file *file = store_file_of(store);
	int error = store_file_check(file, 0, 0);

	if (error < 0)
		return error;
	if (size % SIZE_UNIT_BYTES)
		return -EINVAL;
	if (size > store->map_size)
		return -EFBIG;
	pthread_mutex_lock(&file->size_lock);
	uint64_t before = store_size(store);
	if (size > before)
		error = open_up(file, page_up(file, size));
	if (error == 0)
		__atomic_store_n(&store->size, size, __ATOMIC_RELEASE);
	if (error == 0 && size < before) {
		error = shrink(file, size, before);
		if (error < 0)
			__atomic_store_n(&store->size, before, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&file->size_lock);
	return error;
}

static int scratch_punch(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_file *file = store_file_of(store);
	uint64_t start = page_up(file, offset), end = offset + length;
	int error = store_file_check(file, offset, length);

	if (error < 0)
		return error;
	end -= end % file->page_size;
	if (start >= end)
		return 0;
	if (madvise(scratch_at(file, start), end - start, MADV_DONTNEED) < 0)
		return -EOPNOTSUPP; /* pages locked in memory */
	pthread_mutex_lock(&file->size_lock);
	count_off(file, start / file->page_size, end / file->page_size);
	pthread_mutex_unlock(&file->size_lock);
	return 0;
}

/* ---- the rest ---- */

static int scratch_sync_all(struct store *store)
{
	return atomic_load(&store->faulted) ? -EIO : 0;
}

static int scratch_sync_range(struct store *store, uint64_t offset, uint64_t length)
{
	(void)offset;
	(void)length;
	return scratch_sync_all(store);
}

static void scratch_freeze(struct store *store)
{
	struct store_file *file = store_file_of(store);

	atomic_store(&file->frozen, true);
	(void)mprotect(scratch_at(file, 0), store->map_size, PROT_READ);
}

static void scratch_prefault(struct store *store, uint64_t offset, uint64_t length)
{
	store_file_ops.prefault(store, offset, length);
}

/* Only before the first change: it would go, too. */
static void scratch_forget(struct store *store)
{
	store_file_ops.forget(store);
}

static void scratch_close(struct store *store)
{
	struct store_file *file = store_file_of(store);

	if (file->counted)
		munmap(file->counted, counted_bytes(file));
	store_file_ops.close(store);
}

const struct store_ops store_scratch_ops = {
    .close = scratch_close,
    .write = scratch_write,
    .zero = scratch_zero,
    .set_size = scratch_set_size,
    .reserve = scratch_reserve,
    .punch = scratch_punch,
    .sync_range = scratch_sync_range,
    .sync_all = scratch_sync_all,
    .freeze = scratch_freeze,
    .host_space = scratch_host_space,
    .allocated = scratch_allocated,
    .prefault = scratch_prefault,
    .forget = scratch_forget,
};
