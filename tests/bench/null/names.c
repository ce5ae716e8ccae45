/* fs.h: names. */
#include "null.h"

#include <stdio.h> /* RENAME_ */
#include <stdlib.h>
#include <string.h>

static bool same(struct fs_name name, const char *text)
{
	return name.length == strlen(text) && !memcmp(name.bytes, text, name.length);
}

static int directory_of(struct fs *fs, uint64_t inode, struct fs_name name, struct node **ret_node)
{
	struct node *node = node_of(fs, inode);

	if (!node)
		return -ESTALE;
	if (!S_ISDIR(node->attr.mode))
		return -ENOTDIR;
	if (name.length > FS_NAME_MAX)
		return -ENAMETOOLONG;
	*ret_node = node;
	return 0;
}

int fs_lookup(struct fs *fs, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	struct node *directory, *node = NULL;

	pthread_mutex_lock(&fs->lock);
	int error = directory_of(fs, parent, name, &directory);
	if (!error && same(name, "..")) {
		node = node_of(fs, directory->parent);
	} else if (!error) {
		const struct name *found = name_find(fs, parent, name);
		node = found ? node_of(fs, found->inode) : NULL;
	}
	if (node) {
		node_lookup(fs, node);
		*ret_attr = node->attr;
	}
	pthread_mutex_unlock(&fs->lock);
	return error ? error : node ? 0 : -ENOENT;
}

void fs_forget(struct fs *fs, uint64_t inode, uint64_t count)
{
	pthread_mutex_lock(&fs->lock);
	struct node *node = node_of(fs, inode);
	if (node && node->lookups) {
		node->lookups = count < node->lookups ? node->lookups - count : 0;
		fs->known -= node->lookups == 0;
		node_drop(fs, node);
	}
	pthread_mutex_unlock(&fs->lock);
}

uint64_t fs_known_inodes(struct fs *fs)
{
	return fs->known;
}

/* name.bytes NULL: without one. */
static int make(struct fs *fs, const struct fs_attr *attr, uint64_t parent, struct fs_name name,
		const char *target, struct fs_attr *ret_attr)
{
	struct node *directory, *node;

	pthread_mutex_lock(&fs->lock);
	int error = directory_of(fs, parent, name, &directory);
	if (!error && name.bytes && name_find(fs, parent, name))
		error = -EEXIST;
	if (error)
		goto unlock;
	node = node_new(fs, attr);
	error = node ? 0 : -ENOMEM;
	if (!error && target && !(node->target = strdup(target)))
		error = -ENOMEM;
	if (!error && name.bytes)
		error = name_add(fs, directory, name, node);
	if (!error && S_ISDIR(attr->mode)) {
		node->parent = parent;
		directory->attr.nlink++;
	}
	if (!error)
		*ret_attr = node->attr;
unlock:
	pthread_mutex_unlock(&fs->lock);
	return error;
}

int fs_make(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
	    uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, struct fs_attr *ret_attr)
{
	struct fs_attr attr = {
	    .uid = caller->uid,
	    .gid = caller->gid,
	    .mode = mode,
	    .nlink = S_ISDIR(mode) ? 2 : 1,
	    .rdev_major = rdev_major,
	    .rdev_minor = rdev_minor,
	};

	return make(fs, &attr, parent, name, NULL, ret_attr);
}

int fs_symlink(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
	       const char *target, struct fs_attr *ret_attr)
{
	struct fs_attr attr = {.uid = caller->uid,
			       .gid = caller->gid,
			       .mode = S_IFLNK | 0777,
			       .nlink = 1,
			       .size = strlen(target)};

	return make(fs, &attr, parent, name, target, ret_attr);
}

int fs_tmpfile(struct fs *fs, const struct fs_caller *caller, uint64_t directory, uint32_t mode,
	       struct fs_attr *ret_attr)
{
	struct fs_attr attr = {.uid = caller->uid, .gid = caller->gid, .mode = mode};

	return make(fs, &attr, directory, (struct fs_name){0}, NULL, ret_attr);
}

