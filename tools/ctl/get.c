/* mmfsctl get: copies out of the image to the host. */
#include "command.h"

#include "../common/progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where it goes on the host: names in `directory`; name NULL: each keeps its own. */
struct target {
	char *directory, *name;
};

static int find_target(const char *path, int sources, struct target *ret_target)
{
	struct fs_name name;
	struct stat status;

	if (!stat(path, &status) && S_ISDIR(status.st_mode)) {
		*ret_target = (struct target){strdup(path), NULL};
		return 0;
	}
	if (sources > 1 || !path_name(path, &name)) {
		fprintf(stderr, PROGRAM ": %s: not a directory\n", path);
		return -ENOTDIR;
	}
	*ret_target = (struct target){
	    .directory = name.bytes > path ? strndup(path, (size_t)(name.bytes - path)) : strdup("."),
	    .name = strndup(name.bytes, name.length),
	};
	return 0;
}

static int get_one(struct files *files, struct copy_out *copy, const char *path, const char *given)
{
	char own[FS_NAME_MAX + 1] = ".";
	struct fs_attr attr;
	struct fs_name name;

	/* A '/' at the end asks for the directory behind a link. */
	int error = path_find(files->fs, path, false, &attr);
	if (error)
		return files_say(files, path, error);
	if (!given && path_name(path, &name)) {
		memcpy(own, name.bytes, name.length); /* it was found, so it is no longer than that */
		own[name.length] = 0;
	}
	return copy_out_tree(copy, path, &attr, given ? given : own);
}

int get_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	struct target target;
	int first_error = 0;

	(void)options;
	files_catch_signals(); /* no half of a file is left */
	int error = find_target(paths[count - 1], count - 1, &target);
	if (error)
		return error;
	struct copy_out *copy = copy_out_open(files, target.directory);
	if (!copy)
		first_error = -ENOENT;
	progress_start(PROGRAM, "copying out");
	for (int i = 0; copy && i < count - 1; i++) {
		error = get_one(files, copy, paths[i], target.name);
		first_error = first_error ? first_error : error;
		if (error == -ENOSPC || files_stopped())
			break;
	}
	copy_out_close(copy);
	free(target.directory);
	free(target.name);
	return first_error;
}
