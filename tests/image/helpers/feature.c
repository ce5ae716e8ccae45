/*
 * Sets an unknown feature bit in both superblock slots, with a right checksum, as a later version of mmfs
 * would: `feature IMAGE incompat|ro_compat BIT`.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../../../backend/format.h"

#include <err.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **argument)
{
	struct super_disk super;
	if (count != 4)
		errx(2, "usage: feature IMAGE incompat|ro_compat BIT");
	int file = open(argument[1], O_RDWR);
	if (file < 0)
		err(1, "%s", argument[1]);
	for (off_t slot = 0; slot < 2; slot++) {
		if (pread(file, &super, sizeof(super), slot * BLOCK_SIZE) != sizeof(super))
			err(1, "read");
		if (memcmp(super.magic, SUPER_MAGIC, sizeof(super.magic)) != 0)
			continue;
		le64 *features = strcmp(argument[2], "incompat") == 0 ? &super.incompat : &super.ro_compat;
		*features = le64_of(le64_get(*features) | UINT64_C(1) << atoi(argument[3]));
		super.checksum = le64_of(XXH3_64bits(&super, offsetof(struct super_disk, checksum)));
		if (pwrite(file, &super, sizeof(super), slot * BLOCK_SIZE) != sizeof(super))
			err(1, "write");
	}
	return close(file);
}
