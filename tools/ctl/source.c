/* Where blocks come from: the image if it can be opened, else the file as it stands. */
#include "ctl.h"

#include "../../backend/checksum.h"
#include "../common/open_image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool slot_whole(const struct super_disk *super)
{
	return !memcmp(super->magic, SUPER_MAGIC, sizeof(super->magic)) &&
	       le64_get(super->checksum) == super_checksum(super);
}

/* The whole slot with the larger generation, as recovery takes it. */
static void find_super(struct source *source)
{
	for (unsigned slot = 0; slot < 2; slot++) {
		struct super_disk super;
		if (store_size(source->store) < (slot + UINT64_C(1)) * BLOCK_SIZE)
			return;
		memcpy(&super, store_at(source->store, (uint64_t)slot * BLOCK_SIZE), sizeof(super));
		if (!slot_whole(&super) ||
		    (source->has_super && le64_get(super.generation) < le64_get(source->super.generation)))
			continue;
		source->super = super;
		source->has_super = true;
	}
}

static int open_file(struct source *source, const struct open_image_options *options)
{
	int error = open_store(PROGRAM, source->path, options, &source->store, NULL);

	if (error)
		return error;
	int detected = image_detect(source->store);
	if (detected <= 0) {
		fprintf(stderr, PROGRAM ": %s: not an mmfs image\n", source->path);
		store_close(source->store);
		return detected < 0 ? detected : -EINVAL;
	}
	find_super(source);
	return 0;
}

int source_open(const char *path, bool with_image, struct source *ret_source)
{
	struct open_image_options options = {.read_only = true, .quiet = true, .image.no_syncer = true};
	struct source source = {.path = path};

	int error = open_file(&source, &options);
	if (!error && with_image && open_image_in(PROGRAM, path, source.store, &options, &source.image)) {
		fprintf(stderr, PROGRAM ": %s: showing its blocks as they stand, without recovery\n", path);
		source = (struct source){.path = path};
		error = open_file(&source, &options);
	}
	if (!error)
		*ret_source = source;
	return error;
}

void source_close(struct source *source)
{
	if (source->image)
		image_close(source->image);
	else
		store_close(source->store);
}

const void *source_home(const struct source *source, uint64_t block)
{
	uint64_t size = store_size(source->store);

	if (block >= MAX_BLOCKS || (block + 1) * BLOCK_SIZE > size) {
		fprintf(stderr, PROGRAM ": %s: block %llu lies past its end (%llu blocks)\n", source->path,
			(unsigned long long)block, (unsigned long long)(size / BLOCK_SIZE));
		return NULL;
	}
	return store_at(source->store, block * BLOCK_SIZE);
}

const void *source_block(const struct source *source, uint64_t block, uint32_t magic)
{
	const void *bytes;

	if (source->image) {
		if (!image_block(source->image, block, magic, &bytes))
			return bytes;
		fprintf(stderr, PROGRAM ": %s: block %llu is not what it should be: %s\n", source->path,
			(unsigned long long)block, image_damage(source->image));
	}
	bytes = source_home(source, block);
	if (!bytes)
		return NULL;
	struct block_head head;
	memcpy(&head, bytes, sizeof(head));
	if (le32_get(head.magic) != magic) {
		fprintf(stderr,
			PROGRAM ": %s: block %llu holds nothing of that kind (try 'dump IMAGE block %llu')\n",
			source->path, (unsigned long long)block, (unsigned long long)block);
		return NULL;
	}
	if (le64_get(head.checksum) != block_checksum(source_hash_seed(source), bytes))
		printf("(block %llu: the checksum is wrong)\n", (unsigned long long)block);
	return bytes;
}

uint64_t source_zone_first(const struct source *source)
{
	if (source->image)
		return image_zone_first(source->image);
	return RING_START + le64_get(source->super.ring_blocks);
}

uint64_t source_hash_seed(const struct source *source)
{
	return le64_get(source->super.hash_seed);
}
