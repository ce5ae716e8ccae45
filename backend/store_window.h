/*
 * A window: a writable mapping of its own for a part of the image (the ring) at that part's place, rounded to
 * the system's page size, which may be larger than a block.
 *
 *   file      |  0 | 1 |  ring ...............  | zones ...
 *   window         [-------------------------]
 *                start                 start + length
 *
 * The store writes and syncs what lies in a window through it, and everything else through the mapping of the
 * whole. It is made once, before there are threads, and goes with the store.
 */
#ifndef MMFS_STORE_WINDOW_H
#define MMFS_STORE_WINDOW_H

#include "store.h"

struct store_window {
	uint8_t *base;		/* NULL: there is none */
	uint64_t start, length; /* bytes of the file, multiples of the page size */
};

/* Maps [offset, offset+length) of the file and registers it with guard.h: a fault there sets *failed. 0 or
 * -errno. */
MUST_CHECK int window_map(int descriptor, uint64_t offset, uint64_t length, atomic_bool *failed,
			  struct store_window *ret_window);
/* None is allowed. */
void window_unmap(struct store_window *window);
/* No store through it from here on (R16). None is allowed. */
void window_freeze(const struct store_window *window);

/* Where the bytes of [offset, offset+length) lie in it; NULL: not all of them do. */
static inline uint8_t *window_at(const struct store_window *window, uint64_t offset, uint64_t length)
{
	if (!window->base || offset < window->start || length > window->length ||
	    offset - window->start > window->length - length)
		return NULL;
	return window->base + (offset - window->start);
}

#endif
