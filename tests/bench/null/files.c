/* fs.h: attributes, directories, contents; and what is not kept at all. */
#include "null.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZERO_BYTES   (1u << 20) /* the kernel asks for no more at once */
#define COOKIE_FIRST 3

static uint8_t zeros[ZERO_BYTES];

int fs_open(struct image *image, const struct fs_options *options, struct fs **ret_fs)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	struct fs_attr none = {0};
	struct fs_attr root = {
	    .mode = S_IFDIR | 0755, .nlink = 2, .uid = options->root_uid, .gid = options->root_gid};

	if (!fs)
		return -ENOMEM;
	/* Else they would all be one page, the kernel's, which stays in the processor's cache. */
	memset(zeros, 1, sizeof(zeros));
	memset(zeros, 0, sizeof(zeros));
	fs->image = image;
	fs->options = *options;
	pthread_mutex_init(&fs->lock, NULL);
	/* Number 0 means none, 1 is the root. */
	struct node *nobody = node_new(fs, &none), *top = nobody ? node_new(fs, &root) : NULL;
	if (!top)
		return -ENOMEM;
	top->parent = top->attr.inode;
	*ret_fs = fs;
	return 0;
}

int fs_close(struct fs *fs)
{
	if (fs)
		tree_free(fs);
	return 0;
}

void fs_stop(struct fs *fs)
{
	(void)fs;
}

int fs_settle(struct fs *fs)
{
	(void)fs;
	return 0;
}

/* ---- attributes ---- */

static int load(struct fs *fs, uint64_t inode, bool lookup, struct fs_attr *ret_attr)
{
	pthread_mutex_lock(&fs->lock);
	struct node *node = node_of(fs, inode);
	if (node && lookup)
		node_lookup(fs, node);
	if (node)
		*ret_attr = node->attr;
	pthread_mutex_unlock(&fs->lock);
	return node ? 0 : -ESTALE;
}

int fs_getattr(struct fs *fs, uint64_t inode, struct fs_attr *ret_attr)
{
	return load(fs, inode, false, ret_attr);
}

int fs_getattr_lookup(struct fs *fs, uint64_t inode, struct fs_attr *ret_attr)
{
	return load(fs, inode, true, ret_attr);
}

static void set_size(struct node *node, uint64_t size)
{
	node->attr.size = size;
	node->attr.blocks512 = (size + BLOCK_SIZE - 1) / BLOCK_SIZE * (BLOCK_SIZE / 512);
	node_touch(node, true);
}

static void set_times(struct node *node, const struct fs_set *set)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (set->what & (FS_SET_ATIME | FS_SET_ATIME_NOW))
		node->attr.atime = set->what & FS_SET_ATIME ? set->atime : now;
	if (set->what & (FS_SET_MTIME | FS_SET_MTIME_NOW))
		node->attr.mtime = set->what & FS_SET_MTIME ? set->mtime : now;
	node->attr.ctime = set->what & FS_SET_CTIME ? set->ctime : now;
}

int fs_setattr(struct fs *fs, uint64_t inode, const struct fs_set *set, struct fs_attr *ret_attr)
{
	pthread_mutex_lock(&fs->lock);
	struct node *node = node_of(fs, inode);
	if (node) {
		if (set->what & FS_SET_MODE)
			node->attr.mode = (node->attr.mode & S_IFMT) | (set->mode & ~(uint32_t)S_IFMT);
		if (set->what & FS_SET_UID)
			node->attr.uid = set->uid;
		if (set->what & FS_SET_GID)
			node->attr.gid = set->gid;
		if (set->what & FS_SET_SIZE)
			set_size(node, set->size);
		set_times(node, set);
		*ret_attr = node->attr;
	}
	pthread_mutex_unlock(&fs->lock);
	return node ? 0 : -ESTALE;
}

int fs_statfs(struct fs *fs, struct fs_statfs *ret)
{
	(void)fs;
	*ret = (struct fs_statfs){
	    .blocks = 1u << 30, .free_blocks = 1u << 30, .inodes = 1u << 30, .free_inodes = 1u << 30};
	return 0;
}

/* ---- directories ---- */

static int emit_all(const struct node *node, int64_t cookie, fs_emit emit, void *context)
{
	struct fs_dirent dots = {
	    .name = "..", .name_length = 1, .inode = node->attr.inode, .type = DT_DIR, .cookie = 1};

	if (cookie < 1 && emit(context, &dots))
		return 0;
	dots.name_length = dots.cookie = 2;
	dots.inode = node->parent;
	if (cookie < 2 && emit(context, &dots))
		return 0;
	for (size_t i = cookie < COOKIE_FIRST ? 0 : (size_t)(cookie - COOKIE_FIRST + 1); i < node->names_used;
	     i++) {
		const struct name *name = node->names[i];
		struct fs_dirent entry = {.cookie = (int64_t)i + COOKIE_FIRST};
		if (!name)
			continue;
		entry.name = name->bytes;
		entry.name_length = name->length;
		entry.inode = name->inode;
		entry.type = name->type;
		if (emit(context, &entry))
			return 0;
	}
	return 0;
}