int fs_readlink(struct fs *fs, uint64_t inode, char *ret_target, size_t room, size_t *ret_length)
{
	pthread_mutex_lock(&fs->lock);
	const struct node *node = node_of(fs, inode);
	size_t length = node && node->target ? strlen(node->target) : 0;
	if (length && length <= room) {
		memcpy(ret_target, node->target, length);
		*ret_length = length;
	}
	pthread_mutex_unlock(&fs->lock);
	return !length ? -EINVAL : length > room ? -ERANGE : 0;
}

int fs_link(struct fs *fs, uint64_t inode, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr)
{
	struct node *directory, *node;

	pthread_mutex_lock(&fs->lock);
	int error = directory_of(fs, parent, name, &directory);
	node = node_of(fs, inode);
	if (!error && !node)
		error = -ESTALE;
	if (!error && name_find(fs, parent, name))
		error = -EEXIST;
	if (!error)
		error = name_add(fs, directory, name, node);
	if (!error) {
		node->attr.nlink++;
		node_touch(node, false);
		node_lookup(fs, node);
		*ret_attr = node->attr;
	}
	pthread_mutex_unlock(&fs->lock);
	return error;
}

/* Takes one of a node's names. lock held. */
static int take_name(struct fs *fs, struct name *name, bool wants_directory)
{
	struct node *node = name ? node_of(fs, name->inode) : NULL;

	if (!node)
		return -ENOENT;
	bool is_directory = S_ISDIR(node->attr.mode);
	if (is_directory != wants_directory)
		return is_directory ? -EISDIR : -ENOTDIR;
	if (is_directory && node->names_live)
		return -ENOTEMPTY;
	if (is_directory)
		node_of(fs, name->parent)->attr.nlink--;
	name_remove(fs, name);
	node->attr.nlink = is_directory ? 0 : node->attr.nlink - 1;
	node_touch(node, false);
	node_drop(fs, node);
	return 0;
}

int fs_unlink(struct fs *fs, uint64_t parent, struct fs_name name)
{
	pthread_mutex_lock(&fs->lock);
	int error = take_name(fs, name_find(fs, parent, name), false);
	pthread_mutex_unlock(&fs->lock);
	return error;
}

int fs_rmdir(struct fs *fs, uint64_t parent, struct fs_name name)
{
	pthread_mutex_lock(&fs->lock);
	int error = take_name(fs, name_find(fs, parent, name), true);
	pthread_mutex_unlock(&fs->lock);
	return error;
}

bool fs_collects(struct fs *fs)
{
	(void)fs;
	return false;
}

void fs_collect(struct fs *fs)
{
	(void)fs;
}

void fs_finish(struct fs *fs)
{
	(void)fs;
}

/* lock held. */
static int rename_locked(struct fs *fs, struct name *from, struct node *new_parent, struct fs_name new_name,
			 unsigned flags)
{
	struct name *to = name_find(fs, new_parent->attr.inode, new_name);
	struct node *node = node_of(fs, from->inode);

	if (to && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (to && to->inode == from->inode)
		return 0;
	int error = to ? take_name(fs, to, S_ISDIR(node->attr.mode)) : 0;
	if (!error)
		error = name_add(fs, new_parent, new_name, node);
	if (error)
		return error;
	if (S_ISDIR(node->attr.mode)) {
		node_of(fs, from->parent)->attr.nlink--;
		new_parent->attr.nlink++;
		node->parent = new_parent->attr.inode;
	}
	name_remove(fs, from);
	node_touch(node, false);
	return 0;
}

int fs_rename(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t new_parent,
	      struct fs_name new_name, unsigned flags)
{
	struct node *directory;

	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL; /* no benchmark exchanges names */
	pthread_mutex_lock(&fs->lock);
	int error = directory_of(fs, new_parent, new_name, &directory);
	struct name *from = error ? NULL : name_find(fs, parent, name);
	if (!error)
		error = from ? rename_locked(fs, from, directory, new_name, flags) : -ENOENT;
	pthread_mutex_unlock(&fs->lock);
	return error;
}

int fs_rename_whiteout(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
		       uint64_t new_parent, struct fs_name new_name, unsigned flags)
{
	(void)fs, (void)caller, (void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
	return -EINVAL;
}
