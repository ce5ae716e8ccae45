/* What tar_in.c and tar_put.c share. */
#ifndef MMFS_TAR_IN_H
#define MMFS_TAR_IN_H

#include "tar.h"

#include "acl.h"

#include <unistd.h>

/* Set once everything else has been made: times of directories, which what is made in them would change, and
 * flags, which would forbid it. */
struct tar_later {
	uint64_t inode;
	unsigned what;	/* FS_SET_ATIME, FS_SET_MTIME */
	uint32_t flags; /* INODE_ */
	struct timespec atime, mtime;
};

struct tar_in {
	struct files *files;
	struct tar_input *input;
	const struct tar_in_options *options;
	uint64_t directory; /* everything goes below it */
	uint64_t count;	    /* entries that have been put */
	int first_error;
	bool said;	  /* why the present entry failed */
	bool broken;	  /* the archive cannot be read any further */
	bool other_xattr; /* has been said */
	char *last_path;  /* below directory; NULL: none */
	uint64_t last_parent;
	struct tar_later *later;
	size_t later_count, later_room;
	struct link_table later_of; /* inode -> index in later */
	char value[ACL_BYTES_MAX];
};

struct tar_place {
	uint64_t parent;
	struct fs_name name;
};

/* ---- tar_in.c ---- */

/* Where `path` (of tar_name, not "") goes. make: the directories above it, too. -ELOOP: through a link. */
MUST_CHECK int tar_in_place(struct tar_in *in, const char *path, bool make, struct tar_place *ret_place);
/* A directory has been removed. */
void tar_in_forget_parent(struct tar_in *in);
/* In place of what was noted for this inode before. */
MUST_CHECK int tar_in_later(struct tar_in *in, uint64_t inode, const struct tar_later *later);

/* ---- tar_put.c ---- */

/* Makes what an entry is. A failure may have been said: in->said. */
MUST_CHECK int tar_put(struct tar_in *in, struct archive_entry *entry, const char *path);

#endif
