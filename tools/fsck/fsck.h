/*
 * fsck.mmfs: checks every invariant of the format (docs/FORMAT.md) on an image opened read-only.
 *
 *   super_check   both superblock slots, the roots block
 *   maps_check    the zones' maps; keeps pointers to them for the rest
 *   items_check   walks the trees: nodes (walk.c), then each item; collects inodes, claims blocks
 *   names_check   walks the directories' items again: every name has its inode, every inode its names
 *   space_check   blocks in use without an owner; the counters
 *
 * Each returns the number of problems that it found. Memory: one bit for each block of the image and 24 bytes
 * for each inode. Nothing recurses, every walk is bounded by the image's size: each block is claimed once.
 * The image's read lock is held throughout, so that pointers into its blocks stay valid.
 */
#ifndef MMFS_FSCK_H
#define MMFS_FSCK_H

#include "../../backend/backend.h"

#include <stdio.h>

#define PROGRAM "fsck.mmfs"

struct inode_note {
	uint64_t number : 48;
	uint64_t type : 4;  /* DT_ */
	uint64_t state : 2; /* names.c: is it reached from the root? */
	uint64_t parent;    /* as the directory's item says */
	uint32_t nlink;
	uint32_t names; /* directory entries that lead to it */
};
static_assert(sizeof(struct inode_note) == 24, "memory for each inode");

/* A large xattr value: as an xattr refers to it, or as its pieces say. */
struct value_note {
	uint64_t object;
	uint64_t length; /* bytes */
};

struct value_list {
	struct value_note *notes;
	size_t count, capacity;
};

struct number_list {
	uint64_t *numbers;
	size_t count, capacity;
};

enum problem_code {
	PROBLEM_SLOT,
	PROBLEM_SLOT_FIELDS,
	PROBLEM_FAILED,
	PROBLEM_ROOTS,
	PROBLEM_ROOTS_FIELDS,
	PROBLEM_ZONES,
	PROBLEM_ROOT,
	PROBLEM_UNUSED_TREE,
	PROBLEM_MAP,
	PROBLEM_MAP_FIELDS,
	PROBLEM_GROUP_TYPE,
	PROBLEM_GROUP_NONE,
	PROBLEM_MAP_PAST_END,
	PROBLEM_MAP_SELF,
	PROBLEM_NODE,
	PROBLEM_NODE_FIELDS,
	PROBLEM_NODE_LEVEL,
	PROBLEM_NODE_KEYS,
	PROBLEM_NODE_CHILD,
	PROBLEM_NODE_BIRTH,
	PROBLEM_BLOCK_RANGE,
	PROBLEM_BLOCK_FREE,
	PROBLEM_BLOCK_GROUP,
	PROBLEM_BLOCK_TWICE,
	PROBLEM_ITEM_TYPE,
	PROBLEM_ITEM_SIZE,
	PROBLEM_ITEM_STRAY,
	PROBLEM_INODE_NUMBER,
	PROBLEM_INODE_MODE,
	PROBLEM_INODE_SIZE,
	PROBLEM_INODE_TIME,
	PROBLEM_INODE_PARENT,
	PROBLEM_INODE_RESERVED,
	PROBLEM_INODE_BLOCKS,
	PROBLEM_INODE_XATTRS,
	PROBLEM_SYMLINK_PIECES,
	PROBLEM_XATTR,
	PROBLEM_XATTR_HASH,
	PROBLEM_XATTR_TWICE,
	PROBLEM_VALUE_PIECES,
	PROBLEM_VALUE_LOST,
	PROBLEM_VALUE_STRAY,
	PROBLEM_VALUE_LENGTH,
	PROBLEM_EXTENT,
	PROBLEM_EXTENT_OVERLAP,
	PROBLEM_DIRENT,
	PROBLEM_DIRENT_HASH,
	PROBLEM_DIRENT_TWICE,
	PROBLEM_DIRENT_INDEX,
	PROBLEM_DIRENT_TARGET,
	PROBLEM_DIRENT_TYPE,
	PROBLEM_DIR_ENTRIES,
	PROBLEM_DIR_NLINK,
	PROBLEM_DIR_NAMES,
	PROBLEM_DIR_PARENT,
	PROBLEM_DIR_LOOP,
	PROBLEM_NO_ROOT,
	PROBLEM_NLINK,
	PROBLEM_ORPHAN,
	PROBLEM_ORPHAN_LINKED,
	PROBLEM_ORPHAN_MISSING,
	PROBLEM_INTENT,
	PROBLEM_LEAK_META,
	PROBLEM_LEAK_DATA,
	PROBLEM_COUNT_INODES,
	PROBLEM_COUNT_DATA,
	PROBLEM_COUNT_META,
	PROBLEM_KINDS
};

