#include "../suite.h"

static int call_path(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT, 0644);
	return file < 0 ? -1 : close(file);
}

RULE("write and search permission for the directory")
{
	parent_permission(&(struct path_call){.run = call_path, .flags = PATH_MAKES});
}
