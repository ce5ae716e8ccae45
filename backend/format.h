/*
 * The on-image format. docs/FORMAT.md explains it; both change in one commit.
 *
 *   block 0        1        2..15    ring_start (16)        zone_first
 *   +--------+--------+---------+------------------+--------+--------+------- - -
 *   | super  | super  | unused  | ring (journal)   | zone 0 | zone 1 | ...
 *   | slot 0 | slot 1 | (zeros) | ring_blocks      |        |        |
 *   +--------+--------+---------+------------------+--------+--------+------- - -
 *
 * A zone has ZONE_BLOCKS blocks (64 MiB); its first block is its map: an allocation bitmap and the type of
 * each of its groups (GROUP_BLOCKS blocks, 4 MiB). Block 1 of zone 0 is the roots block: tree roots and
 * counters. Everything else is allocated. The file may end in the middle of a zone: blocks past its end are
 * free.
 *
 * All metadata blocks (maps, roots, tree nodes) begin with struct block_head and are changed only by redo
 * records.
 */
#ifndef MMFS_FORMAT_H
#define MMFS_FORMAT_H

#include "le.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#define BLOCK_SHIFT	  12
#define BLOCK_SIZE	  4096u
#define RING_START	  16u	     /* block; 64 KiB: a multiple of every page size in use */
#define RING_ALIGN	  16u	     /* ring_blocks is a multiple of it */
#define RING_BLOCKS_MIN	  256u	     /* 1 MiB */
#define RING_BLOCKS_MAX	  (1u << 18) /* 1 GiB */
#define ZONE_0_BLOCKS_MIN 2u	     /* map and roots: no image is shorter than zone_first + these */
#define ZONE_BLOCKS	  16384u
#define GROUP_BLOCKS	  1024u
#define ZONE_GROUPS	  (ZONE_BLOCKS / GROUP_BLOCKS)
#define ROOTS_OFFSET	  1u		      /* the roots block is block zone_first + ROOTS_OFFSET */
#define MAX_BLOCKS	  (UINT64_C(1) << 36) /* 256 TiB: no block number reaches it */

/* ---- superblock slots
 * ------------------------------------------------------------------------------------------ */

#define SUPER_MAGIC   "mmfs\r\n\x1a\n"
#define SUPER_VERSION 1u
#define SUPER_CLEAN   1u /* the ring holds nothing that the home blocks lack */
#define SUPER_FAILED  2u /* a sync failed while this image was mounted: drop the cache, recover cold */

/* Feature bits, set when an image is made: any other one is unknown. */
#define FEATURE_INLINE	   UINT64_C(1) /* incompatible: files may have their contents in an ITEM_INLINE */
#define FEATURE_ORDER	   UINT64_C(2) /* incompatible: tree nodes have a table of their slots' order */
#define FEATURES_COMPAT	   UINT64_C(0)
#define FEATURES_RO_COMPAT UINT64_C(0)
#define FEATURES_INCOMPAT  (FEATURE_INLINE | FEATURE_ORDER)

/* Where the image was mounted: equal to the present one means that the host's page cache may be trusted
 * (R14). */
struct session_disk {
	uint8_t boot_id[16];
	le64 device; /* st_dev, or st_rdev of a block device */
	le64 inode;
	le64 birth_seconds;
	le64 birth_nanoseconds; /* UINT64_MAX: the host knows no birth time, so the session is never the same
				 */
	le64 mount_id;
	le64 disk_sequence; /* of a block device, else 0 */
};
static_assert(sizeof(struct session_disk) == 64, "format");

/* Who has it mounted: for messages only, never a lock. */
struct owner_disk {
	char host[64]; /* NUL-terminated */
	le64 pid;
	le64 since; /* seconds since 1970 */
};
static_assert(sizeof(struct owner_disk) == 80, "format");

struct super_disk {
	uint8_t magic[8];
	le32 version;
	le32 block_size;
	le64 compat, ro_compat, incompat;
	uint8_t uuid[16];
	char label[64];	   /* NUL-terminated */
	le64 generation;   /* counts slot writes; the valid slot with the larger one counts; its slot is
			      generation % 2 */
	le64 epoch;	   /* of every record in the ring; random, new after each cold recovery */
	le64 hash_seed;	   /* of name hashes and checksums */
	le64 limit_blocks; /* largest size of the image; 0: as far as the host has room */
	le64 ring_blocks;
	le64 tail_lsn;	    /* first record that home blocks may lack */
	le64 tail_checksum; /* checksum of the record before tail_lsn; 0 if there was none in this epoch */
	le64 flags;	    /* SUPER_ */
	le64 created_seconds;
	struct session_disk session;
	struct owner_disk owner;
	uint8_t unused[3752]; /* zeros */
	le64 checksum;	      /* XXH3-64, seed 0, of everything before it */
};
static_assert(sizeof(struct super_disk) == BLOCK_SIZE, "format");

