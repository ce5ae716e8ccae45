/*
 * Which parts of a store have been written. Noted behind each write, so that who takes a part and then reads
 * it has all that was written before, or will be told of it again. Writers that were at it when tracking
 * began are not noted: the caller sees to it that there are none.
 */
#ifndef MMFS_STORE_TRACK_H
#define MMFS_STORE_TRACK_H

#include "store.h"

#include <errno.h>

#define TRACK_BYTES (UINT64_C(128) << 10) /* of one part */

/* From here on, until the store is closed. 0 also if it has begun before. -ENOMEM. */
int store_track_begin(struct store *store) MUST_CHECK;
/* With the store. */
void store_track_free(struct store *store);
/* Takes the first part at or behind `from` that has been written: it is as if it had not been. false: none.
 */
bool store_track_take(struct store *store, uint64_t from, uint64_t *ret_offset);
/* Parts written and not taken. */
uint64_t store_track_count(struct store *store);

#endif
