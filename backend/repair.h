/*
 * What fsck.mmfs needs to mend an image and nobody else does: metadata blocks changed as they stand, without
 * the allocator. Changes are made by transactions all the same, so that a repair that is stopped leaves an
 * image on which it can be started again.
 *
 * Open the image with image_options.repair, change it, close it, and open it again to see what is left: the
 * allocator and what image_block has checked do not learn of these changes.
 */
#ifndef MMFS_REPAIR_H
#define MMFS_REPAIR_H

#include "backend.h"

/* A tree node that is whole (own number, checksum, structure), whatever the maps say of its block. Needs
 * image_read_lock or a transaction. -EUCLEAN (image_damage tells why), -EIO. */
MUST_CHECK int repair_node(struct image *image, uint64_t block, const struct node_disk **ret_node);

/* One whose checksum is wrong, but whose number and structure are right: what it holds may be so too, once
 * each item has been checked. */
MUST_CHECK int repair_node_doubtful(struct image *image, uint64_t block, const struct node_disk **ret_node);

/* As txn_begin, for changes that allocate and free nothing and touch at most `blocks` blocks. */
MUST_CHECK int repair_begin(struct image *image, unsigned blocks, struct txn **ret_txn);
/* The roots block, and a zone's map, for writing. */
MUST_CHECK int repair_roots(struct txn *txn, struct roots_disk **ret_roots);
MUST_CHECK int repair_map(struct txn *txn, uint64_t zone, struct map_disk **ret_map);

#define REPAIR_CUT_BLOCKS (4 * TREE_MAX_LEVEL)
/*
 * Takes the node at `level` that a search for `key` comes to out of its tree, and the nodes above it that
 * have no other child. The blocks stay marked in use. Nodes above and behind it have to be whole: where
 * several are to go, cut from the largest key down. Sets roots_disk.salvage. Touches at most
 * REPAIR_CUT_BLOCKS blocks.
 */
MUST_CHECK int repair_cut(struct txn *txn, enum tree_id tree, struct key key, unsigned level);

#endif
