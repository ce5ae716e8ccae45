#include "../suite.h"

static int call_path(const char *path)
{
	if (!exists("source"))
		make(REGULAR, "source");
	return link("source", path);
}

RULE("errors of paths: ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, EACCES")
{
	path_errors(&(struct path_call){.run = call_path, .flags = PATH_MAKES});
}
