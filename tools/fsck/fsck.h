/*
 * fsck.mmfs: checks every invariant of the format (docs/FORMAT.md), and repairs what is wrong.
 *
 * A check opens the image (what of its journal, roots block or maps is damaged is made anew, in memory if
 * only a check is wanted) and makes these passes:
 *
 *   super_check   both superblock slots, the roots block
 *   maps_check    the zones' maps; keeps pointers to them for the rest
 *   items_check   walks the trees: nodes (walk.c), then each item; collects inodes, claims blocks
 *   names_check   walks the directories' items again: every name has its inode, every inode its names
 *   space_check   blocks in use without an owner; the counters
 *
 * Memory: one bit for each block of the image and 24 bytes for each inode. Nothing recurses, every walk is
 * bounded by the image's size: each block is claimed once. The image's read lock is held throughout, so that
 * pointers into its blocks stay valid.
 *
 * A repair (repair.c) is a sequence of rounds. Each opens the image for writing, checks it, mends what
 * belongs to the first stage that has anything to mend (see enum stage), closes it; until a round finds
 * nothing. Each mending is a transaction, made from what the image holds then, so that a repair may be killed
 * at any point and started again. Last of all a check of its own says what is left.
 */
#ifndef MMFS_FSCK_H
#define MMFS_FSCK_H

#include "../../backend/backend.h"
#include "../../backend/repair.h"

#include <stdio.h>

#define PROGRAM "fsck.mmfs"

/* Logical blocks of a file are below the first, its size is at most the second. */
#define FILE_BLOCKS_MAX (UINT64_C(1) << 44)
#define FILE_SIZE_MAX	(FILE_BLOCKS_MAX * BLOCK_SIZE)

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
	uint64_t length;      /* bytes */
	uint64_t inode, hash; /* of the xattr */
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
	PROBLEM_JOURNAL,
	PROBLEM_SLOT,
	PROBLEM_SLOT_FIELDS,
	PROBLEM_SLOT_NEWER,
	PROBLEM_POSITION,
	PROBLEM_FAILED,
	PROBLEM_ROOTS,
	PROBLEM_ROOTS_FIELDS,
	PROBLEM_ROOT,
	PROBLEM_UNUSED_TREE,
	PROBLEM_SALVAGE,
	PROBLEM_MAP,
	PROBLEM_MAP_FIELDS,
	PROBLEM_MAP_REBUILT,
	PROBLEM_NODE,
	PROBLEM_NODE_FIELDS,
	PROBLEM_NODE_LEVEL,
	PROBLEM_NODE_KEYS,
	PROBLEM_NODE_BIRTH,
	PROBLEM_NODE_PLACE,
	PROBLEM_BLOCK_FREE,
	PROBLEM_BLOCK_GROUP,
	PROBLEM_ITEM_TYPE,
	PROBLEM_ITEM_SIZE,
	PROBLEM_ITEM_STRAY,
	PROBLEM_ITEM_KIND,
	PROBLEM_NEXT_INODE,
	PROBLEM_INODE_NUMBER,
	PROBLEM_INODE_MODE,
	PROBLEM_INODE_SIZE,
	PROBLEM_INODE_TIME,
	PROBLEM_INODE_PARENT,
	PROBLEM_INODE_RESERVED,
	PROBLEM_INODE_INLINE,
	PROBLEM_INLINE_LENGTH,
	PROBLEM_INLINE_BLOCKS,
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
	PROBLEM_EXTENT_PLACE,
	PROBLEM_EXTENT_TWICE,
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
	PROBLEM_UNNAMED,
	PROBLEM_NLINK,
	PROBLEM_ORPHAN,
	PROBLEM_ORPHAN_LINKED,
	PROBLEM_ORPHAN_MISSING,
	PROBLEM_INTENT,
	PROBLEM_LEAK_META,
	PROBLEM_LEAK_DATA,
	PROBLEM_COUNT_INODES,
	PROBLEM_COUNT_GUARDED,
	PROBLEM_COUNT_DATA,
	PROBLEM_COUNT_META,
	PROBLEM_KINDS
};