/* ---- metadata blocks
 * ------------------------------------------------------------------------------------------- */

#define MAGIC_NODE  0x646f4e6du /* "mNod" */
#define MAGIC_MAP   0x70614d6du /* "mMap" */
#define MAGIC_ROOTS 0x746f526du /* "mRot" */

struct block_head {
	le32 magic;
	le32 reserved; /* 0 */
	le64 checksum; /* XXH3-64 with hash_seed of the whole block, this field taken as 0 */
	le64 block;    /* its own number */
	le64 birth;    /* generation in which it was allocated; 1 until snapshots exist */
};
static_assert(sizeof(struct block_head) == 32, "format");

enum group_type { GROUP_NONE = 0, GROUP_METADATA = 1, GROUP_DATA = 2 };

struct map_disk {
	struct block_head head;
	le32 zone;
	le32 reserved;
	uint8_t
	    group_type[ZONE_GROUPS]; /* enum group_type; NONE means no bit of the group is set, but for those
					of the map and the roots block, which are set whatever the type */
	uint8_t rebuilt; /* 1: fsck.mmfs made this map anew and has not yet found out which blocks are in use;
			    else 0 */
	uint8_t unused[199];		 /* zeros */
	uint8_t bitmap[ZONE_BLOCKS / 8]; /* bit b%8 of byte b/8: block b of the zone is in use */
	uint8_t unused_end[1792];	 /* zeros */
};
static_assert(sizeof(struct map_disk) == BLOCK_SIZE, "format");

/* Named roots. An absent tree has block 0: it is empty. */
enum tree_id { TREE_FILES = 0, TREE_SHARED = 1 /* counts of shared blocks */, TREE_COUNT = 8 };

struct root_disk {
	le64 block;    /* root node, 0: empty tree */
	le64 birth;    /* of the root node */
	le64 snapshot; /* generation of the newest snapshot of this tree, 0: none */
	le32 level;    /* of the root node; 0: it is a leaf */
	le32 reserved;
};
static_assert(sizeof(struct root_disk) == 32, "format");

struct roots_disk {
	struct block_head head;
	le64 generation;  /* present generation, 1 at first */
	le64 zones;	  /* zones whose map exists */
	le64 next_inode;  /* the next inode number to give out; below 2^48 */
	le64 inodes;	  /* inodes that exist, unlinked open ones included */
	le64 data_blocks; /* data blocks in use */
	le64 meta_blocks; /* tree nodes in use */
	le64 salvage;	  /* 1: fsck.mmfs cut nodes off and has not yet put back what they hold; else 0 */
	le64 guarded;	  /* inodes that exist with INODE_IMMUTABLE or INODE_APPEND */
	struct root_disk roots[TREE_COUNT];
	uint8_t unused_end[BLOCK_SIZE - 352];
};
static_assert(sizeof(struct roots_disk) == BLOCK_SIZE, "format");

/*
 * B+tree node: slots grow up behind the header, item bytes grow down from the end of the block.
 *
 *   +------+-------+------------------+- - - free - - -+--------------------+
 *   | head | order | slot[0..count-1] |                | item bytes         |
 *   +------+-------+------------------+- - - - - - - - +--------------------+
 *                                                      ^ heap (offset in the block)
 * With FEATURE_ORDER, order[i] is the number of the slot that is i-th in key order: a new item gets the first
 * free slot, and where one has gone the last slot takes its place, so that little of a node changes with
 * each. Bytes of the table behind `count` are 0. Without the feature there is no table, and slots stand in
 * key order.
 *
 * There are no equal keys. Item bytes of live slots do not overlap; `heap_used` counts
 * them, so the room between slots and heap may be less than what a compaction would give. In an inner node
 * each item is a child_disk, and the slot's key is the least key that may stand below that child; the first
 * slot's key of the leftmost node of each level is KEY 0,0,0.
 */
struct key_disk {
	le64 object;
	le64 offset;
	uint8_t type;
	uint8_t reserved[7]; /* 0 */
};
static_assert(sizeof(struct key_disk) == 24, "format");

struct slot_disk {
	le64 object;
	le64 offset;
	uint8_t type;
	uint8_t reserved; /* 0 */
	le16 at;	  /* of its item bytes, from the start of the block */
	le16 size;	  /* of its item bytes */
	le16 reserved2;	  /* 0 */
};
static_assert(sizeof(struct slot_disk) == 24, "format");

