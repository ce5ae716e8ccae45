/* Inode items: checked when read, encoded when written; and the locks of inodes. */
#include "fs_i.h"
#include "owner.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static struct key inode_key(uint64_t number)
{
	return (struct key){.object = number, .type = ITEM_INODE, .offset = 0};
}

static struct timespec time_decode(le64 seconds, le32 nanoseconds)
{
	return (struct timespec){.tv_sec = (time_t)(int64_t)le64_get(seconds),
				 .tv_nsec = (long)le32_get(nanoseconds)};
}

static void time_encode(const struct timespec *time, le64 *ret_seconds, le32 *ret_nanoseconds)
{
	*ret_seconds = le64_of((uint64_t)(int64_t)time->tv_sec);
	*ret_nanoseconds = le32_of((uint32_t)time->tv_nsec);
}

static void inode_decode(uint64_t number, const struct inode_disk *disk, struct inode *inode)
{
	inode->number = number;
	inode->mode = le32_get(disk->mode);
	inode->uid = le32_get(disk->uid);
	inode->gid = le32_get(disk->gid);
	inode->nlink = le32_get(disk->nlink);
	inode->size = le64_get(disk->size);
	inode->blocks = le64_get(disk->blocks);
	inode->rdev_major = (uint32_t)le64_get(disk->rdev_major);
	inode->rdev_minor = (uint32_t)le64_get(disk->rdev_minor);
	inode->parent = le64_get(disk->parent);
	inode->atime = time_decode(disk->atime, disk->atime_nanoseconds);
	inode->mtime = time_decode(disk->mtime, disk->mtime_nanoseconds);
	inode->ctime = time_decode(disk->ctime, disk->ctime_nanoseconds);
	inode->btime = time_decode(disk->btime, disk->btime_nanoseconds);
	inode->generation = le64_get(disk->generation);
	inode->flags = le32_get(disk->flags);
	inode->xattrs = le32_get(disk->xattrs);
	inode->inline_length = le32_get(disk->inline_length);
}

static bool times_valid(const struct inode *inode)
{
	const long second = 1000000000;
	return inode->atime.tv_nsec < second && inode->mtime.tv_nsec < second &&
	       inode->ctime.tv_nsec < second && inode->btime.tv_nsec < second;
}

static bool inode_inline_possible(const struct inode *inode)
{
	return S_ISREG(inode->mode) && inode->inline_length <= INLINE_MAX &&
	       inode->inline_length <= inode->size && inode->blocks == 0;
}

/* What is wrong with it by itself; NULL: nothing. */
static const char *inode_fault(const struct inode *inode, const struct inode_disk *disk)
{
	if (le64_get(disk->rdev_major) > UINT32_MAX || le64_get(disk->rdev_minor) > UINT32_MAX)
		return "device number";
	if (inode->mode & ~(uint32_t)(S_IFMT | 07777))
		return "mode";
	if (!times_valid(inode))
		return "nanoseconds";
	if (inode->flags & ~INODE_FLAGS)
		return "flags";
	if (inode->blocks > MAX_BLOCKS)
		return "number of blocks";
	if (inode->size > FS_SIZE_MAX)
		return "size";
	if (inode->inline_length > 0 && !inode_inline_possible(inode))
		return "inline length";
	if (S_ISDIR(inode->mode)) {
		if (inode->nlink == 1)
			return "number of links";
		return inode->parent && inode->parent < INODE_LIMIT ? NULL : "parent";
	}
	if (inode->parent)
		return "parent";
	if (inode->nlink > FS_LINK_MAX)
		return "number of links";
	switch (inode->mode & S_IFMT) {
	case S_IFLNK:
		return inode->size && inode->size < PATH_MAX ? NULL : "target length";
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return NULL;
	default:
		return "type";
	}
}

int inode_load(struct fs *fs, uint64_t number, struct inode *ret_inode)
{
	if (!number || number >= INODE_LIMIT)
		return -ESTALE;
	struct inode_disk disk;
	size_t size;
	int result = tree_get(fs->image, TREE_FILES, inode_key(number), &disk, sizeof(disk), &size);
	if (result == -ENOENT)
		return -ESTALE;
	if (result == -ERANGE || (!result && size != sizeof(disk)))
		return image_damaged(fs->image, "inode %llu: item size", (unsigned long long)number);
	if (result)
		return result;
	struct inode inode;
	inode_decode(number, &disk, &inode);
	const char *fault = inode_fault(&inode, &disk);
	if (fault)
		return image_damaged(fs->image, "inode %llu: %s", (unsigned long long)number, fault);
	*ret_inode = inode;
	return 0;
}

