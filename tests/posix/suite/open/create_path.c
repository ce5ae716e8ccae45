#include "../suite.h"

static int call_path(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	return file < 0 ? -1 : close(file);
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = PATH_MAKES});
}
