/* mmfsctl rm. */
#include "command.h"

#include "../common/progress.h"

#include <errno.h>
#include <string.h>

struct removal {
	struct files *files;
	uint64_t parent; /* of what was given */
	struct fs_name name;
	int first_error;
};

static int remove_entry(void *context, const struct walk_entry *entry, enum walk_event event)
{
	struct removal *removal = context;
	struct fs *fs = removal->files->fs;
	uint64_t parent = entry->depth ? entry->parent : removal->parent;
	struct fs_name name =
	    entry->depth ? (struct fs_name){entry->name, strlen(entry->name)} : removal->name;

	if (event == WALK_ENTER)
		return 0;
	int error = event == WALK_FILE ? tree_unlink(fs, parent, name) : tree_rmdir(fs, parent, name);
	if (!error) {
		progress_file();
		return 0;
	}
	files_say_cannot(removal->files, "remove", entry->path, error);
	if (!removal->first_error)
		removal->first_error = error;
	return files_failed(removal->files) ? error : 0;
}

static int remove_path(struct files *files, const struct command_options *options, const char *path)
{
	struct removal removal = {.files = files};
	struct fs_attr attr;

	int error = path_parent(files->fs, path, &removal.parent, &removal.name);
	if (!error)
		error = tree_lookup(files->fs, removal.parent, removal.name, &attr);
	if (error == -ENOENT && options->force)
		return 0;
	if (!error && S_ISDIR(attr.mode) && !options->recursive)
		error = -EISDIR;
	if (!error && !S_ISDIR(attr.mode) && path[strlen(path) - 1] == '/')
		error = -ENOTDIR;
	if (error)
		return files_say_cannot(files, "remove", path, error);
	error = walk_tree(files, path, &attr, remove_entry, &removal);
	return error ? error : removal.first_error;
}

int rm_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	int first_error = 0;

	progress_start(PROGRAM, "removing");
	for (int i = 0; i < count && first_error != -EINTR; i++) {
		int error = remove_path(files, options, paths[i]);
		first_error = first_error ? first_error : error;
	}
	return first_error;
}
