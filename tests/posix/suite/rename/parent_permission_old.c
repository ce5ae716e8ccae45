#include "../suite.h"

static int call_path(const char *path)
{
	return rename(path, "free/renamed");
}

RULE("write and search permission for the old name's directory")
{
	make_directory("free", 0777, 0, 0);
	parent_permission(&(struct path_call){.run = call_path, .flags = PATH_NO_FOLLOW});
}
