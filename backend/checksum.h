/*
 * Checksums of what the image holds. All are XXH3-64; of a struct with a checksum field in it, that field
 * counts as zero.
 */
#ifndef MMFS_CHECKSUM_H
#define MMFS_CHECKSUM_H

#include "format.h"

#include <stddef.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the state on the stack; its layout is fixed since xxHash 0.8 */
#include <xxhash.h>
#ifdef MMFS_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#endif

/* Of `length` bytes, the eight at `field` (a le64 that lies within) taken as zero. */
static inline uint64_t checksum_without(uint64_t seed, const void *bytes, size_t length, size_t field)
{
	static const uint8_t zeros[sizeof(le64)];
	const uint8_t *from = bytes;
	size_t after = field + sizeof(le64);
	XXH3_state_t state;

	/* Setting up a state costs more than copying a block. */
	if (length <= BLOCK_SIZE) {
		uint8_t copy[BLOCK_SIZE];

		memcpy(copy, from, length);
		memset(copy + field, 0, sizeof(le64));
		return XXH3_64bits_withSeed(copy, length, seed);
	}
	XXH3_INITSTATE(&state);
	XXH3_64bits_reset_withSeed(&state, seed);
	XXH3_64bits_update(&state, from, field);
	XXH3_64bits_update(&state, zeros, sizeof(zeros));
	XXH3_64bits_update(&state, from + after, length - after);
	return XXH3_64bits_digest(&state);
}

/* Of a metadata block, and puts it there. */
static inline void block_seal(uint64_t seed, void *bytes)
{
	struct block_head *head = bytes;

	head->checksum = le64_of(0);
	head->checksum = le64_of(XXH3_64bits_withSeed(bytes, BLOCK_SIZE, seed));
}

/* Of a metadata block (struct block_head first). */
static inline uint64_t block_checksum(uint64_t seed, const void *bytes)
{
	return checksum_without(seed, bytes, BLOCK_SIZE, offsetof(struct block_head, checksum));
}

/* Of a record of the journal, `length` bytes with its header. */
static inline uint64_t record_checksum(uint64_t seed, const void *record, size_t length)
{
	return checksum_without(seed, record, length, offsetof(struct record_disk, checksum));
}

/* Of a superblock slot. */
static inline uint64_t super_checksum(const struct super_disk *super)
{
	return XXH3_64bits(super, offsetof(struct super_disk, checksum));
}

#endif
