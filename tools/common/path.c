/* Finding what a path names, name by name from the root of the image. */
#include "files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 40 /* as Linux */

int path_link_target(struct fs *fs, uint64_t inode, char **ret_target)
{
	size_t length;
	char *target = malloc(PATH_MAX + 1);

	if (!target)
		return -ENOMEM;
	int error = tree_readlink(fs, inode, target, PATH_MAX, &length);
	if (error) {
		free(target);
		return error;
	}
	target[length] = 0;
	*ret_target = target;
	return 0;
}

struct walk_state {
	struct fs *fs;
	char *text;	     /* what is being walked; links put theirs in place of their name */
	size_t at;	     /* next byte of it */
	struct fs_attr attr; /* where the walk stands */
	unsigned links;	     /* followed */
};

/* A link's target, and behind it what was still to be walked. */
static int follow_link(struct walk_state *walk, uint64_t directory, uint64_t link)
{
	char *target, *text;

	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	int error = path_link_target(walk->fs, link, &target);
	if (error)
		return error;
	size_t length = strlen(target), rest = strlen(walk->text + walk->at);
	text = malloc(length + rest + 1);
	if (text) {
		memcpy(text, target, length);
		memcpy(text + length, walk->text + walk->at, rest + 1);
		free(walk->text);
		walk->text = text;
		walk->at = 0;
		error = tree_getattr(walk->fs, *target == '/' ? ROOT_INODE : directory, &walk->attr);
	}
	if (!length)
		error = -ENOENT;
	free(target);
	return text ? error : -ENOMEM;
}

/* One name of it. */
static int walk_name(struct walk_state *walk, bool follow)
{
	uint64_t directory = walk->attr.inode;
	struct fs_name name = {walk->text + walk->at, strcspn(walk->text + walk->at, "/")};

	int error = tree_lookup(walk->fs, directory, name, &walk->attr);
	if (error)
		return error;
	walk->at += name.length;
	if (S_ISLNK(walk->attr.mode) && (follow || walk->text[walk->at] == '/'))
		return follow_link(walk, directory, walk->attr.inode);
	return 0;
}

int path_find(struct fs *fs, const char *path, bool follow, struct fs_attr *ret_attr)
{
	struct walk_state walk = {.fs = fs, .text = strdup(path)};

	if (!walk.text)
		return -ENOMEM;
	int error = *path ? tree_getattr(fs, ROOT_INODE, &walk.attr) : -ENOENT;
	while (!error) {
		bool slash = walk.text[walk.at] == '/';
		walk.at += strspn(walk.text + walk.at, "/");
		if (slash && !S_ISDIR(walk.attr.mode))
			error = -ENOTDIR;
		if (error || !walk.text[walk.at])
			break;
		error = walk_name(&walk, follow);
	}
	free(walk.text);
	if (!error)
		*ret_attr = walk.attr;
	return error;
}

bool path_name(const char *path, struct fs_name *ret_name)
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	size_t length = end - start;
	if (length == 0 || (length <= 2 && !strncmp(path + start, "..", length)))
		return false;
	*ret_name = (struct fs_name){path + start, length};
	return true;
}

int path_parent(struct fs *fs, const char *path, uint64_t *ret_parent, struct fs_name *ret_name)
{
	struct fs_attr attr = {.inode = ROOT_INODE, .mode = S_IFDIR};
	struct fs_name name;
	int error = 0;

	if (!path_name(path, &name))
		return -EINVAL;
	if (name.bytes > path) {
		char *directory = strndup(path, (size_t)(name.bytes - path));
		if (!directory)
			return -ENOMEM;
		error = path_find(fs, directory, true, &attr);
		free(directory);
	}
	if (error)
		return error;
	*ret_parent = attr.inode;
	*ret_name = name;
	return 0;
}
