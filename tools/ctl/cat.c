/* mmfsctl cat: contents of files. */
#include "command.h"

#include <errno.h>
#include <stdio.h>

static int cat_one(struct files *files, const char *path)
{
	static char buffer[1u << 18];
	struct fs_attr attr;
	uint64_t at = 0;

	int error = path_find(files->fs, path, true, &attr);
	while (!error) {
		ssize_t got = tree_read(files->fs, attr.inode, at, buffer, sizeof(buffer));
		if (got < 0)
			error = (int)got;
		if (got <= 0)
			break;
		/* main says what is wrong with standard output */
		if (fwrite(buffer, 1, (size_t)got, stdout) != (size_t)got)
			return -EPIPE;
		at += (uint64_t)got;
	}
	return error ? files_say(files, path, error) : 0;
}

int cat_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	int first_error = 0;

	(void)options;
	for (int i = 0; i < count; i++) {
		int error = cat_one(files, paths[i]);
		first_error = first_error ? first_error : error;
		if (error == -EPIPE)
			break;
	}
	return first_error;
}
