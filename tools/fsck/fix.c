/* What all mending is made of. */
#include "fsck.h"

#include <errno.h>

int fix_begin(struct fsck *fsck, unsigned changes, struct txn **ret_txn)
{
	int result = txn_begin(fsck->image, changes, 0, ret_txn);

	/* on a full host, what takes no new block works still */
	return result == -ENOSPC ? txn_begin(fsck->image, changes, TXN_RELEASES, ret_txn) : result;
}

int fix_end(struct txn *txn, int result)
{
	if (result == 0)
		return txn_commit(txn, NULL);
	txn_abort(txn);
	return result;
}

int fix_read(struct fsck *fsck, struct key key, void *bytes, size_t room, size_t *ret_size)
{
	int result = tree_get(fsck->image, TREE_FILES, key, bytes, room, ret_size);

	return result == -ENOENT ? 1 : result;
}

int fix_delete(struct fsck *fsck, const struct fix *fix)
{
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	if (result < 0)
		return result;
	result = tree_delete(txn, TREE_FILES, fix->at.key);
	return fix_end(txn, result == -ENOENT ? 1 : result);
}
