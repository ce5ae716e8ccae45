/* The items of the tree of files: all of them, or those of one inode. */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Large xattr values stand under objects of their own: those of the inode printed. */
struct values {
	uint64_t *objects;
	size_t count;
	bool out_of_memory;
};

static int print_item(void *context, struct key key, const void *bytes, size_t size)
{
	(void)context;
	item_print(TREE_FILES, key, bytes, size);
	return 0;
}

static int scan(const struct source *source, struct key from, struct key to, tree_visit visit, void *context)
{
	if (!source->image) {
		fprintf(stderr,
			PROGRAM
			": %s: a tree can be walked only in an image that can be opened; single blocks "
			"can be shown by 'dump IMAGE node BLOCK'\n",
			source->path);
		return -EUCLEAN;
	}
	image_read_lock(source->image);
	int error = tree_scan(source->image, TREE_FILES, from, to, visit, context);
	image_read_unlock(source->image);
	if (error)
		fprintf(stderr, PROGRAM ": %s: %s (%s)\n", source->path, strerror(-error),
			image_damage(source->image));
	return error;
}

int tree_print(const struct source *source)
{
	struct key from = {0}, to = {.object = UINT64_MAX, .type = UINT8_MAX, .offset = UINT64_MAX};

	puts("tree of files");
	return scan(source, from, to, print_item, NULL);
}

static void values_note(struct values *values, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= sizeof(struct xattr_disk)) {
		struct xattr_disk xattr;
		memcpy(&xattr, bytes + at, sizeof(xattr));
		at += sizeof(xattr);
		size_t follows = (size_t)xattr.name_length + le16_get(xattr.inline_length);
		if (size - at < follows)
			return;
		at += follows;
		if (!xattr.value_object.raw)
			continue;
		uint64_t *more = reallocarray(values->objects, values->count + 1, sizeof(*more));
		if (!more) {
			values->out_of_memory = true;
			return;
		}
		values->objects = more;
		more[values->count++] = le64_get(xattr.value_object);
	}
}

static int print_inode_item(void *context, struct key key, const void *bytes, size_t size)
{
	struct values *values = context;

	item_print(TREE_FILES, key, bytes, size);
	if (key.type == ITEM_XATTR)
		values_note(values, bytes, size);
	return values->out_of_memory ? -ENOMEM : 0;
}

int inode_print(const struct source *source, uint64_t inode)
{
	struct key from = {.object = inode}, to = {.object = inode, .type = UINT8_MAX, .offset = UINT64_MAX};
	struct values values = {0};

	printf("inode %llu\n", (unsigned long long)inode);
	int error = scan(source, from, to, print_inode_item, &values);
	for (size_t i = 0; i < values.count && !error; i++) {
		from = (struct key){.object = values.objects[i], .type = ITEM_XATTR_VALUE};
		to =
		    (struct key){.object = values.objects[i], .type = ITEM_XATTR_VALUE, .offset = UINT64_MAX};
		error = scan(source, from, to, print_item, NULL);
	}
	free(values.objects);
	return error;
}
