#include "verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALK_MAX_DEPTH 64u

/* Names of one directory, copied out since no fs function may be called while it is read. */
struct listing {
	char *names; /* length byte, name, ... */
	size_t used, capacity, count;
	uint64_t *inodes;
	uint8_t *types;
	size_t room;
};

static int complain(struct walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int complain(struct walk *walk, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(walk->why, walk->why_room, format, arguments);
	va_end(arguments);
	return 1;
}

static size_t file_index(const struct walk *walk, uint64_t inode)
{
	size_t low = 0, high = walk->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (walk->files[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct walk_file *walk_find(const struct walk *walk, uint64_t inode)
{
	size_t at = file_index(walk, inode);

	return at < walk->count && walk->files[at].inode == inode ? &walk->files[at] : NULL;
}

static struct walk_file *add_file(struct walk *walk, uint64_t inode)
{
	size_t at = file_index(walk, inode);

	if (walk->count == walk->capacity) {
		walk->capacity = walk->capacity ? walk->capacity * 2 : 64;
		walk->files = realloc(walk->files, walk->capacity * sizeof(*walk->files));
		if (!walk->files)
			abort();
	}
	memmove(walk->files + at + 1, walk->files + at, (walk->count - at) * sizeof(*walk->files));
	walk->count++;
	walk->files[at] = (struct walk_file){.inode = inode};
	return &walk->files[at];
}

void walk_free(struct walk *walk)
{
	free(walk->files);
	walk->files = NULL;
}

/* ---- directories ---- */

static int collect(void *context, const struct fs_dirent *entry)
{
	struct listing *listing = context;

	if (listing->used + 1 + entry->name_length > listing->capacity) {
		listing->capacity = (listing->capacity + 4096) * 2;
		listing->names = realloc(listing->names, listing->capacity);
	}
	if (listing->count == listing->room) {
		listing->room = (listing->room + 32) * 2;
		listing->inodes = realloc(listing->inodes, listing->room * sizeof(uint64_t));
		listing->types = realloc(listing->types, listing->room);
	}
	if (!listing->names || !listing->inodes || !listing->types)
		abort();
	listing->names[listing->used++] = (char)entry->name_length;
	memcpy(listing->names + listing->used, entry->name, entry->name_length);
	listing->used += entry->name_length;
	listing->inodes[listing->count] = entry->inode;
	listing->types[listing->count++] = entry->type;
	return 0;
}

static int walk_inode(struct walk *walk, uint64_t inode, uint64_t parent, unsigned depth);

static int walk_entry(struct walk *walk, uint64_t directory, const char *name, size_t length, uint64_t inode,
		      uint8_t type, unsigned depth, uint64_t *entries)
{
	struct walk_file *file;
	struct fs_attr attr;
	int error;

	if (length == 1 && name[0] == '.')
		return inode == directory ? 0 : complain(walk, "inode %lu: wrong '.'", directory);
	if (length == 2 && !memcmp(name, "..", 2))
		return 0;
	*entries += model_entry_hash(name, length, inode);
	error = fs_lookup(walk->fs, directory, (struct fs_name){.bytes = name, .length = length}, &attr);
	if (error || attr.inode != inode)
		return complain(walk, "inode %lu: '%.*s' is listed but lookup says %d", directory,
				(int)length, name, error);
	fs_forget(walk->fs, inode, 1);
	if ((attr.mode & S_IFMT) >> 12 != type)
		return complain(walk, "inode %lu: '%.*s' has type %u", directory, (int)length, name, type);
	if (S_ISDIR(attr.mode))
		walk_find(walk, directory)->subdirectories++;
	file = walk_find(walk, inode);
	if (file && S_ISDIR(attr.mode))
		return complain(walk, "directory %lu has two names", inode);
	if (!file) {
		error = walk_inode(walk, inode, directory, depth + 1);
		if (error)
			return error;
		file = walk_find(walk, inode);
	}
	file->names++;
	return 0;
}

static int walk_directory(struct walk *walk, const struct fs_attr *attr, unsigned depth,
			  uint64_t *ret_entries)
{
	struct listing listing = {0};
	size_t at = 0;
	int error = fs_readdir(walk->fs, attr->inode, 0, collect, &listing);

	if (error)
		error = complain(walk, "readdir of %lu: %s", attr->inode, strerror(-error));
	else if (listing.count != attr->size + 2)
		error = complain(walk, "directory %lu: size %lu, but %zu entries", attr->inode, attr->size,
				 listing.count - 2);
	for (size_t i = 0; i < listing.count && !error; i++) {
		size_t length = (uint8_t)listing.names[at];

		error = walk_entry(walk, attr->inode, listing.names + at + 1, length, listing.inodes[i],
				   listing.types[i], depth, ret_entries);
		at += 1 + length;
	}
	free(listing.names);
	free(listing.inodes);
	free(listing.types);
	return error;
}

/* ---- inodes ---- */

static int walk_xattrs(struct walk *walk, uint64_t inode, uint64_t *ret_hash)
{
	static char names[FS_XATTR_LIST_MAX], value[FS_XATTR_SIZE_MAX];
	size_t length, size;
	int error = fs_listxattr(walk->fs, inode, names, sizeof(names), true, &length);

	if (error)
		return complain(walk, "listxattr of %lu: %s", inode, strerror(-error));
	for (size_t at = 0; at < length; at += strlen(names + at) + 1) {
		error = fs_getxattr(walk->fs, inode, names + at, value, sizeof(value), &size);
		if (error)
			return complain(walk, "getxattr %s of %lu: %s", names + at, inode, strerror(-error));
		*ret_hash += model_xattr_hash(names + at, value, size);
	}
	return 0;
}

static int walk_symlink(struct walk *walk, const struct fs_attr *attr, uint64_t *ret_hash)
{
	char target[8192];
	size_t length;
	int error = fs_readlink(walk->fs, attr->inode, target, sizeof(target), &length);

	if (error)
		return complain(walk, "readlink of %lu: %s", attr->inode, strerror(-error));
	if (length != attr->size)
		return complain(walk, "symlink %lu: size %lu but target of %zu", attr->inode, attr->size,
				length);
	*ret_hash = model_bytes_hash(target, length);
	return 0;
}

static int walk_inode(struct walk *walk, uint64_t inode, uint64_t parent, unsigned depth)
{
	struct model_facts facts = {.inode = inode};
	struct walk_file *file;
	struct fs_attr attr;
	int error = fs_getattr(walk->fs, inode, &attr);

	if (error)
		return complain(walk, "getattr of %lu, in %lu: %s", inode, parent, strerror(-error));
	if (depth > WALK_MAX_DEPTH)
		return complain(walk, "inode %lu: too deep", inode);
	facts.mode = attr.mode;
	facts.nlink = attr.nlink;
	file = add_file(walk, inode);
	file->size = attr.size;
	file->mode = attr.mode;
	file->nlink = attr.nlink;
	error = walk_xattrs(walk, inode, &facts.xattrs);
	if (!error && S_ISLNK(attr.mode))
		error = walk_symlink(walk, &attr, &facts.target);
	if (!error && S_ISDIR(attr.mode))
		error = walk_directory(walk, &attr, depth, &facts.entries);
	if (error)
		return error;
	file = walk_find(walk, inode);
	file->hash = model_facts_hash(&facts);
	walk->hash += file->hash + (S_ISREG(file->mode) ? model_size_hash(inode, file->size) : 0);
	return 0;
}

int walk_tree(struct walk *walk, struct fs *fs, char *why, size_t why_room)
{
	int error;

	*walk = (struct walk){.fs = fs, .why = why, .why_room = why_room};
	error = walk_inode(walk, ROOT_INODE, ROOT_INODE, 0);
	for (size_t i = 0; i < walk->count && !error; i++) {
		const struct walk_file *file = &walk->files[i];
		uint32_t links = S_ISDIR(file->mode) ? 2 + file->subdirectories : file->names;

		if (links != file->nlink)
			error = complain(walk, "inode %lu: nlink %u, should be %u", file->inode, file->nlink,
					 links);
	}
	return error;
}
