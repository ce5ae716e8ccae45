#include "../suite.h"

#include <sys/xattr.h>

static int call_path(const char *path)
{
	return (int)listxattr(path, NULL, 0);
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = 0});
}
