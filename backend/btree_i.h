/* What the files of the B+tree share: the way from the root to a leaf. */
#ifndef MMFS_BTREE_I_H
#define MMFS_BTREE_I_H

#include "image_i.h"
#include "btree_node.h"

struct tree_step {
	uint64_t block;
	const struct node_disk
	    *node;	/* as it was on the way down: no longer valid once the block is edited */
	unsigned index; /* of the child taken; in the leaf: first slot with a key >= the one sought */
};

struct tree_path {
	unsigned height;			/* nodes from root to leaf */
	struct tree_step steps[TREE_MAX_LEVEL]; /* by level: [0] is the leaf */
	bool exact;				/* the leaf has the key */
	struct key low;				/* no key of the leaf is less */
	struct key high; /* every key of the leaf is less; every key behind it is not */
	bool bounded;	 /* there is a high: the leaf is not the last one */
};

/* From the root to the leaf where the key is or would be. -ENOENT: the tree is empty. Every node is checked
 * against what its parent says of it: -EUCLEAN. */
int tree_descend(struct image *image, enum tree_id tree, struct key key, struct tree_path *path) MUST_CHECK;
/* A node as its parent describes it (level, owner, birth, and keys from `low` on, below `high` if not NULL).
 */
int tree_node(struct image *image, enum tree_id tree, uint64_t block, uint64_t birth, unsigned level,
	      struct key low, const struct key *high, const struct node_disk **ret_node) MUST_CHECK;
int tree_edit(struct txn *txn, uint64_t block, struct node_disk **ret_node) MUST_CHECK;
/* Removes a child from an inner node; the node may be left empty. The nodes behind it have to be whole. */
int tree_remove_child(struct txn *txn, enum tree_id tree, uint64_t block, unsigned level,
		      unsigned index) MUST_CHECK;
/* Sets the tree's root; block 0: it is empty. */
int tree_set_root(struct txn *txn, enum tree_id tree, uint64_t block, uint64_t birth,
		  unsigned level) MUST_CHECK;

#endif
