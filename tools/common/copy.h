/*
 * Copying between the host and an image, keeping what an inode has: contents with their holes, owner, mode,
 * times, xattrs with ACLs, symbolic links, devices, names of the same file. Flags of chattr(1) are not
 * copied.
 *
 * Symbolic links are copied, never followed. Each failure is said; what else there is gets copied all the
 * same, unless the image is full or fails, or files_stopped(); the first error is the result.
 */
#ifndef MMFS_COPY_H
#define MMFS_COPY_H

#include "files.h"

/* ---- into the image (copy_in.c) ---- */

struct copy_in;

/* strict: the first failure ends it. NULL: no memory. Closing frees it; NULL is allowed. */
struct copy_in *copy_in_open(struct files *files, bool strict);
/* Copies what `source` names on the host, as `name` in directory `parent`. What is there already: directories
 * are filled, anything else is replaced in one step, once the new one is complete. `name` without bytes: what
 * is in directory `source` goes into `parent`, which gets its attributes, and `source` may be a link. Names
 * of one file are found again over all calls. */
MUST_CHECK int copy_in_tree(struct copy_in *copy, const char *source, uint64_t parent, struct fs_name name);
void copy_in_close(struct copy_in *copy);

/* ---- out of the image (copy_out.c) ---- */

struct copy_out;

/* directory: a path on the host. Says what went wrong (returns NULL). */
struct copy_out *copy_out_open(const struct files *files, const char *directory);
/* Copies what `path` (with these attributes) names in the image, as `name` in the directory on the host; "."
 * means into it. What is there already: as copy_in_tree. Owners are kept when root does it. */
MUST_CHECK int copy_out_tree(struct copy_out *copy, const char *path, const struct fs_attr *attr,
			     const char *name);
void copy_out_close(struct copy_out *copy);

#endif
