/* What the library's handles are made of. */
#ifndef MMFS_HANDLE_H
#define MMFS_HANDLE_H

#include "../common/files.h"
#include "../common/stat.h"

#include "mmfs.h"

struct mmfs {
	struct image *image;
	struct fs *fs;
};

struct mmfs_file {
	struct mmfs *image;
	uint64_t inode;
};

/* The process, as the owner of what it makes; it may keep set-group-ID. */
struct fs_caller handle_caller(void);

#endif