int fs_readdir(struct fs *fs, uint64_t directory, int64_t cookie, fs_emit emit, void *context)
{
	pthread_mutex_lock(&fs->lock);
	const struct node *node = node_of(fs, directory);
	int error = !node ? -ESTALE : emit_all(node, cookie, emit, context);
	pthread_mutex_unlock(&fs->lock);
	return error;
}

/* ---- contents: their length is kept ---- */

int fs_read(struct fs *fs, uint64_t inode, uint64_t offset, size_t length, fs_pieces reply, void *context)
{
	struct fs_attr attr;
	int error = fs_getattr(fs, inode, &attr);

	if (error)
		return error;
	length = offset >= attr.size	       ? 0
		 : length < attr.size - offset ? length
					       : (size_t)(attr.size - offset);
	struct iovec piece = {.iov_base = zeros, .iov_len = length < ZERO_BYTES ? length : ZERO_BYTES};
	return reply(context, &piece, length ? 1 : 0, piece.iov_len);
}

int fs_read_noatime(struct fs *fs, uint64_t inode, uint64_t offset, size_t length, fs_pieces reply,
		    void *context)
{
	return fs_read(fs, inode, offset, length, reply, context);
}

/* It may have got longer. */
static int extend(struct fs *fs, uint64_t inode, uint64_t size)
{
	pthread_mutex_lock(&fs->lock);
	struct node *node = node_of(fs, inode);
	if (node)
		set_size(node, node->attr.size < size ? size : node->attr.size);
	pthread_mutex_unlock(&fs->lock);
	return node ? 0 : -ESTALE;
}

ssize_t fs_write(struct fs *fs, uint64_t inode, uint64_t offset, const void *bytes, size_t length,
		 unsigned flags)
{
	(void)bytes;
	(void)flags;
	int error = extend(fs, inode, offset + length);
	return error ? error : (ssize_t)length;
}

ssize_t fs_copy(struct fs *fs, uint64_t from, uint64_t from_offset, uint64_t to, uint64_t to_offset,
		uint64_t length)
{
	struct fs_attr attr;
	int error = fs_getattr(fs, from, &attr);

	if (error || from_offset >= attr.size)
		return error;
	length = length < attr.size - from_offset ? length : attr.size - from_offset;
	error = extend(fs, to, to_offset + length);
	return error ? error : (ssize_t)length;
}

int fs_fallocate_step(struct fs *fs, uint64_t inode, struct fs_fallocation *fallocation)
{
	return fallocation->mode ? 0 : extend(fs, inode, fallocation->offset + fallocation->length);
}

int fs_seek(struct fs *fs, uint64_t inode, uint64_t offset, int whence, uint64_t *ret_offset)
{
	struct fs_attr attr;
	int error = fs_getattr(fs, inode, &attr);

	if (!error && offset >= attr.size)
		error = -ENXIO;
	if (!error)
		*ret_offset = whence == SEEK_DATA ? offset : attr.size;
	return error;
}

int fs_sync(struct fs *fs, uint64_t inode, bool data_only)
{
	(void)fs, (void)inode, (void)data_only;
	return 0;
}

/* ---- what it does not have ---- */

int fs_may_open(struct fs *fs, uint64_t inode, int open_flags)
{
	(void)fs, (void)inode, (void)open_flags;
	return 0;
}

int fs_set_flags(struct fs *fs, uint64_t inode, uint32_t flags, bool may_guard)
{
	(void)fs, (void)inode, (void)flags, (void)may_guard;
	return -EOPNOTSUPP;
}

int fs_trim_step(struct fs *fs, struct image_trimming *trimming)
{
	(void)fs, (void)trimming;
	return -EOPNOTSUPP;
}

int fs_setxattr(struct fs *fs, uint64_t inode, const char *name, const void *value, size_t length, int flags)
{
	(void)fs, (void)inode, (void)name, (void)value, (void)length, (void)flags;
	return -EOPNOTSUPP;
}

int fs_getxattr(struct fs *fs, uint64_t inode, const char *name, void *value, size_t room, size_t *ret_length)
{
	(void)fs, (void)inode, (void)name, (void)value, (void)room, (void)ret_length;
	return -ENODATA;
}

int fs_listxattr(struct fs *fs, uint64_t inode, char *names, size_t room, bool with_trusted,
		 size_t *ret_length)
{
	(void)fs, (void)inode, (void)names, (void)room, (void)with_trusted;
	*ret_length = 0;
	return 0;
}

int fs_removexattr(struct fs *fs, uint64_t inode, const char *name)
{
	(void)fs, (void)inode, (void)name;
	return -ENODATA;
}

int fs_get_acl(struct fs *fs, uint64_t inode, bool of_new, void *value, size_t room, size_t *ret_length)
{
	(void)fs, (void)inode, (void)of_new, (void)value, (void)room, (void)ret_length;
	return -EOPNOTSUPP;
}

int fs_set_acl(struct fs *fs, uint64_t inode, bool of_new, const void *value, size_t length, bool keep_setgid)
{
	(void)fs, (void)inode, (void)of_new, (void)value, (void)length, (void)keep_setgid;
	return -EOPNOTSUPP;
}
