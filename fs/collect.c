/*
 * Inodes that nobody knows any more, with deletes_later: fs_forget notes them, and many orphans are deleted
 * by one transaction, which costs little more than one for each would. They are on the list of orphans until
 * then, so nothing is lost when the process is.
 *
 * What would give much back is deleted at once, and so is everything where there is little room.
 */
#include "fs_i.h"

#include <string.h>

#define STEP_MOST	  16u	 /* inodes of one transaction */
#define STEP_BLOCKS_MOST  2u	 /* data blocks of each */
#define ROOM_LEAST_BLOCKS 16384u /* 64 MiB */

static_assert(STEP_MOST <= LOCK_SEVERAL_MAX, "inode_lock_several");

int collect_open(struct fs *fs)
{
	return -pthread_mutex_init(&fs->collect.lock, NULL);
}

void collect_close(struct fs *fs)
{
	pthread_mutex_destroy(&fs->collect.lock);
}

static bool room_is_short(struct fs *fs)
{
	struct image_space space;
	return image_space(fs->image, &space) || space.free_blocks < ROOM_LEAST_BLOCKS;
}

/* Takes at most `most` of the inodes noted; returns how many. */
static unsigned take(struct fs *fs, uint64_t *ret_inodes, unsigned most)
{
	struct collect *collect = &fs->collect;
	unsigned count = 0;
	pthread_mutex_lock(&collect->lock);
	while (count < most && collect->count > 0)
		ret_inodes[count++] = collect->inodes[--collect->count];
	pthread_mutex_unlock(&collect->lock);
	return count;
}

/* Is it an orphan of which little has to be deleted? */
static bool is_small_orphan(struct fs *fs, uint64_t number)
{
	struct inode inode;
	return !inode_load(fs, number, &inode) && !inode.nlink && !inode.xattrs &&
	       inode.blocks <= STEP_BLOCKS_MOST;
}

/* Of the inodes, those that one transaction can delete together; the others are 0 then. Locks held. */
static unsigned choose(struct fs *fs, uint64_t *inodes, unsigned count)
{
	unsigned chosen = 0;
	image_read_lock(fs->image);
	for (unsigned i = 0; i < count; i++) {
		if (is_small_orphan(fs, inodes[i]) && !lookups_known(fs->lookups, inodes[i]))
			chosen++;
		else
			inodes[i] = 0;
	}
	image_read_unlock(fs->image);
	return chosen;
}

/* Deletes up to STEP_MOST orphans; what cannot be deleted together is deleted alone. */
static void step(struct fs *fs, const uint64_t *inodes, unsigned count)
{
	uint64_t together[STEP_MOST];
	memcpy(together, inodes, count * sizeof(*inodes));
	inode_lock_several(fs, inodes, count);
	unsigned chosen = choose(fs, together, count);
	if (chosen < 2 || orphan_delete_small(fs, together, count))
		memset(together, 0, sizeof(together));
	inode_unlock_several(fs, inodes, count);
	for (unsigned i = 0; i < count; i++)
		if (!together[i])
			orphan_collect(fs, inodes[i]);
}

bool fs_collects(struct fs *fs)
{
	return atomic_load_explicit(&fs->collect.count, memory_order_relaxed) > 0;
}

void fs_collect(struct fs *fs)
{
	uint64_t inodes[STEP_MOST];
	unsigned count;
	while (fs_collects(fs) && (count = take(fs, inodes, STEP_MOST)) > 0)
		step(fs, inodes, count);
}

/* False: it is not one that may wait. */
static bool may_wait(struct fs *fs, uint64_t number)
{
	image_read_lock(fs->image);
	bool small = is_small_orphan(fs, number);
	image_read_unlock(fs->image);
	return small && (fs_collects(fs) || !room_is_short(fs));
}

void collect_forgotten(struct fs *fs, uint64_t number)
{
	struct collect *collect = &fs->collect;
	bool noted = false;
	if (!fs->options.read_only && fs->options.deletes_later && atomic_load(&fs->orphans) &&
	    may_wait(fs, number)) {
		pthread_mutex_lock(&collect->lock);
		noted = collect->count < COLLECT_MOST;
		if (noted)
			collect->inodes[collect->count++] = number;
		pthread_mutex_unlock(&collect->lock);
		if (!noted)
			fs_collect(fs);
	}
	if (!noted)
		orphan_collect(fs, number);
}
