#include "../suite.h"

static int call_path(const char *path)
{
	return rmdir(path);
}

RULE("write and search permission for the directory")
{
	parent_permission(&(struct path_call){.run = call_path, .flags = PATH_NO_FOLLOW | PATH_DIRECTORY});
}