struct fsck {
	const char *path;
	unsigned verbose;
	struct store *store; /* belongs to the image */
	struct image *image;
	const struct super_disk *super;
	const struct roots_disk *roots; /* NULL: unreadable */
	uint64_t zone_first, size_blocks, generation, next_inode;

	const struct map_disk **maps; /* of each zone; NULL: unreadable */
	uint64_t zones;
	uint8_t *owned;	 /* a bit for each block: something owns it */
	bool incomplete; /* a part of a tree could not be read: what it would explain is not reported */

	struct inode_note *inodes; /* in ascending order */
	size_t inode_count, inode_capacity;
	struct number_list orphans, intents;
	struct value_list values_wanted, values_found;
	uint64_t data_blocks, meta_blocks; /* claimed */

	uint64_t problems; /* all of them */
	uint64_t mended;   /* those among them that the next mount mends by itself */
	uint64_t shown[PROBLEM_KINDS];
	bool out_of_memory;
};

/* ---- problem.c: a table of what can be wrong ---- */

/* Counts and prints one problem; a, b, c are what the row's text has places for. The second adds what the
 * backend said of a block that it refused. */
void problem_report(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, uint64_t c);
void problem_report_block(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b);
/* How many were not printed, of each kind. */
void problem_print_rest(const struct fsck *fsck);

/* ---- the passes ---- */

uint64_t super_check(struct fsck *fsck);
uint64_t maps_check(struct fsck *fsck);
uint64_t items_check(struct fsck *fsck);
uint64_t names_check(struct fsck *fsck);
uint64_t space_check(struct fsck *fsck);

/* ---- maps.c ---- */

/* Notes an owner of [start, start+count): inside one zone of the image, in groups of that type, marked in
 * use, owned by nobody else; says what is not so. False: not inside, or owned by somebody else. */
bool maps_claim(struct fsck *fsck, uint64_t start, uint64_t count, enum group_type type);
bool maps_bit(const uint8_t *bitmap, uint64_t bit);

/* ---- walk.c ---- */

typedef void (*walk_visit)(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size);

/* Visits every item of a tree in key order. With `check`, nodes are checked and claimed, and what is wrong
 * with them is said (sets fsck->incomplete). Without, only a tree that was found whole may be walked. */
void walk_tree(struct fsck *fsck, enum tree_id tree, bool check, walk_visit visit);

/* ---- inodes.c ---- */

bool inodes_add(struct fsck *fsck, const struct inode_note *note); /* false: out of order, or no memory */
struct inode_note *inodes_find(const struct fsck *fsck, uint64_t number);
void numbers_add(struct fsck *fsck, struct number_list *list, uint64_t number);
bool numbers_hold(const struct number_list *list, uint64_t number); /* the list was filled in order */
void values_add(struct fsck *fsck, struct value_list *list, uint64_t object, uint64_t length);
void values_sort(struct value_list *list);

/* ---- items of one kind ---- */

/* The inode whose items are being walked. */
struct object {
	uint64_t number; /* the key's object */
	bool has_inode;
	bool orphan, intent;
	uint32_t mode, nlink, xattrs;
	uint64_t size, blocks, parent;
	/* counted while its items go by */
	uint64_t entries, subdirectories;
	uint64_t xattr_count;
	uint64_t symlink_bytes, symlink_pieces;
	bool symlink_bad;
	uint64_t extent_end, extent_blocks; /* logical; physical */
	uint64_t value_bytes, value_pieces;
	bool value_bad;
};

void inode_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);
void inode_end(struct fsck *fsck, const struct object *object); /* all its items have gone by */
void xattr_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);
void xattr_value_item(struct fsck *fsck, struct object *object, struct key key, size_t size);
void xattr_values_check(struct fsck *fsck); /* values and xattrs against each other, at the end */
void dirent_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);
void extent_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);

/* One name out of a directory item; false at its end or where it is cut short (*at is then past the size). */
bool dirent_next(const uint8_t *bytes, size_t size, size_t *at, struct dirent_disk *ret_entry,
		 const char **ret_name);

#endif
