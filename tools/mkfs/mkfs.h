/* mkfs.mmfs: its settings, and its parts. */
#ifndef MMFS_MKFS_H
#define MMFS_MKFS_H

#include "../common/open_image.h"

#include <sys/stat.h>

#define PROGRAM "mkfs.mmfs"

struct settings {
	const char *path;
	struct image_make_options make;
	uint8_t uuid[16];
	const char *from; /* the directory or archive that fills it; NULL: it stays empty */
	bool force, quiet;
};

/* ---- contents.c ---- */

/* May what the store holds be given up? 0, or -errno having said why not. */
MUST_CHECK int contents_check(const struct settings *settings, const struct store *store);

/* ---- make.c ---- */

/* Makes the image, and fills it: all of it, or there is none. 0, or -errno having said why. */
MUST_CHECK int make_all(const struct settings *settings);

#endif