/* What has to be right before the next can be looked at. */
enum stage {
	STAGE_OPEN, /* mended by opening the image for writing: superblock, journal, roots block, lost maps */
	STAGE_MAPS, /* blocks in use are marked so, in groups of their type: now blocks may be allocated */
	STAGE_CUT,  /* nodes that cannot be read or be where they are go out of the tree */
	STAGE_SALVAGE, /* what lies below them, and is whole, comes back */
	STAGE_INODES,  /* each inode in itself */
	STAGE_ITEMS,   /* each other item in itself, and that no block is owned twice */
	STAGE_NAMES,   /* names and inodes; what has no name goes to lost+found */
	STAGE_LINKS,   /* counts of an inode */
	STAGE_SPACE,   /* blocks that nobody owns; counts of the image */
	STAGES
};

/* Where the check is: what a problem that is found now is about. */
struct place {
	struct key key;
	unsigned level; /* of the node */
};

/* A problem to be mended. a, b, c: what its text has places for. */
struct fix {
	enum problem_code code;
	struct place at;
	uint64_t a, b, c;
};

struct fix_list {
	struct fix *fixes;
	size_t count, capacity;
};

enum mode {
	MODE_CHECK,
	MODE_PREEN, /* only what loses nothing */
	MODE_YES,
	MODE_ASK,
};

/* What lasts from the first check to the last. */
struct session {
	const char *path;
	enum mode mode;
	unsigned verbose;
	bool force;
	bool no_terminal; /* it would ask, but there is nobody */
	bool all;	  /* the user wants everything repaired */
	enum { ANSWER_NONE, ANSWER_YES, ANSWER_NO } answers[PROBLEM_KINDS];
	uint64_t mended, mended_of[PROBLEM_KINDS];
	uint64_t found; /* problems, by the first check */
};

struct fsck {
	struct session *session;
	const char *path;
	struct store *store; /* belongs to the image */
	struct image *image;
	const struct super_disk *super;
	const struct roots_disk *roots; /* NULL: unreadable */
	uint64_t zone_first, size_blocks, generation, next_inode;

	const struct map_disk **maps; /* of each zone; NULL: unreadable */
	uint64_t zones;
	uint8_t *owned;	      /* a bit for each block: something owns it */
	uint8_t *group_kinds; /* of each group: 1 << GROUP_ of what owns blocks in it */
	bool incomplete;      /* a part of a tree could not be read: what it would explain is not reported */
	bool salvage;	      /* nodes were cut off, what they hold is not back yet */

	struct inode_note *inodes; /* in ascending order */
	size_t inode_count, inode_capacity;
	struct number_list orphans, intents;
	struct value_list values_wanted, values_found;
	uint64_t data_blocks, meta_blocks; /* claimed */
	uint64_t guarded;		   /* inodes that are immutable or append-only */
	uint64_t greatest;		   /* object with an item */

	struct place at;
	bool collect; /* problems go to `fixes`; else they are printed */
	struct fix_list fixes;
	bool newer_refused; /* the newer superblock slot cannot be: it was opened by the older one */
	bool refused;	    /* something that all else depends on is not to be repaired */
	bool maps_fixed;
	uint64_t lost_found; /* inode number, 0: not looked for yet */

	uint64_t problems; /* all of them */
	uint64_t unsafe;   /* of these, such as are not for MODE_PREEN */
	uint64_t shown[PROBLEM_KINDS];
	bool out_of_memory;
};

/* Is what the trees hold known to be all there is? */
static inline bool fsck_complete(const struct fsck *fsck)
{
	return !fsck->incomplete && !fsck->salvage && !fsck->out_of_memory;
}

/* ---- problem.c: the table of what can be wrong, and what is done about it ---- */

/* Counts one problem, and prints it or keeps it to be mended; a, b, c are what the row's text has places for.
 * The second adds what the backend said of a block that it refused. */