int inode_store(struct txn *txn, const struct inode *inode)
{
	struct inode_disk disk = {
	    .mode = le32_of(inode->mode),
	    .uid = le32_of(inode->uid),
	    .gid = le32_of(inode->gid),
	    .nlink = le32_of(inode->nlink),
	    .size = le64_of(inode->size),
	    .blocks = le64_of(inode->blocks),
	    .rdev_major = le64_of(inode->rdev_major),
	    .rdev_minor = le64_of(inode->rdev_minor),
	    .parent = le64_of(inode->parent),
	    .generation = le64_of(inode->generation),
	    .flags = le32_of(inode->flags),
	    .xattrs = le32_of(inode->xattrs),
	    .inline_length = le32_of(inode->inline_length),
	};
	time_encode(&inode->atime, &disk.atime, &disk.atime_nanoseconds);
	time_encode(&inode->mtime, &disk.mtime, &disk.mtime_nanoseconds);
	time_encode(&inode->ctime, &disk.ctime, &disk.ctime_nanoseconds);
	time_encode(&inode->btime, &disk.btime, &disk.btime_nanoseconds);
	return tree_put(txn, TREE_FILES, inode_key(inode->number), &disk, sizeof(disk));
}

int inode_erase(struct txn *txn, uint64_t number)
{
	return tree_delete(txn, TREE_FILES, inode_key(number));
}

void inode_attr(const struct fs *fs, const struct inode *inode, struct fs_attr *ret_attr)
{
	*ret_attr = (struct fs_attr){
	    .inode = inode->number,
	    .size = inode->size,
	    /* never 0 where there are contents: tar and others would take the file for one hole */
	    .blocks512 = inode->blocks * (BLOCK_SIZE / 512) + (inode->inline_length + 511) / 512,
	    .generation = inode->generation,
	    .atime = inode->atime,
	    .mtime = inode->mtime,
	    .ctime = inode->ctime,
	    .btime = inode->btime,
	    .mode = inode->mode,
	    .uid = inode->uid,
	    .gid = inode->gid,
	    .nlink = inode->nlink,
	    .rdev_major = inode->rdev_major,
	    .rdev_minor = inode->rdev_minor,
	    .flags = inode->flags,
	};
	owner_show(fs, ret_attr);
}

struct timespec inode_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now;
}

uint64_t inode_generation(struct fs *fs, uint64_t number)
{
	le64 bytes = le64_of(number);
	return image_hash(fs->image, &bytes, sizeof(bytes));
}

/* ---- locks ---- */

static unsigned lock_index(uint64_t number)
{
	return (unsigned)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % INODE_LOCKS;
}

void inode_lock_shared(struct fs *fs, uint64_t number)
{
	pthread_rwlock_rdlock(&fs->inode_locks[lock_index(number)]);
}

void inode_lock(struct fs *fs, uint64_t number)
{
	pthread_rwlock_wrlock(&fs->inode_locks[lock_index(number)]);
}

void inode_unlock(struct fs *fs, uint64_t number)
{
	pthread_rwlock_unlock(&fs->inode_locks[lock_index(number)]);
}

/* The distinct lock indices of `numbers`, ascending; returns how many. */
static unsigned lock_indices(const uint64_t *numbers, unsigned count, unsigned *indices)
{
	unsigned used = 0;
	assert(count <= LOCK_SEVERAL_MAX);
	for (unsigned i = 0; i < count; i++) {
		if (!numbers[i])
			continue;
		unsigned index = lock_index(numbers[i]), at = 0;
		while (at < used && indices[at] < index)
			at++;
		if (at < used && indices[at] == index)
			continue;
		memmove(&indices[at + 1], &indices[at], (used - at) * sizeof(*indices));
		indices[at] = index;
		used++;
	}
	return used;
}

void inode_lock_several(struct fs *fs, const uint64_t *numbers, unsigned count)
{
	unsigned indices[LOCK_SEVERAL_MAX + 1];
	unsigned used = lock_indices(numbers, count, indices);
	for (unsigned i = 0; i < used; i++)
		pthread_rwlock_wrlock(&fs->inode_locks[indices[i]]);
}

void inode_unlock_several(struct fs *fs, const uint64_t *numbers, unsigned count)
{
	unsigned indices[LOCK_SEVERAL_MAX + 1];
	unsigned used = lock_indices(numbers, count, indices);
	for (unsigned i = used; i-- > 0;)
		pthread_rwlock_unlock(&fs->inode_locks[indices[i]]);
}
