#include "../suite.h"

static int call_path(const char *path)
{
	static char *const arguments[] = {"x", NULL};
	execv(path, arguments);
	return errno == ENOEXEC ? 0 : -1;
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = 0});
}