void problem_report(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, uint64_t c);
void problem_report_block(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, const char *why);
/* How many were not printed, of each kind. */
void problem_print_rest(const struct fsck *fsck);
enum stage problem_stage(enum problem_code code);
/* Mends one. 0: done (printed); 1: nothing was to be done any more; or an error. */
int problem_fix(struct fsck *fsck, const struct fix *fix);
/* Is a problem of this kind to be repaired? Asks the user the first time. */
bool problem_wanted(struct fsck *fsck, enum problem_code code);

/* ---- check.c, repair.c, session.c: exit statuses as fsck(8) has them ---- */

enum {
	EXIT_CLEAN = 0,
	EXIT_CORRECTED = 1,
	EXIT_ERRORS_LEFT = 4,
	EXIT_OPERATION = 8,
	EXIT_WRONG_USAGE = 16,
};

/* Opens the image (for writing to collect what is to be mended, else read-only) and makes all passes.
 * EXIT_CLEAN: fsck is filled in, call check_end; or another status, said. */
int check_image(struct session *session, bool writable, struct fsck *fsck);
/* Closes it. EXIT_OPERATION if that fails. */
int check_end(struct fsck *fsck);
int repair_image(struct session *session);
/* session.c: checks, says what there is, repairs if the mode wants it, and checks again. An exit status. */
int session_run(struct session *session);

/* ---- the passes. Each returns the number of problems that it found. ---- */

uint64_t super_check(struct fsck *fsck);
/* Are both slots whole, and was the image unmounted? */
bool super_slot_clean(const struct super_disk *a, const struct super_disk *b);
uint64_t maps_check(struct fsck *fsck);
uint64_t items_check(struct fsck *fsck);
uint64_t names_check(struct fsck *fsck);
uint64_t space_check(struct fsck *fsck);

/* ---- maps.c ---- */

/* May an owner of that kind have [start, start+count)? Inside one zone of the image, owned by nobody else. */
enum { CLAIM_OUTSIDE = 1, CLAIM_TWICE = 2 };
unsigned maps_claimable(const struct fsck *fsck, uint64_t start, uint64_t count);
/* Notes the owner, and says if the blocks are marked free or lie in groups of another type. */
void maps_claim(struct fsck *fsck, uint64_t start, uint64_t count, enum group_type type);
bool maps_bit(const uint8_t *bitmap, uint64_t bit);

/* ---- walk.c ---- */

typedef void (*walk_visit)(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size);

/* Visits every item of a tree in key order. With `check`, nodes are checked and claimed, and what is wrong
 * with them is said (sets fsck->incomplete). Without, only a tree that was found whole may be walked. */
void walk_nodes(struct fsck *fsck, enum tree_id tree, bool check, walk_visit visit);

/* ---- inodes.c ---- */

bool inodes_add(struct fsck *fsck, const struct inode_note *note); /* false: out of order, or no memory */
struct inode_note *inodes_find(const struct fsck *fsck, uint64_t number);
void numbers_add(struct fsck *fsck, struct number_list *list, uint64_t number);
bool numbers_hold(const struct number_list *list, uint64_t number); /* the list was filled in order */
void values_add(struct fsck *fsck, struct value_list *list, const struct value_note *note);
void values_sort(struct value_list *list);
void fixes_add(struct fsck *fsck, const struct fix *fix);

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
	uint64_t extent_end, extent_blocks;   /* logical; physical */
	uint64_t inline_length, inline_bytes; /* as the inode says; as its item has */
	uint64_t value_bytes, value_pieces;
};

void inode_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);
void inode_end(struct fsck *fsck, const struct object *object); /* all its items have gone by */
bool inode_mode_known(uint32_t mode);
void xattr_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);
void xattr_value_item(struct fsck *fsck, struct object *object, struct key key, size_t size);
void xattr_values_check(struct fsck *fsck); /* values and xattrs against each other, at the end */
void dirent_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);
void extent_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size);
/* The first field that is wrong in itself: its offset + 1; 0: none. */
size_t extent_bad_field(const struct fsck *fsck, uint64_t logical, const struct extent_disk *extent);

/* One name, one xattr out of an item; false at its end or where it is cut short (*at is then past the size).
 */
