/*
 * The null daemon: everything of fs/fuse (options, session, worker loop, handlers, replies, supervisor) over
 * an fs.h that keeps names and attributes in memory and drops what is written: the limit of what a FUSE
 * filesystem can do with that transport. The image that it is given is opened, and never changed.
 *
 *   mmfs-null IMAGE MOUNTPOINT           with the worker loop of mmfs
 *   mmfs-null-libfuse IMAGE MOUNTPOINT   the same handlers under libfuse's own loop (libfuse_loop.c)
 *
 * One mutex guards the tree: it is held for less than a microsecond.
 */
#ifndef MMFS_NULL_H
#define MMFS_NULL_H

#include "../../../fs/fs.h"

#include <pthread.h>

/* A name in a directory. */
struct name {
	struct name *next; /* with the same hash, in the table */
	uint64_t parent, inode;
	size_t position; /* in its directory's list */
	uint32_t hash;
	uint8_t type; /* DT_ */
	uint8_t length;
	char bytes[];
};

struct node {
	struct fs_attr attr;
	uint64_t lookups;
	char *target; /* of a symlink */
	/* Of a directory. A name's place stays while it lives: it is its cookie. */
	uint64_t parent;
	struct name **names; /* NULL: was removed */
	size_t names_used, names_room, names_live;
};

struct fs {
	struct image *image;
	struct fs_options options;
	pthread_mutex_t lock;
	struct node **nodes; /* by number */
	size_t nodes_used, nodes_room;
	struct name **table; /* of all names, by hash; room is a power of two */
	size_t table_room, table_used;
	uint64_t known;
};

/* ---- tree.c; lock held ---- */

/* NULL: no such inode. */
struct node *node_of(struct fs *fs, uint64_t inode);
/* A new inode with one lookup; NULL: out of memory. */
struct node *node_new(struct fs *fs, const struct fs_attr *attr);
/* Frees it if nobody knows or names it. */
void node_drop(struct fs *fs, struct node *node);
void node_touch(struct node *node, bool contents); /* ctime, and mtime */
void node_lookup(struct fs *fs, struct node *node);
void tree_free(struct fs *fs);

struct name *name_find(struct fs *fs, uint64_t parent, struct fs_name name);
int name_add(struct fs *fs, struct node *parent, struct fs_name name, const struct node *node) MUST_CHECK;
void name_remove(struct fs *fs, struct name *name);

#endif
