/*
 * mmfs-static: all programs in one statically linked file, to be copied to where nothing can be installed.
 * Which one it is, its own name says (a link called fsck.mmfs), or its first argument:
 *
 *   mmfs-static image.img /mnt/x
 *   mmfs-static fsck.mmfs -n image.img
 */
#include "programs.h"

#include <stddef.h>
#include <string.h>

static const struct program {
	const char *name;
	int (*main)(int count, char **arguments);
} programs[] = {
    {"mkfs.mmfs", mkfs_main},
    {"fsck.mmfs", fsck_main},
    {"mmfsctl", ctl_main},
};

static const struct program *find_program(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strcmp(name, programs[i].name))
			return &programs[i];
	return NULL;
}

int main(int count, char **arguments)
{
	const struct program *program = count > 0 ? find_program(arguments[0]) : NULL;

	if (program)
		return program->main(count, arguments);
	/* a path to an image of such a name has a slash */
	if (count > 1 && !strchr(arguments[1], '/'))
		program = find_program(arguments[1]);
	if (program)
		return program->main(count - 1, arguments + 1);
	return mmfs_main(count, arguments);
}
