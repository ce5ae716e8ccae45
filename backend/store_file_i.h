/* What store_file.c and store_scratch.c (the calls of the interface) and store_open.c share. */
#ifndef MMFS_STORE_FILE_I_H
#define MMFS_STORE_FILE_I_H

#include "store.h"
#include "store_window.h"

#include <pthread.h>

#define SIZE_UNIT_BYTES 4096

struct store_file {
	struct store store;
	int descriptor; /* of the mappings: msync asks this open file */
	int whole;	/* the file opened again, for fdatasync; -1: there is no other than `descriptor` */
	uint8_t *write_base; /* NULL if read-only, and of a scratch store, whose base it would be */
	struct store_window ring;
	uint64_t page_size;
	bool regular;				/* not a block device */
	bool shared;				/* another process has the descriptor, too */
	atomic_bool frozen;			/* writes say -EIO */
	pthread_mutex_t size_lock;		/* one set_size at a time; what a scratch store counts */
	pthread_mutex_t range_lock, whole_lock; /* one sync of each open file at a time; leaves */
	/* A scratch store's (store_scratch.c). */
	uint64_t file_end; /* bytes: the file is mapped up to here, and memory behind; goes down only */
	uint64_t
	    open_end; /* bytes: what is behind may not be touched, and takes no memory that is promised */
	uint64_t *counted; /* a bit for each page of the mapping, as far as it may be touched */
	uint64_t limit_pages, counted_pages;
};

/* The first member is the interface, so the pointer is the same. */
static inline struct store_file *store_file_of(struct store *store)
{
	return (struct store_file *)store;
}

extern const struct store_ops store_file_ops, store_scratch_ops;

/* May [offset, offset+length) be written? 0, -EROFS, -EIO (frozen, or past the end). */
MUST_CHECK int store_file_check(const struct store_file *file, uint64_t offset, uint64_t length);

/* Maps `bytes` for a scratch store, and fills in its part of the struct. -errno: nothing is mapped. */
MUST_CHECK int store_scratch_map(struct store_file *file, uint64_t bytes);

/* Bytes of the file or device, asked of the kernel. */
int store_file_size(const struct store_file *file, uint64_t *ret_size) MUST_CHECK;
/* Does ftruncate fail with this errno since the file has the size of something else? */
bool store_file_is_fixed(int error);

#endif
