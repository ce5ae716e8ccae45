/* Opening and closing a filesystem on an image. */
#include "fs_i.h"

#include "../backend/mutant.h"

#include <errno.h>
#include <stdlib.h>

static int locks_open(struct fs *fs)
{
	pthread_rwlockattr_t attributes;
	int error = pthread_rwlockattr_init(&attributes);
	if (error)
		return -error;
	/* Readers of a busy file must not keep a writer out for ever. */
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	for (unsigned i = 0; i < INODE_LOCKS && !error; i++)
		error = pthread_rwlock_init(&fs->inode_locks[i], &attributes);
	pthread_rwlockattr_destroy(&attributes);
	if (!error)
		error = pthread_mutex_init(&fs->rename_lock, NULL);
	return -error;
}

static int root_make(struct fs *fs)
{
	if (fs->options.read_only)
		return image_damaged(fs->image, "no root directory (mount it once for writing)");
	struct timespec now = inode_now();
	struct inode root = {
	    .number = ROOT_INODE,
	    .mode = S_IFDIR | 0755,
	    .uid = fs->options.root_uid,
	    .gid = fs->options.root_gid,
	    .nlink = 2,
	    .parent = ROOT_INODE,
	    .atime = now,
	    .mtime = now,
	    .ctime = now,
	    .btime = now,
	};
	root.generation = inode_generation(fs, ROOT_INODE);
	struct txn *txn;
	int result = txn_begin(fs->image, 1, 0, &txn);
	if (result)
		return result;
	result = inode_store(txn, &root);
	if (!result)
		result = txn_count_inodes(txn, 1);
	if (result) {
		txn_abort(txn);
		return result;
	}
	return txn_commit(txn, NULL);
}

static int root_check(struct fs *fs)
{
	struct inode root;
	image_read_lock(fs->image);
	int result = inode_load(fs, ROOT_INODE, &root);
	image_read_unlock(fs->image);
	if (result == -ESTALE)
		return root_make(fs);
	if (result)
		return result;
	if (!S_ISDIR(root.mode) || root.nlink < 2)
		return image_damaged(fs->image, "root inode is not a directory");
	return 0;
}

/* Finishes what an earlier life left. Damage in there, or a host without room, must not keep the rest of the
 * files from their owner: it stays listed for the next mount or fsck. */
static int clear_leftovers(struct fs *fs)
{
	/* Finishing intents may take more records than there is room for while the journal is held for
	 * requests of before, so it is left to fs_settle: a file that grows before that finishes its own. */
	int result = fs->options.goes_on ? truncate_note_intents(fs) : truncate_finish_intents(fs);
	if (!result || result == -EUCLEAN || result == -ENOSPC)
		result = fs->options.goes_on && !MUTANT(R18_ORPHANS_CLEARED) ? orphan_count_all(fs)
									     : orphan_clear_all(fs);
	if (result == -EUCLEAN || result == -ENOSPC)
		result = 0;
	return result;
}

int fs_open(struct image *image, const struct fs_options *options, struct fs **ret_fs)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	if (!fs)
		return -ENOMEM;
	fs->image = image;
	fs->options = *options;
	fs->inlines = le64_get(image_super(image)->incompat) & FEATURE_INLINE;
	if (image_read_only(image))
		fs->options.read_only = true;

	if (options->prefault_reads)
		file_prefault_zeros();
	int result = locks_open(fs);
	if (!result)
		result = collect_open(fs);
	if (!result)
		result = dirty_open(&fs->dirty);
	if (!result && options->track_lookups)
		result = lookups_open(options->lookup_memory, &fs->lookups);
	if (!result)
		result = root_check(fs);
	if (!result && !fs->options.read_only)
		result = clear_leftovers(fs);
	if (result) {
		fs_drop(fs);
		return result;
	}
	*ret_fs = fs;
	return 0;
}

void fs_stop(struct fs *fs)
{
	atomic_store(&fs->stopping, true);
}

void fs_drop(struct fs *fs)
{
	if (!fs)
		return;
	lookups_close(fs->lookups);
	dirty_close(fs->dirty);
	for (unsigned i = 0; i < INODE_LOCKS; i++)
		pthread_rwlock_destroy(&fs->inode_locks[i]);
	pthread_mutex_destroy(&fs->rename_lock);
	collect_close(fs);
	free(fs);
}

static _Thread_local bool settling;

bool settle_is_over(struct fs *fs)
{
	return settling && atomic_load_explicit(&fs->settle_over, memory_order_relaxed);
}

void fs_settle_stop(struct fs *fs)
{
	atomic_store(&fs->settle_over, true);
}

int fs_settle(struct fs *fs)
{
	if (fs->options.read_only)
		return 0;
	settling = true;
	int result = truncate_finish_intents(fs);
	int orphan_result = orphan_clear_unknown(fs);
	settling = false;
	return result ? result : orphan_result;
}

int fs_close(struct fs *fs)
{
	if (!fs)
		return 0;
	int result = 0;
	if (!fs->options.read_only)
		result = orphan_clear_all(fs);
	fs_drop(fs);
	return result;
}

struct image *fs_image(struct fs *fs)
{
	return fs->image;
}
