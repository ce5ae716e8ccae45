#include "../suite.h"

static int call_path(const char *path)
{
	return rmdir(path);
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = PATH_NO_FOLLOW | PATH_DIRECTORY});
}