struct node_disk {
	struct block_head head;
	le32 tree;  /* enum tree_id that created it */
	le16 level; /* 0: leaf */
	le16 count;
	le16 heap;
	le16 heap_used;
	le32 order; /* bytes of the order table: NODE_ORDER, or 0 without FEATURE_ORDER */
		    /* the table; slots */
};
static_assert(sizeof(struct node_disk) == 48, "format");

#define NODE_ORDER 168u /* no fewer than slots that fit behind it */

static inline uint8_t *node_order(const struct node_disk *node)
{
	return (uint8_t *)(uintptr_t)(node + 1);
}

static inline struct slot_disk *node_slots(const struct node_disk *node)
{
	return (struct slot_disk *)(void *)(node_order(node) + le32_get(node->order));
}

/* The one that is `index`-th in key order, of a node whose table is right. */
static inline struct slot_disk *node_slot(const struct node_disk *node, unsigned index)
{
	return &node_slots(node)[le32_get(node->order) ? node_order(node)[index] : index];
}

/* Is `order` what an image with these features has, and does the table name each of the slots once? */
static inline bool node_order_right(const struct node_disk *node, uint64_t incompat)
{
	unsigned count = le16_get(node->count), order = incompat & FEATURE_ORDER ? NODE_ORDER : 0;
	uint64_t seen[(NODE_ORDER + 63) / 64] = {0};

	if (le32_get(node->order) != order)
		return false;
	if (order && count > NODE_ORDER)
		return false;
	for (unsigned i = 0; order && i < count; i++) {
		unsigned slot = node_order(node)[i];

		if (slot >= count || seen[slot / 64] >> slot % 64 & 1)
			return false;
		seen[slot / 64] |= UINT64_C(1) << slot % 64;
	}
	for (unsigned i = count; i < order; i++)
		if (node_order(node)[i])
			return false;
	return true;
}

#define ITEM_MAX       1900u /* two of them fit a node */
#define TREE_MAX_LEVEL 10u

struct child_disk {
	le64 block;
	le64 birth;
};
static_assert(sizeof(struct child_disk) == 16, "format");

/* ---- items of the file tree
 * ------------------------------------------------------------------------------------ */

/* Key types, in key order (object, type, offset). The object is an inode number unless told otherwise. */
enum item_type {
	ITEM_INODE = 1,	  /* offset 0: struct inode_disk */
	ITEM_SYMLINK = 2, /* offset: piece number; up to SYMLINK_PIECE bytes of the target each */
	ITEM_XATTR = 3,	  /* offset: 64-bit name hash; one or more struct xattr_disk */
	ITEM_XATTR_VALUE =
	    4, /* object: xattr_disk.value_object; offset: piece number; up to XATTR_PIECE bytes each */
	ITEM_DIRENT = 5, /* offset: 48-bit name hash; one or more struct dirent_disk */
	ITEM_INLINE = 6, /* offset 0: the first inode_disk.inline_length bytes of a file without extents */
	ITEM_EXTENT = 7, /* offset: logical block; struct extent_disk */
	ITEM_ORPHAN = 8, /* object ORPHAN_OBJECT; offset: number of an inode without names; no bytes */
	ITEM_INTENT = 9, /* object INTENT_OBJECT; offset: inode number; struct intent_disk */
};
#define ORPHAN_OBJECT UINT64_C(0)
#define INTENT_OBJECT UINT64_C(0)
#define ROOT_INODE    UINT64_C(1)
#define FIRST_INODE   UINT64_C(16) /* the first one given out */
#define INODE_LIMIT   (UINT64_C(1) << 48)

/* Flags of chattr(1): the numbers of FS_IOC_GETFLAGS. */
#define INODE_IMMUTABLE 0x10u
#define INODE_APPEND	0x20u /* contents may only be appended to, entries only added */
#define INODE_NODUMP	0x40u /* for backup programs */
#define INODE_NOATIME	0x80u
#define INODE_FLAGS	(INODE_IMMUTABLE | INODE_APPEND | INODE_NODUMP | INODE_NOATIME)

struct inode_disk {
	le32 mode; /* S_IFMT and permissions */
	le32 uid, gid;
	le32 nlink;  /* of a directory: 2 + subdirectories */
	le64 size;   /* bytes; of a directory: its number of entries; of a symlink: length of the target */
	le64 blocks; /* data blocks owned, unwritten ones included */
	le64 rdev_major, rdev_minor;
	le64 parent;			 /* of a directory; else 0 */
	le64 atime, mtime, ctime, btime; /* seconds, two's complement */
	le32 atime_nanoseconds, mtime_nanoseconds, ctime_nanoseconds, btime_nanoseconds;
	le64 generation;    /* random: for file handles */
	le32 flags;	    /* INODE_ */
	le32 xattrs;	    /* number of xattrs */
	le32 inline_length; /* of its ITEM_INLINE, 0: it has none */
	uint8_t unused[20]; /* zeros */
};
static_assert(sizeof(struct inode_disk) == 144, "format");

