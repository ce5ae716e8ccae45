#include "../suite.h"

static int call_path(const char *path)
{
	return mkdir(path, 0755);
}

RULE("write and search permission for the directory")
{
	parent_permission(&(struct path_call){.run = call_path, .flags = PATH_MAKES});
}
