/* Label, limit and size of an image in use. What the superblock says of them is durable when they return. */
#include "image_i.h"

#include <errno.h>
#include <string.h>

static int may_change(const struct image *image)
{
	if (image->read_only)
		return -EROFS;
	return image_failure(image) ? -EIO : 0;
}

/* label, limit: NULL: stays as it is. Somebody else may be changing the other one. */
static int store_super(struct image *image, const char *label, const uint64_t *limit_blocks)
{
	int error = -EIO;

	pthread_mutex_lock(&image->super_lock);
	if (!image_failure(image)) {
		if (label) {
			memset(image->super.label, 0, sizeof(image->super.label));
			memcpy(image->super.label, label, strlen(label));
		}
		if (limit_blocks)
			image->super.limit_blocks = le64_of(*limit_blocks);
		error = super_write(image);
	}
	pthread_mutex_unlock(&image->super_lock);
	return error < 0 ? image_fail(image, error) : 0;
}

void image_super_copy(struct image *image, struct super_disk *ret_super)
{
	pthread_mutex_lock(&image->super_lock);
	*ret_super = image->super;
	pthread_mutex_unlock(&image->super_lock);
}

int image_seal(struct image *image)
{
	return image->read_only ? 0 : syncer_seal(image);
}

int image_set_label(struct image *image, const char *label)
{
	int error = may_change(image);

	if (error < 0)
		return error;
	if (strlen(label) >= sizeof(image->super.label))
		return -EINVAL;
	return store_super(image, label, NULL);
}

int image_set_limit(struct image *image, uint64_t bytes, uint64_t *ret_least)
{
	uint64_t most = (image->store->fixed_size ? store_size(image->store) : image->store->map_size),
		 end = 0;
	uint64_t blocks = bytes ? bytes >> BLOCK_SHIFT : MAX_BLOCKS;
	int error = may_change(image);

	if (error < 0)
		return error;
	if (bytes >> BLOCK_SHIFT > MAX_BLOCKS)
		return -EINVAL;
	if (blocks > most >> BLOCK_SHIFT)
		blocks = most >> BLOCK_SHIFT;
	error = syncer_seal(image); /* what was freed until now counts no longer */
	if (error == 0)
		error = alloc_set_limit(image, blocks, &end);
	if (ret_least)
		*ret_least = end << BLOCK_SHIFT;
	if (error < 0)
		return error;
	blocks = bytes >> BLOCK_SHIFT;
	error = store_super(image, NULL, &blocks);
	if (error == 0 && bytes && store_size(image->store) > bytes)
		error = image_shrink(image);
	return error;
}

int image_grow(struct image *image)
{
	struct super_disk super;
	uint64_t end, blocks, size;
	int error = may_change(image);

	if (error == 0)
		error = store_remeasure(image->store);
	if (error < 0 || !image->store->fixed_size)
		return error;
	image_super_copy(image, &super);
	blocks = le64_get(super.limit_blocks);
	size = store_size(image->store) >> BLOCK_SHIFT;
	if (blocks == 0 || blocks > size)
		blocks = size;
	return blocks > image->limit_blocks ? alloc_set_limit(image, blocks, &end) : 0;
}
