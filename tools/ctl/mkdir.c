/* mmfsctl mkdir. */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int make_directory(struct files *files, const char *path)
{
	mode_t mask = umask(0);
	struct fs_caller caller = {.uid = getuid(), .gid = getgid(), .umask = mask, .may_keep_setgid = true};
	struct fs_name name;
	struct fs_attr attr;
	uint64_t parent;

	umask(mask);
	/* the root and the like are there */
	if (!path_name(path, &name))
		return -EEXIST;
	int error = path_parent(files->fs, path, &parent, &name);
	return error ? error : tree_make(files->fs, &caller, parent, name, S_IFDIR | 0777, 0, 0, &attr);
}

/* Each directory on the way; one that is there already will do, a link to one too. */
static int make_all(struct files *files, const char *path)
{
	char *part = strdup(path);
	int error = part ? 0 : -ENOMEM;

	for (size_t end = 0; !error && path[end];) {
		struct fs_attr attr;
		end += strspn(path + end, "/");
		end += strcspn(path + end, "/");
		part[end] = 0;
		error = make_directory(files, part);
		if (error == -EEXIST)
			error = path_find(files->fs, part, true, &attr);
		else
			attr.mode = S_IFDIR;
		if (!error && !S_ISDIR(attr.mode))
			error = -ENOTDIR;
		part[end] = path[end];
	}
	free(part);
	return error;
}

int mkdir_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	int first_error = 0;

	for (int i = 0; i < count; i++) {
		int error = options->parents ? make_all(files, paths[i]) : make_directory(files, paths[i]);
		if (error)
			files_say_cannot(files, "make", paths[i], error);
		first_error = first_error ? first_error : error;
	}
	return first_error;
}
