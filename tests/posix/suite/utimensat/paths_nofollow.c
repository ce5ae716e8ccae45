#include "../suite.h"

static int call_path(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = PATH_NO_FOLLOW});
}
