#include "../suite.h"

#include <dirent.h>

static int call_path(const char *path)
{
	DIR *directory = opendir(path);
	return directory ? closedir(directory) : -1;
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = PATH_DIRECTORY});
}
