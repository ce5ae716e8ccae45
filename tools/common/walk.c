/* Listing directories and walking trees, without recursion. */
#include "files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- one directory ---- */

struct reading {
	struct listing listing;
	int error;
};

static bool is_dots(const char *name, size_t length)
{
	return length <= 2 && !strncmp(name, "..", length);
}

static int add_name(void *context, const struct fs_dirent *entry)
{
	struct reading *reading = context;
	struct listing *listing = &reading->listing;

	if (entry->name_length > 0 && is_dots(entry->name, entry->name_length)) {
		/* the two that every directory begins with; others like them are damage */
		if (entry->cookie <= 2)
			return 0;
		reading->error = -EUCLEAN;
	}
	if (entry->name_length == 0 || memchr(entry->name, '/', entry->name_length) ||
	    memchr(entry->name, 0, entry->name_length))
		reading->error = -EUCLEAN;
	if (listing->count == listing->room && !reading->error) {
		size_t room = listing->room ? 2 * listing->room : 64;
		char **names = reallocarray(listing->names, room, sizeof(*names));
		if (names) {
			listing->names = names;
			listing->room = room;
		} else {
			reading->error = -ENOMEM;
		}
	}
	char *name = reading->error ? NULL : strndup(entry->name, entry->name_length);
	if (name)
		listing->names[listing->count++] = name;
	else if (!reading->error)
		reading->error = -ENOMEM;
	return reading->error;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

int list_directory(struct fs *fs, uint64_t directory, struct listing *ret_listing)
{
	struct reading reading = {0};

	int error = tree_readdir(fs, directory, add_name, &reading);
	if (!error && reading.error == -EUCLEAN)
		error = tree_damaged(fs, "directory", directory, ": a name that no file may have");
	else if (!error)
		error = reading.error;
	if (error) {
		listing_free(&reading.listing);
		return error;
	}
	if (reading.listing.count)
		qsort(reading.listing.names, reading.listing.count, sizeof(char *), compare_names);
	*ret_listing = reading.listing;
	return 0;
}

void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->names[i]);
	free(listing->names);
	*listing = (struct listing){0};
}

/* ---- a tree ---- */

/* A directory that has been entered. */
struct level {
	struct fs_attr attr;
	uint64_t parent;
	struct listing listing;
	size_t next;	    /* of the listing */
	size_t path_length; /* of the directory itself */
	bool last;
};

struct walker {
	const struct files *files;
	walk_visit visit;
	void *context;
	struct level *levels;
	size_t depth, room; /* of levels */
	char *path;
	size_t path_length, path_room, top_length;
	struct link_table seen; /* directories */
	int first_error;	/* said, and gone on from */
};

static int note_error(struct walker *walker, int error)
{
	files_say(walker->files, walker->path, error);
	if (!walker->first_error)
		walker->first_error = error;
	return 0;
}

static struct walk_entry entry_of(const struct walker *walker, const struct fs_attr *attr, uint64_t parent)
{
	struct walk_entry entry = {
	    .path = walker->path,
	    .below = walker->path + walker->top_length,
	    .parent = parent,
	    .attr = *attr,
	};

	entry.below += strspn(entry.below, "/");
	const char *slash = strrchr(entry.below, '/');
	entry.name = slash ? slash + 1 : entry.below;
	return entry;
}

/* Puts a name behind the first `length` bytes of the path. */
static int path_set(struct walker *walker, size_t length, const char *name)
{
	size_t need = length + strlen(name) + 2;

	if (need > walker->path_room) {
		char *path = realloc(walker->path, 2 * need);
		if (!path)
			return -ENOMEM;
		walker->path = path;
		walker->path_room = 2 * need;
	}
	if (length > 0 && *name && walker->path[length - 1] != '/')
		walker->path[length++] = '/';
	strcpy(walker->path + length, name);
	walker->path_length = length + strlen(name);
	return 0;
}

static int check_new(struct walker *walker, uint64_t inode)
{
	bool added;

	if (!link_table_get(&walker->seen, (struct link_key){.inode = inode}, &added))
		return -ENOMEM;
	return added ? 0 : tree_damaged(walker->files->fs, "directory", inode, " has several names");
}

static int enter(struct walker *walker, const struct fs_attr *attr, uint64_t parent, bool last)
{
	struct walk_entry entry = entry_of(walker, attr, parent);
	struct level level = {
	    .attr = *attr, .parent = parent, .path_length = walker->path_length, .last = last};

	if (walker->depth == walker->room) {
		size_t room = walker->room ? 2 * walker->room : 16;
		struct level *levels = reallocarray(walker->levels, room, sizeof(*levels));
		if (!levels)
			return -ENOMEM;
		walker->levels = levels;
		walker->room = room;
	}
	int error = check_new(walker, attr->inode);
	if (error)
		return error == -EUCLEAN ? note_error(walker, error) : error;
	entry.depth = (unsigned)walker->depth;
	entry.last = last;
	error = walker->visit(walker->context, &entry, WALK_ENTER);
	if (error)
		return error == WALK_SKIP ? 0 : error;
	error = list_directory(walker->files->fs, attr->inode, &level.listing);
	if (error)
		note_error(walker, error);
	walker->levels[walker->depth++] = level;
	return 0;
}

static int leave(struct walker *walker)
{
	struct level *level = &walker->levels[--walker->depth];

	walker->path_length = level->path_length;
	walker->path[walker->path_length] = 0;
	struct walk_entry entry = entry_of(walker, &level->attr, level->parent);
	entry.depth = (unsigned)walker->depth;
	entry.last = level->last;
	listing_free(&level->listing);
	return walker->visit(walker->context, &entry, WALK_LEAVE);
}

static int visit_one(struct walker *walker, const struct fs_attr *attr, uint64_t parent, bool last)
{
	if (S_ISDIR(attr->mode))
		return enter(walker, attr, parent, last);
	struct walk_entry entry = entry_of(walker, attr, parent);
	entry.depth = (unsigned)walker->depth;
	entry.last = last;
	return walker->visit(walker->context, &entry, WALK_FILE);
}

/* The next name of the innermost directory, or the end of it. */
static int step(struct walker *walker)
{
	struct level *level = &walker->levels[walker->depth - 1];
	struct fs_attr attr;

	if (files_stopped())
		return files_say(walker->files, walker->path, -EINTR);
	if (level->next == level->listing.count)
		return leave(walker);
	const char *name = level->listing.names[level->next++];
	bool last = level->next == level->listing.count;
	uint64_t directory = level->attr.inode;
	int error = path_set(walker, level->path_length, name);
	if (error)
		return error;
	error = tree_lookup(walker->files->fs, directory, (struct fs_name){name, strlen(name)}, &attr);
	return error ? note_error(walker, error) : visit_one(walker, &attr, directory, last);
}

int walk_tree(const struct files *files, const char *path, const struct fs_attr *attr, walk_visit visit,
	      void *context)
{
	struct walker walker = {.files = files, .visit = visit, .context = context};

	int error = path_set(&walker, 0, path);
	walker.top_length = walker.path_length;
	if (!error)
		error = visit_one(&walker, attr, 0, true);
	while (!error && walker.depth > 0)
		error = step(&walker);
	while (walker.depth > 0)
		listing_free(&walker.levels[--walker.depth].listing);
	free(walker.levels);
	free(walker.path);
	link_table_free(&walker.seen);
	return error ? error : walker.first_error;
}
