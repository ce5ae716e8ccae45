/*
 * The store: the bytes of an image, and the only code that calls mmap, msync, ftruncate and fallocate on it.
 *
 * Two implementations: store_file.c (the real file, mapped MAP_SHARED) and tests/sim/store_sim.c (in memory,
 * recording every call, so that tests decide what a crash leaves behind). Offsets and lengths are bytes, of
 * any alignment unless told otherwise; an implementation rounds to the system's page size where it has to.
 * All functions may be called by several threads at once.
 *
 * Reading: store_at() gives a const pointer into a mapping that is PROT_READ always and is valid until
 * store_close(), for offsets beyond the present end as well (touching those faults: see guard.h). Writing:
 * only store_write() and store_zero(), which go through the writable mapping under the guard.
 */
#ifndef MMFS_STORE_H
#define MMFS_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

struct store;

struct store_ops {
	void (*close)(struct store *store);
	int (*write)(struct store *store, uint64_t offset, const void *bytes, size_t length);
	int (*zero)(struct store *store, uint64_t offset, size_t length);
	int (*set_size)(struct store *store, uint64_t size);
	int (*reserve)(struct store *store, uint64_t offset, uint64_t length);
	int (*punch)(struct store *store, uint64_t offset, uint64_t length);
	int (*sync_range)(struct store *store, uint64_t offset, uint64_t length);
	int (*sync_all)(struct store *store);
	void (*freeze)(struct store *store);
	int (*host_space)(struct store *store, uint64_t *ret_free_bytes);
	/* The next two may be NULL. */
	int (*allocated)(struct store *store, uint64_t *ret_bytes);
	void (*forget)(struct store *store);
};

/* Implementations put this first in their own struct. */
struct store {
	const struct store_ops *ops;
	const uint8_t *base; /* of the PROT_READ mapping */
	uint64_t map_size;   /* bytes: largest size the image can have while this store is open */
	uint64_t size;	     /* bytes, present; changed by set_size only (atomic: __atomic_load_n) */
	bool read_only;	     /* write, zero, set_size, punch and reserve return -EROFS */
	bool fixed_size;     /* set_size to another size returns -ENOSPC */
	atomic_bool
	    faulted; /* sticky: a sync failed, a page could not be read, or the image was cut under us */
};

static inline const void *store_at(const struct store *store, uint64_t offset)
{
	return store->base + offset;
}

static inline uint64_t store_size(const struct store *store)
{
	return __atomic_load_n(&store->size, __ATOMIC_ACQUIRE);
}

/* Copies `length` bytes to `offset`, which lie within the size. 0, -ENOSPC (host full), -EIO (the page cannot
 * be read, the image was cut, or the store is frozen), -EROFS. On an error a part may have been written. */
static inline MUST_CHECK int store_write(struct store *store, uint64_t offset, const void *bytes,
					 size_t length)
{
	return store->ops->write(store, offset, bytes, length);
}

/* The same with zeros. */
static inline MUST_CHECK int store_zero(struct store *store, uint64_t offset, size_t length)
{
	return store->ops->zero(store, offset, length);
}

/* Makes the file `size` bytes long (a multiple of 4096). New bytes are zeros and take no host space. Growth
 * is durable on return (R13). -ENOSPC, -EFBIG, -EIO. */
static inline MUST_CHECK int store_set_size(struct store *store, uint64_t size)
{
	return store->ops->set_size(store, size);
}

/* Takes host space for a range within the size, so that writes to it cannot find the host full; contents
 * stay. -ENOSPC, -EIO. Where the host has no fallocate, pages are made by MADV_POPULATE_WRITE. */
static inline MUST_CHECK int store_reserve(struct store *store, uint64_t offset, uint64_t length)
{
	return store->ops->reserve(store, offset, length);
}

/* Gives the range's host space back; it reads as zeros. Where the host cannot, returns -EOPNOTSUPP and
 * contents stay. */
static inline MUST_CHECK int store_punch(struct store *store, uint64_t offset, uint64_t length)
{
	return store->ops->punch(store, offset, length);
}

/* Makes everything written to the range durable: msync(MS_SYNC), which flushes the device too. -EIO etc.
 * (R16) */
static inline MUST_CHECK int store_sync_range(struct store *store, uint64_t offset, uint64_t length)
{
	return store->ops->sync_range(store, offset, length);
}

/* Makes everything written to the image durable: fdatasync. */
static inline MUST_CHECK int store_sync_all(struct store *store)
{
	return store->ops->sync_all(store);
}

/* After a fatal error: the writable mapping becomes PROT_READ; every later write returns -EIO (R16). */
static inline void store_freeze(struct store *store)
{
	store->ops->freeze(store);
}

/* Bytes that the host filesystem can still give to this image; of a host that does not tell, what can be
 * mapped. */
static inline MUST_CHECK int store_host_space(struct store *store, uint64_t *ret_free_bytes)
{
	return store->ops->host_space(store, ret_free_bytes);
}

/* Host space that the image takes now, in bytes: its size, less its holes. */
static inline MUST_CHECK int store_allocated(struct store *store, uint64_t *ret_bytes)
{
	if (store->ops->allocated)
		return store->ops->allocated(store, ret_bytes);
	*ret_bytes = store_size(store);
	return 0;
}

/* Drops what the host caches of the image, as far as it can: after a failed sync the cache holds what the
 * disk lacks (R16). Dirty pages stay. */
static inline void store_forget(struct store *store)
{
	if (store->ops->forget)
		store->ops->forget(store);
}

/* Did something happen that makes mapping and disk differ for good? The image has to fail then (R16). */
static inline bool store_faulted(const struct store *store)
{
	return atomic_load_explicit(&store->faulted, memory_order_relaxed);
}

/* NULL is allowed. */
static inline void store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
}

/* ---- the real file (store_file.c) ---- */

enum store_mode {
	STORE_READ_ONLY, /* O_RDONLY, one PROT_READ mapping, shared lock */
	STORE_WRITE,	 /* O_RDWR, exclusive lock */
	STORE_CREATE,	 /* as WRITE; made with mode 0600 if it does not exist */
};

struct store_file_options {
	enum store_mode mode;
	unsigned lock_wait_ms;		/* how long to wait for the lock */
	void (*waiting)(void *context); /* called once when waiting starts; may be NULL */
	void *context;
};

/*
 * Opens, locks (flock) and maps the file at `path`. Errors: those of open(2); -EWOULDBLOCK: somebody else
 * holds the lock; -ENOLCK: the host cannot lock; -EINVAL: not a regular file or block device; -EFBIG: larger
 * than the address space can map. Nothing is changed unless STORE_CREATE made the file.
 */
MUST_CHECK int store_file_open(const char *path, const struct store_file_options *options,
			       struct store **ret_store);

/* The open descriptor, for fstat, statx and FITRIM-like calls that change nothing. */
int store_file_descriptor(const struct store *store);

#endif
