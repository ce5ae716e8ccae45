/*
 * The files of an image, or of a mount, for programs: opening it, finding a path, listing a directory,
 * walking a tree. What goes wrong is said in one line on stderr.
 *
 * Usual order: files_open -> { path_find, list_directory, walk_tree, copy_... } -> files_close.
 */
#ifndef MMFS_FILES_H
#define MMFS_FILES_H

#include "tree.h"

struct files {
	const char *program, *image_path; /* for messages */
	struct image *image;		  /* NULL: they are those of a mount */
	struct fs *fs;			  /* for the functions of tree.h; NULL then, too */
};

/* Opens the image and what is in it; writing: to change it. Says what went wrong, returns -errno then. */
MUST_CHECK int files_open(const char *program, const char *image_path, bool writing, struct files *ret_files);
/* Opens the files of an image that is open; it belongs to `ret_files` from here on, also when this fails. */
MUST_CHECK int files_open_in(const char *program, const char *image_path, struct image *image,
			     struct files *ret_files);
/* The files of a mount, by its root directory, which stays the caller's. One at a time. */
MUST_CHECK int files_open_mount(const char *program, const char *path, int root, struct files *ret_files);
/* Will nothing more be written, the image having failed? */
bool files_failed(const struct files *files);
/* Makes everything durable and closes. Says what went wrong, returns -errno then. */
MUST_CHECK int files_close(struct files *files);
/* Says "PROGRAM: IMAGE: PATH: why" of a path in the image; returns `error` (-errno). */
int files_say(const struct files *files, const char *path, int error);
/* The same, with what was tried: "PROGRAM: IMAGE: cannot VERB PATH: why". */
int files_say_cannot(const struct files *files, const char *verb, const char *path, int error);

/* From here on SIGINT, SIGTERM and SIGHUP are noted only: who does long work asks files_stopped(). */
void files_catch_signals(void);
bool files_stopped(void);

/* ---- path.c: names separated by '/', from the root whether they begin with '/' or not. Symbolic links
 * before the last name are followed, inside of the image. ---- */

/* follow: the last name too (a '/' at the end does that as well). -ENOENT, -ENOTDIR, -ELOOP (more than 40
 * links), -ENAMETOOLONG. */
MUST_CHECK int path_find(struct fs *fs, const char *path, bool follow, struct fs_attr *ret_attr);
/* The last name of a path; false: it has none that could be made or removed ("/", "." and ".."). */
bool path_name(const char *path, struct fs_name *ret_name);
/* The directory of a path's last name, and that name. -EINVAL where path_name says false. */
MUST_CHECK int path_parent(struct fs *fs, const char *path, uint64_t *ret_parent, struct fs_name *ret_name);
/* The target of a symbolic link as a string, to be freed. */
MUST_CHECK int path_link_target(struct fs *fs, uint64_t inode, char **ret_target);

/* ---- walk.c ---- */

/* Names of a directory in order of their bytes, without "." and "..". */
struct listing {
	char **names;
	size_t count, room;
};
/* -EUCLEAN, too, for a name that no file may have. */
MUST_CHECK int list_directory(struct fs *fs, uint64_t directory, struct listing *ret_listing);
void listing_free(struct listing *listing);

enum walk_event {
	WALK_FILE,
	WALK_ENTER /* a directory, before what is in it */,
	WALK_LEAVE /* and after it */
};

struct walk_entry {
	const char *path;  /* the path given to walk_tree, and the names below it */
	const char *below; /* the names below it only; "" for itself */
	const char *name;  /* the last of them; "" for itself */
	uint64_t parent;   /* inode number of its directory; 0 for what was given */
	struct fs_attr attr;
	unsigned depth;
	bool last; /* of its directory */
};

#define WALK_SKIP 1 /* of WALK_ENTER: neither what is in it nor WALK_LEAVE */

/* 0, WALK_SKIP, or -errno, which ends the walk. May remove the entry (of a directory: at WALK_LEAVE). */
typedef int (*walk_visit)(void *context, const struct walk_entry *entry, enum walk_event event);

/* Visits what `path` names and everything below it, each directory once: a damaged image may show one at
 * several places. What cannot be read is said and left out; the walk goes on, and the first such error is the
 * result. Ends with -EINTR (said) when files_stopped(). */
MUST_CHECK int walk_tree(const struct files *files, const char *path, const struct fs_attr *attr,
			 walk_visit visit, void *context);

/* ---- a set of pairs of numbers, each with a value (links.c) ---- */

struct link_key {
	uint64_t device, inode;
};
struct link_table {
	void *root; /* of a search tree; NULL: empty */
};
/* Finds a key, or adds it with value 0 and `text` NULL. *ret_added tells which. NULL: no memory. */
struct link_entry {
	struct link_key key; /* first: it is compared by */
	uint64_t value;
	char *text; /* freed with the table */
};
struct link_entry *link_table_get(struct link_table *table, struct link_key key, bool *ret_added);
void link_table_free(struct link_table *table);

#endif