/* Bytes of a file that may stand in its ITEM_INLINE: few, so that leaves still hold many inodes. */
#define INLINE_MAX 512u

#define SYMLINK_PIECE 1800u
#define XATTR_PIECE   1800u
#define XATTR_INLINE  512u /* larger values are stored in pieces */

struct xattr_disk {
	uint8_t name_length; /* of the full name, prefix included, no NUL */
	uint8_t reserved;
	le16 inline_length; /* bytes of the value that follow the name; 0 if value_object is not 0 */
	le32 value_length;
	le64 value_object; /* 0: the value is here */
			   /* name, then the value if inline; then the next xattr_disk of the same hash */
};
static_assert(sizeof(struct xattr_disk) == 16, "format");

/* One name. Entries with the same 48-bit hash share an item, one after the other. An index is not given to
 * another name while the item lives, until all have been given. */
struct dirent_disk {
	le64 inode;
	le16 index;   /* within the item, below DIRENT_INDEX_LIMIT */
	uint8_t type; /* DT_ */
	uint8_t name_length;
	le16 next_index; /* in the item's last entry: that of the next new name; 0: index + 1 */
	le16 reserved;
	/* name */
};
static_assert(sizeof(struct dirent_disk) == 16, "format");
#define DIRENT_INDEX_LIMIT (1u << 14)

#define EXTENT_UNWRITTEN    1u	       /* reads as zeros */
#define EXTENT_MAYBE_SHARED 2u	       /* look into TREE_SHARED before writing in place; not used yet */
#define EXTENT_MAX_BLOCKS   (1u << 19) /* 2 GiB */

struct extent_disk {
	le64 physical; /* block number */
	le32 length;   /* blocks, 1..EXTENT_MAX_BLOCKS */
	le32 flags;    /* EXTENT_ */
	le64 birth;    /* generation */
};
static_assert(sizeof(struct extent_disk) == 24, "format");

enum intent_kind { INTENT_TRUNCATE = 1 };

struct intent_disk {
	le32 kind;
	le32 reserved;
	le64 first_block; /* TRUNCATE: every extent from this logical block on is to be freed */
	/* Of the request that began it, as in record_disk: what is left is done without it. Older versions
	 * end before these. */
	le64 connection;
	le64 unique;
};
static_assert(sizeof(struct intent_disk) == 32, "format");
#define INTENT_BYTES_OLD 16u
static_assert(offsetof(struct intent_disk, connection) == INTENT_BYTES_OLD, "format");

/* ---- the ring
 * ---------------------------------------------------------------------------------------------------- */

#define RECORD_MAGIC 0x6452656du /* "meRd" */

enum record_kind { RECORD_REDO = 1, RECORD_SEAL = 2 };
#define RECORD_LAST 1u /* final record of an operation (R17) */

/*
 * An LSN is a byte position in an endless journal; the ring holds LSN l at byte l % (ring_blocks * 4096).
 * Records start at multiples of 8; after a SEAL the next one starts at the next multiple of 4096. A record
 * may wrap around the end of the ring. docs/FORMAT.md, "Valid if and only if", numbers the checks; recover.c
 * makes them in that order.
 */
struct record_disk {
	le32 magic;
	le32 length; /* bytes, header included, a multiple of 8 */
	le64 lsn;    /* its own position */
	le64 epoch;
	le64 checksum;		/* XXH3-64 with hash_seed of the whole record, this field taken as 0 */
	le64 previous_checksum; /* of the record before it; of the first record of an epoch: 0 */
	le64 durable_seal;	/* largest L of a SEAL(L) known to be durable when this was appended */
	le64 sealed_lsn;	/* SEAL: L. REDO: 0 */
	le64 connection;	/* random id of the FUSE connection; 0: none */
	le64 unique;		/* of the request, without bit 63 */
	le64 reply_inode;
	le64 reply_count;
	le16 kind;
	le16 flags;
	le32 blocks; /* REDO: number of record_block that follow */
};
static_assert(sizeof(struct record_disk) == 96, "format");

#define RECORD_BLOCK_NEW 1u /* start from zeros (R4) */

/* For each changed block: this header, `ranges` record_range, then their bytes one after the other, padded
 * to 8. */
struct record_block {
	le64 block;
	le16 flags;
	le16 ranges;
	le32 bytes; /* sum of the range lengths */
};
static_assert(sizeof(struct record_block) == 16, "format");

struct record_range {
	le16 at;
	le16 length; /* 1..4096 */
};
static_assert(sizeof(struct record_range) == 4, "format");

#endif
