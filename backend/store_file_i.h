/* What store_file.c (the calls of the interface) and store_open.c share. */
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
	uint8_t *write_base; /* NULL if read-only */
	struct store_window ring;
	uint64_t page_size;
	bool regular;				/* not a block device */
	bool shared;				/* another process has the descriptor, too */
	atomic_bool frozen;			/* writes say -EIO */
	pthread_mutex_t size_lock;		/* one set_size at a time */
	pthread_mutex_t range_lock, whole_lock; /* one sync of each open file at a time; leaves */
};

/* The first member is the interface, so the pointer is the same. */
static inline struct store_file *store_file_of(struct store *store)
{
	return (struct store_file *)store;
}

extern const struct store_ops store_file_ops;

/* Bytes of the file or device, asked of the kernel. */
int store_file_size(const struct store_file *file, uint64_t *ret_size) MUST_CHECK;
/* Does ftruncate fail with this errno since the file has the size of something else? */
bool store_file_is_fixed(int error);

#endif
