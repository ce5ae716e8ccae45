/*
 * Reading directories. A cookie is made of an entry's place in the tree: 48 bits of name hash and 14 bits of
 * index within the item, above the cookies of "." and "..". So a reader goes on exactly behind the entry it
 * had last, whatever was added or removed meanwhile, that very entry included.
 */
#include "fs_i.h"

#include <dirent.h>
#include <errno.h>

#define COOKIE_DOT     1
#define COOKIE_DOT_DOT 2
#define COOKIE_FIRST   3
#define INDEX_BITS     14
#define HASH_MAX       ((UINT64_C(1) << 48) - 1)

static_assert(DIRENT_INDEX_LIMIT == 1u << INDEX_BITS, "a cookie holds any index");

struct reading {
	struct fs *fs;
	fs_emit emit;
	void *context;
	uint64_t after_hash; /* emit what stands behind this hash and index only */
	int after_index;     /* -1: nothing of that hash has been emitted */
	bool stopped;	     /* by emit */
};

static int visit_item(void *context, struct key key, const void *bytes, size_t size)
{
	struct reading *reading = context;
	struct dirent_view view;
	size_t at = 0;
	int last = -1, result;
	while ((result = dirent_decode(reading->fs, key, bytes, size, &at, &view)) > 0) {
		if (view.index <= last)
			return image_damaged(reading->fs->image, "directory %llu: order of indices",
					     (unsigned long long)key.object);
		last = view.index;
		if (key.offset == reading->after_hash && view.index <= reading->after_index)
			continue;
		struct fs_dirent entry = {
		    .name = view.name,
		    .name_length = view.name_length,
		    .inode = view.inode,
		    .type = view.type,
		    .cookie = (int64_t)((key.offset << INDEX_BITS) | view.index) + COOKIE_FIRST,
		};
		if (reading->emit(reading->context, &entry)) {
			reading->stopped = true;
			return 1;
		}
	}
	return result;
}

static bool emit_dot(struct reading *reading, size_t name_length, uint64_t inode, int64_t cookie)
{
	struct fs_dirent entry = {
	    .name = "..",
	    .name_length = name_length,
	    .inode = inode,
	    .type = DT_DIR,
	    .cookie = cookie,
	};
	return reading->emit(reading->context, &entry) == 0;
}

/* Directory and tree are locked. */
static int read_entries(struct reading *reading, uint64_t directory, int64_t cookie)
{
	struct inode inode;
	int result = inode_load(reading->fs, directory, &inode);
	if (result)
		return result;
	if (!S_ISDIR(inode.mode))
		return -ENOTDIR;
	if (inode.nlink == 0)
		return 0; /* removed: not even "." is left */
	if (cookie < COOKIE_DOT && !emit_dot(reading, 1, directory, COOKIE_DOT))
		return 0;
	if (cookie < COOKIE_DOT_DOT && !emit_dot(reading, 2, inode.parent, COOKIE_DOT_DOT))
		return 0;
	if (cookie >= COOKIE_FIRST) {
		uint64_t place = (uint64_t)(cookie - COOKIE_FIRST);
		reading->after_hash = place >> INDEX_BITS;
		reading->after_index = (int)(place % DIRENT_INDEX_LIMIT);
	}
	if (reading->after_hash > HASH_MAX)
		return 0;
	struct key from = {.object = directory, .type = ITEM_DIRENT, .offset = reading->after_hash};
	struct key to = {.object = directory, .type = ITEM_DIRENT, .offset = UINT64_MAX};
	result = tree_scan(reading->fs->image, TREE_FILES, from, to, visit_item, reading);
	return reading->stopped ? 0 : result;
}

int fs_readdir(struct fs *fs, uint64_t directory, int64_t cookie, fs_emit emit, void *context)
{
	if (cookie < 0)
		return -EINVAL;
	struct reading reading = {.fs = fs, .emit = emit, .context = context, .after_index = -1};
	inode_lock_shared(fs, directory);
	image_read_lock(fs->image);
	int result = read_entries(&reading, directory, cookie);
	image_read_unlock(fs->image);
	inode_unlock(fs, directory);
	return result;
}

int fs_getattr_lookup(struct fs *fs, uint64_t inode, struct fs_attr *ret_attr)
{
	struct inode found;
	inode_lock_shared(fs, inode);
	image_read_lock(fs->image);
	int result = inode_load(fs, inode, &found);
	image_read_unlock(fs->image);
	if (result == -ESTALE || (!result && found.nlink == 0))
		result = -ENOENT;
	if (!result)
		result = lookups_add(fs->lookups, inode);
	inode_unlock(fs, inode);
	if (!result)
		inode_attr(fs, &found, ret_attr);
	return result;
}
