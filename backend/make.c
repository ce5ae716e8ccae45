/*
 * Making an empty image. Everything but the superblocks is written and synced first, then slot 1, then slot
 * 0: until slot 1 stands there the file is no image.
 */
#include "checksum.h"
#include "image_i.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define MIB		    (UINT64_C(1) << 20)
#define JOURNAL_DEFAULT	    (16 * MIB)
#define JOURNAL_UNIT	    (RING_ALIGN * (uint64_t)BLOCK_SIZE)
#define ZONE_0_BLOCKS_FIRST 32u /* size of a new image behind its ring */
#define FIRST_TAIL	    BLOCK_SIZE

struct make {
	struct store *store;
	uint64_t ring_blocks;
	uint64_t zone_first;
	uint64_t size_blocks;
	struct super_disk super;
};

static int host_free(struct store *store, uint64_t *ret_bytes)
{
	if (store->fixed_size) {
		*ret_bytes = store_size(store);
		return 0;
	}
	return store_host_space(store, ret_bytes);
}

static int choose_ring(struct make *make, const struct image_make_options *options)
{
	uint64_t bytes = options->journal_bytes, free_bytes;
	int error;

	if (bytes == 0) {
		error = host_free(make->store, &free_bytes);
		if (error < 0)
			return error;
		if (options->limit_bytes && options->limit_bytes < free_bytes)
			free_bytes = options->limit_bytes;
		bytes = free_bytes / 16 < JOURNAL_DEFAULT ? free_bytes / 16 : JOURNAL_DEFAULT;
		bytes -= bytes % JOURNAL_UNIT;
		if (bytes < MIB)
			bytes = MIB;
	}
	if (bytes > RING_BLOCKS_MAX * (uint64_t)BLOCK_SIZE)
		return -EINVAL;
	bytes = (bytes + JOURNAL_UNIT - 1) / JOURNAL_UNIT * JOURNAL_UNIT;
	if (bytes < RING_BLOCKS_MIN * (uint64_t)BLOCK_SIZE)
		return -EINVAL;
	make->ring_blocks = bytes / BLOCK_SIZE;
	make->zone_first = RING_START + make->ring_blocks;
	make->size_blocks = make->zone_first + ZONE_0_BLOCKS_FIRST;
	return 0;
}

static int fill_super(struct make *make, const struct image_make_options *options)
{
	struct super_disk *super = &make->super;
	uint64_t numbers[2];

	if (options->label && strlen(options->label) >= sizeof(super->label))
		return -EINVAL;
	if (options->limit_bytes && options->limit_bytes / BLOCK_SIZE < make->size_blocks)
		return -EINVAL;
	if (options->limit_bytes / BLOCK_SIZE > MAX_BLOCKS)
		return -EINVAL;
	memcpy(super->magic, SUPER_MAGIC, sizeof(super->magic));
	super->version = le32_of(SUPER_VERSION);
	super->block_size = le32_of(BLOCK_SIZE);
	super->incompat = le64_of(FEATURES_INCOMPAT & ~options->without);
	if (options->uuid) {
		memcpy(super->uuid, options->uuid, sizeof(super->uuid));
	} else {
		session_random(super->uuid, sizeof(super->uuid));
		super->uuid[6] = (super->uuid[6] & 0x0f) | 0x40; /* version 4: random */
		super->uuid[8] = (super->uuid[8] & 0x3f) | 0x80;
	}
	if (options->label)
		memcpy(super->label, options->label, strlen(options->label));
	session_random(numbers, sizeof(numbers));
	super->epoch = le64_of(numbers[0]);
	super->hash_seed = le64_of(numbers[1]);
	super->limit_blocks = le64_of(options->limit_bytes / BLOCK_SIZE);
	super->ring_blocks = le64_of(make->ring_blocks);
	super->tail_lsn = le64_of(FIRST_TAIL);
	super->flags = le64_of(SUPER_CLEAN);
	super->created_seconds = le64_of((uint64_t)time(NULL));
	super->session.birth_nanoseconds = le64_of(UINT64_MAX);
	return 0;
}

/* No trace of an earlier image may be taken for a part of this one. */
static int make_empty(struct make *make)
{
	struct store *store = make->store;
	int error;

	if (!store->fixed_size) {
		error = store_set_size(store, 0);
		if (error == 0)
			error = store_set_size(store, make->size_blocks * BLOCK_SIZE);
		/* Some files tell only when asked that their size is fixed: a network block device's. */
		if (error == 0 || !store->fixed_size)
			return error;
	}
	if (store_size(store) < make->size_blocks * BLOCK_SIZE)
		return -ENOSPC;
	error = store_zero(store, 0, RING_START * BLOCK_SIZE);
	return error < 0 ? error : store_sync_all(store);
}

/* Written, not only reserved: syncing the ring must never need the host to allocate or convert blocks. */
static int write_ring(struct make *make)
{
	uint64_t start = RING_START * (uint64_t)BLOCK_SIZE;
	uint64_t size = make->ring_blocks * BLOCK_SIZE;
	int error = store_reserve(make->store, start, size);

	for (uint64_t at = 0; error == 0 && at < size; at += MIB)
		error = store_zero(make->store, start + at, size - at < MIB ? size - at : MIB);
	return error;
}

static int write_block(struct make *make, uint64_t block, uint32_t magic, void *bytes)
{
	struct block_head *head = bytes;

	head->magic = le32_of(magic);
	head->block = le64_of(block);
	head->birth = le64_of(1);
	head->checksum = le64_of(block_checksum(le64_get(make->super.hash_seed), bytes));
	return store_write(make->store, block * BLOCK_SIZE, bytes, BLOCK_SIZE);
}

static int write_zone_0(struct make *make)
{
	struct map_disk map = {.group_type[0] = GROUP_METADATA};
	struct roots_disk roots = {
	    .generation = le64_of(1), .zones = le64_of(1), .next_inode = le64_of(FIRST_INODE)};
	int error;

	map.bitmap[0] = 1u | 1u << ROOTS_OFFSET;
	error = store_reserve(make->store, make->zone_first * BLOCK_SIZE, 2 * BLOCK_SIZE);
	if (error == 0)
		error = write_block(make, make->zone_first, MAGIC_MAP, &map);
	if (error == 0)
		error = write_block(make, make->zone_first + ROOTS_OFFSET, MAGIC_ROOTS, &roots);
	return error;
}

int image_make(struct store *store, const struct image_make_options *options)
{
	struct make make = {.store = store};
	int error;

	if (store->read_only)
		return -EROFS;
	error = choose_ring(&make, options);
	if (error == 0)
		error = fill_super(&make, options);
	if (error == 0)
		error = make_empty(&make);
	if (error == 0)
		error = write_ring(&make);
	/* Else the zeros would count as memory of a mount that has done nothing yet. */
	store_unmap(store, RING_START * (uint64_t)BLOCK_SIZE, make.ring_blocks * BLOCK_SIZE);
	if (error == 0)
		error = write_zone_0(&make);
	if (error == 0)
		error = store_sync_all(store);
	for (uint64_t generation = 1; error == 0 && generation <= 2; generation++) {
		make.super.generation = le64_of(generation);
		error = super_store(store, &make.super);
	}
	return error;
}
