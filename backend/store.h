/*
 * The store: the bytes of an image, and the only code that calls mmap, msync, ftruncate and fallocate on it.
 *
 * Three implementations: store_file.c (the real file, mapped MAP_SHARED), store_scratch.c (the same mapped
 * MAP_PRIVATE: the file never changes) and tests/sim/store_sim.c (in memory, recording every call, so that
 * tests decide what a crash leaves behind). Offsets and lengths are bytes, of
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
struct store_track; /* store_track.h */

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
	/* Those that follow may be NULL. */
	int (*map_ring)(struct store *store, uint64_t offset, uint64_t length);
	void (*sync_later)(struct store *store, uint64_t offset, uint64_t length);
	int (*allocated)(struct store *store, uint64_t *ret_bytes);
	void (*prefault)(struct store *store, uint64_t offset, uint64_t length); /* may be NULL */
	void (*forget)(struct store *store);
	void (*unmap)(struct store *store, uint64_t offset, uint64_t length);
	void (*drop)(struct store *store, uint64_t offset, uint64_t length);
	int (*remeasure)(struct store *store);
};

/* Implementations put this first in their own struct. */
struct store {
	const struct store_ops *ops;
	const uint8_t *base; /* of the PROT_READ mapping */
	uint64_t map_size;   /* bytes: largest size the image can have while this store is open */
	uint64_t size;	     /* bytes, present; changed by set_size and remeasure (atomic: __atomic_load_n) */
	bool read_only;	     /* write, zero, set_size, punch and reserve return -EROFS */
	bool fixed_size;     /* set_size to another size returns -ENOSPC */
	_Atomic(struct store_track *) track; /* NULL: nobody asks what is written */
	bool scratch; /* overwriting takes memory, so it has to be reserved like new blocks */
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

void store_track_note(struct store_track *track, uint64_t offset, uint64_t length);

/* Something was stored there. */
static inline void store_note(struct store *store, uint64_t offset, uint64_t length)
{
	struct store_track *track = atomic_load_explicit(&store->track, memory_order_acquire);

	if (track)
		store_track_note(track, offset, length);
}

/* Copies `length` bytes to `offset`, which lie within the size. 0, -ENOSPC (host full), -EIO (the page cannot
 * be read, the image was cut, or the store is frozen), -EROFS. On an error a part may have been written. */
static inline MUST_CHECK int store_write(struct store *store, uint64_t offset, const void *bytes,
					 size_t length)
{
	int error = store->ops->write(store, offset, bytes, length);

	store_note(store, offset, length);
	return error;
}

/* The same with zeros. */
static inline MUST_CHECK int store_zero(struct store *store, uint64_t offset, size_t length)
{
	int error = store->ops->zero(store, offset, length);

	store_note(store, offset, length);
	return error;
}

/* Makes the file `size` bytes long (a multiple of 4096). New bytes are zeros and take no host space. Growth
 * is durable on return (R13). -ENOSPC, -EFBIG: nothing has changed; -EIO: for one, the sync of the growth
 * failed, whatever with: then the store has faulted (R16). */
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

/* Gives the host space of the range back, as far as it lies within the size; it reads as zeros, or in a
 * scratch store as something: nobody assumes that a free block is zero. Where the host cannot, returns
 * -EOPNOTSUPP and contents stay. */
static inline MUST_CHECK int store_punch(struct store *store, uint64_t offset, uint64_t length)
{
	return store->ops->punch(store, offset, length);
}

/* Makes everything written to the range durable: msync(MS_SYNC), which flushes the device too. On any error
 * the store has faulted: no later sync asks the host again, and none says that all is well (R16). */
static inline MUST_CHECK int store_sync_range(struct store *store, uint64_t offset, uint64_t length)
{
	return store->ops->sync_range(store, offset, length);
}

/* Tells the host that the range is wanted on the disk, and does not wait: msync(MS_ASYNC). A promise of
 * nothing; errors show in a later sync. */
static inline void store_sync_later(struct store *store, uint64_t offset, uint64_t length)
{
	if (store->ops->sync_later && length > 0)
		store->ops->sync_later(store, offset, length);
}

/* Where the ring lies: it is written and synced through a mapping of its own from here on. Once, before there
 * are threads. -ENOMEM etc. */
static inline MUST_CHECK int store_map_ring(struct store *store, uint64_t offset, uint64_t length)
{
	return store->ops->map_ring ? store->ops->map_ring(store, offset, length) : 0;
}

/* Makes everything written to the image durable: fdatasync. Errors as above. */
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

/* Maps the pages of a range within the size for reading, as far as that goes: a system call that copies from
 * them then takes no page fault. */
static inline void store_prefault(struct store *store, uint64_t offset, uint64_t length)
{
	if (store->ops->prefault)
		store->ops->prefault(store, offset, length);
}

/* Drops what the host caches of the image, as far as it can: after a failed sync the cache holds what the
 * disk lacks (R16). Dirty pages stay. */
static inline void store_forget(struct store *store)
{
	if (store->ops->forget)
		store->ops->forget(store);
}

/* Pages of a range no longer count as this process's memory; they stay in the host's cache, and come back
 * when they are touched. */
static inline void store_unmap(struct store *store, uint64_t offset, uint64_t length)
{
	if (store->ops->unmap)
		store->ops->unmap(store, offset, length);
}

/* The same, and what the disk has of it leaves the host's cache as well. Nothing is lost: what is not written
 * yet stays. */
static inline void store_drop(struct store *store, uint64_t offset, uint64_t length)
{
	if (store->ops->drop)
		store->ops->drop(store, offset, length);
}

/* Takes in a device of fixed size that was enlarged. -ENXIO: it is smaller than before; nothing has changed.
 */
static inline MUST_CHECK int store_remeasure(struct store *store)
{
	return store->ops->remeasure ? store->ops->remeasure(store) : 0;
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
	STORE_SCRATCH,	 /* O_RDONLY, shared lock; changes stay in memory (store_scratch.c) */
};

struct store_file_options {
	enum store_mode mode;
	bool no_lock;			/* a host that cannot lock is no error; a lock that is held is */
	unsigned lock_wait_ms;		/* how long to wait for the lock */
	void (*waiting)(void *context); /* called once when waiting starts; may be NULL */
	void *context;
};

/*
 * Opens, locks (flock) and maps the file at `path`. Errors: those of open(2); -EWOULDBLOCK: somebody else
 * holds the lock; -ENOLCK: the host cannot lock (and not no_lock); -EINVAL: not a regular file or block
 * device; -EFBIG: larger than the address space can map. Nothing is changed unless STORE_CREATE made the
 * file.
 */
MUST_CHECK int store_file_open(const char *path, const struct store_file_options *options,
			       struct store **ret_store);

/* The first half of it, for a process that keeps the lock while others come and go: opens and locks, without
 * a mapping. Same errors. The lock lasts as long as the descriptor is open anywhere. */
MUST_CHECK int store_file_lock(const char *path, const struct store_file_options *options,
			       int *ret_descriptor);
/* The second half: maps what store_file_lock gave, and owns it from here on, also when this fails. Closing
 * the store lets go of the lock, whoever else has the descriptor. -EFBIG. */
MUST_CHECK int store_file_open_locked(int descriptor, enum store_mode mode, struct store **ret_store);

/* How much memory a scratch store's new and overwritten blocks may take; without it half of what the machine
 * has. Once, before there are threads. */
void store_scratch_limit(struct store *store, uint64_t bytes);

/* The open descriptor, for fstat, statx and FITRIM-like calls that change nothing. */
int store_file_descriptor(const struct store *store);

#endif
