/* A moment at which nothing changes: a copy of the image in use. */
#include "fs_i.h"

/* Every change holds an inode lock exclusively until it is complete, so whoever has all of them shared keeps
 * changes out and lets reads go on. The order is that of all lock holders. */
static void freeze(void *context)
{
	struct fs *fs = context;
	pthread_mutex_lock(&fs->rename_lock);
	for (unsigned i = 0; i < INODE_LOCKS; i++)
		pthread_rwlock_rdlock(&fs->inode_locks[i]);
}

static void thaw(void *context)
{
	struct fs *fs = context;
	for (unsigned i = INODE_LOCKS; i-- > 0;)
		pthread_rwlock_unlock(&fs->inode_locks[i]);
	pthread_mutex_unlock(&fs->rename_lock);
}

int fs_backup(struct fs *fs, const struct image_sink *sink, struct image_backup_report *ret_report)
{
	const struct image_pause pause = {.context = fs, .begin = freeze, .end = thaw};
	return image_backup(fs->image, &pause, sink, ret_report);
}
