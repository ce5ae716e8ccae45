/* What stands behind the ends of files: nothing may come to light when they grow. */
#include "verify.h"

#include <stdio.h>
#include <string.h>

#define GROWTH_BYTES 400000u

static int check_zeros(struct mount *mount, const struct walk_file *file, char *why, size_t room)
{
	static uint8_t bytes[65536];
	uint64_t at = file->size, end = file->size + GROWTH_BYTES;

	while (at < end) {
		ssize_t got = fs_read_copy(mount->fs, file->inode, at, bytes, sizeof(bytes));

		if (got <= 0) {
			snprintf(why, room, "inode %lu: reading at %lu after growing gives %zd", file->inode,
				 at, got);
			return 1;
		}
		for (ssize_t i = 0; i < got; i++) {
			if (!bytes[i])
				continue;
			snprintf(why, room, "inode %lu: grown from %lu, byte %lu is 0x%02x", file->inode,
				 file->size, at + (uint64_t)i, bytes[i]);
			return 1;
		}
		at += (uint64_t)got;
	}
	return 0;
}

int verify_growth(struct mount *mount, char *why, size_t room)
{
	struct walk walk;
	int error = walk_tree(&walk, mount->fs, why, room);

	for (size_t i = 0; i < walk.count && !error; i++) {
		const struct walk_file *file = &walk.files[i];
		struct fs_set set = {.what = FS_SET_SIZE, .size = file->size + GROWTH_BYTES};
		struct fs_attr attr;

		if (!S_ISREG(file->mode))
			continue;
		error = fs_setattr(mount->fs, file->inode, &set, &attr);
		if (error)
			snprintf(why, room, "inode %lu: growing says %s", file->inode, strerror(-error));
		else
			error = check_zeros(mount, file, why, room);
	}
	walk_free(&walk);
	return error != 0;
}
