#include "../suite.h"

static int call_path(const char *path)
{
	return link("source", path);
}

RULE("write and search permission for the new name's directory")
{
	make_file("source", 0666, 0, 0, "");
	parent_permission(&(struct path_call){.run = call_path, .flags = PATH_MAKES});
}
