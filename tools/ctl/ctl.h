/*
 * mmfsctl: looks into an image, as text, without changing it.
 *
 * The superblock and the ring are read from the store and need no recovery. Everything else is read through
 * the opened image (recovered in memory) if it can be opened, else as its home blocks have it.
 */
#ifndef MMFS_CTL_H
#define MMFS_CTL_H

#include "../../backend/backend.h"

#define PROGRAM "mmfsctl"

struct source {
	const char *path;
	struct store *store; /* belongs to the image, if there is one */
	struct image *image; /* NULL: it cannot be opened */
	struct super_disk super;
	bool has_super; /* a whole slot was found */
};

/* ---- source.c ---- */

/* Opens the file; with_image: the image in it too, which may fail (said; the home blocks are used then). */
MUST_CHECK int source_open(const char *path, bool with_image, struct source *ret_source);
void source_close(struct source *source);
/* A metadata block: recovered if possible, else from home (unchecked). NULL: said why. */
const void *source_block(const struct source *source, uint64_t block, uint32_t magic);
/* Any block's bytes at home. NULL: past the end (said). */
const void *source_home(const struct source *source, uint64_t block);
uint64_t source_zone_first(const struct source *source);
uint64_t source_hash_seed(const struct source *source);
bool slot_whole(const struct super_disk *super);

/* ---- what can be printed: each returns 0, or -errno having said why ---- */

MUST_CHECK int super_print(const struct source *source);
MUST_CHECK int ring_print(const struct source *source);
MUST_CHECK int roots_print(const struct source *source);
MUST_CHECK int map_print(const struct source *source, uint64_t zone);
MUST_CHECK int node_print(const struct source *source, uint64_t block);
MUST_CHECK int block_print(const struct source *source, uint64_t block);
MUST_CHECK int tree_print(const struct source *source);
MUST_CHECK int inode_print(const struct source *source, uint64_t inode);

/* ---- text.c: how values look ---- */

void text_line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_uuid(const uint8_t *bytes);
/* Bytes as a quoted string; what a terminal could take for a command is escaped. */
void text_string(const void *bytes, size_t length);
void text_time(const char *name, int64_t seconds, uint32_t nanoseconds);
void text_hexdump(uint64_t offset, const void *bytes, size_t length);
const char *text_tree(uint64_t tree);

/* ---- item.c ---- */

/* One item of a tree, key and contents, as one line or more. */
void item_print(uint64_t tree, struct key key, const uint8_t *bytes, size_t size);

#endif