bool dirent_next(const uint8_t *bytes, size_t size, size_t *at, struct dirent_disk *ret_entry,
		 const char **ret_name);
bool dirent_name_possible(const char *name, size_t length);
bool dirent_next_possible(const struct dirent_disk *entry); /* its next_index */
/* Is the name also among the entries that begin at `at`? */
bool dirent_again(const uint8_t *bytes, size_t size, size_t at, const char *name, size_t length);
bool xattr_next(const uint8_t *bytes, size_t size, size_t *at, struct xattr_disk *ret_xattr,
		const char **ret_name);
bool xattr_possible(const struct fsck *fsck, const struct xattr_disk *xattr, const char *name);
bool xattr_again(const uint8_t *bytes, size_t size, size_t at, const char *name, size_t length);

/* ---- fix_*.c: one function for each way of mending; results as problem_fix. ---- */

/* fix.c */
int fix_begin(struct fsck *fsck, unsigned changes, struct txn **ret_txn);
int fix_end(struct txn *txn, int result); /* commits if it is 0, else aborts and returns it */
/* Reads an item within a transaction. 1: it is not there. */
int fix_read(struct fsck *fsck, struct key key, void *bytes, size_t room, size_t *ret_size);
int fix_delete(struct fsck *fsck, const struct fix *fix); /* the item */

/* fix_maps.c */
int fix_maps(struct fsck *fsck, const struct fix *fix);
int fix_leaks(struct fsck *fsck, const struct fix *fix);
int fix_group(struct fsck *fsck, const struct fix *fix);
int fix_roots(struct fsck *fsck, const struct fix *fix);
int fix_tree(struct fsck *fsck, const struct fix *fix);

/* fix_tree.c */
int fix_cut(struct fsck *fsck, const struct fix *fix);
int fix_salvage(struct fsck *fsck, const struct fix *fix);

/* fix_inode.c */
int fix_inode(struct fsck *fsck, const struct fix *fix);
int fix_number(struct fsck *fsck, const struct fix *fix);
int fix_stray(struct fsck *fsck, const struct fix *fix);
int fix_kind(struct fsck *fsck, const struct fix *fix);
int fix_no_root(struct fsck *fsck, const struct fix *fix);
int fix_count(struct fsck *fsck, const struct fix *fix);
int fix_orphan_listing(struct fsck *fsck, const struct fix *fix);
int fix_extent(struct fsck *fsck, const struct fix *fix);
/* Within a transaction. 1: there is no such inode. */
int fix_inode_read(struct fsck *fsck, uint64_t number, struct inode_disk *ret_disk);
int fix_inode_put(struct txn *txn, uint64_t number, const struct inode_disk *disk);
/* A new inode of that mode, with one or two links. */
void fix_inode_make(struct fsck *fsck, uint64_t number, uint32_t mode, struct inode_disk *ret_disk);

/* fix_data.c */
int fix_inline(struct fsck *fsck, const struct fix *fix);
int fix_symlink(struct fsck *fsck, const struct fix *fix);
int fix_xattr(struct fsck *fsck, const struct fix *fix);
int fix_xattr_value(struct fsck *fsck, const struct fix *fix); /* drops the xattr of a lost value */
int fix_value(struct fsck *fsck, const struct fix *fix);       /* drops a value */

/* fix_names.c */
int fix_dirent(struct fsck *fsck, const struct fix *fix);
int fix_parent(struct fsck *fsck, const struct fix *fix);
int fix_names(struct fsck *fsck, const struct fix *fix);
int fix_loop(struct fsck *fsck, const struct fix *fix);
int fix_unnamed(struct fsck *fsck, const struct fix *fix);

/* fix_found.c */
int found_link(struct fsck *fsck, uint64_t number); /* names it in /lost+found */
/* Adds an entry to a directory's item, within a transaction. -EEXIST; 1: it is there already. */
int found_add(struct fsck *fsck, struct txn *txn, uint64_t directory, const char *name, uint64_t inode,
	      uint32_t mode);

#endif
