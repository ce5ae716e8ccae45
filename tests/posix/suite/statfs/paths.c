#include "../suite.h"

#include <sys/statfs.h>

static int call_path(const char *path)
{
	struct statfs status;
	return statfs(path, &status);
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = 0});
}
