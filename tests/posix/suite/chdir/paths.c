#include "../suite.h"

static int call_path(const char *path)
{
	int here = open(".", O_PATH);
	int result = chdir(path), error = errno;
	must(here);
	must(fchdir(here));
	must(close(here));
	errno = error;
	return result;
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = PATH_DIRECTORY});
}
