/* mmfsctl put: copies from the host into the image. */
#include "command.h"

#include "../common/progress.h"

#include <errno.h>
#include <string.h>

/* Where one source goes: into a directory that is there, else it gets the name given. */
struct target {
	bool into;
	uint64_t directory;
	struct fs_name name;
};

static int find_target(struct files *files, const char *path, int sources, struct target *ret_target)
{
	struct target target = {0};
	struct fs_attr attr;

	int error = path_find(files->fs, path, true, &attr);
	if (!error && S_ISDIR(attr.mode)) {
		target.into = true;
		target.directory = attr.inode;
	} else if (!error || error == -ENOENT) {
		error =
		    sources > 1 ? -ENOTDIR : path_parent(files->fs, path, &target.directory, &target.name);
		if (error == -EINVAL)
			error = -ENOENT;
	}
	if (error)
		return files_say_cannot(files, "put anything at", path, error);
	*ret_target = target;
	return 0;
}

int put_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	struct target target = {.directory = 0};
	int first_error = 0;

	(void)options;
	int error = find_target(files, paths[count - 1], count - 1, &target);
	if (error)
		return error;
	struct copy_in *copy = copy_in_open(files, false);
	if (!copy)
		return files_say(files, paths[count - 1], -ENOMEM);
	progress_start(PROGRAM, "copying in");
	for (int i = 0; i < count - 1; i++) {
		struct fs_name name = target.name;
		if (target.into && !path_name(paths[i], &name))
			name.length = 0; /* "." and the like: what is in it */
		error = copy_in_tree(copy, paths[i], target.directory, name);
		first_error = first_error ? first_error : error;
		if (error == -ENOSPC || files_stopped() || files_failed(files))
			break;
	}
	copy_in_close(copy);
	return first_error;
}
