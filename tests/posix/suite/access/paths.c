#include "../suite.h"

static int call_path(const char *path)
{
	return access(path, F_OK);
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = 0});
}
