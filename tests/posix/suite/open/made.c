#include "../suite.h"

static int create_new(const char *path, mode_t mode)
{
	int file = open(path, O_RDONLY | O_CREAT | O_EXCL, mode);

	return file < 0 ? -1 : close(file);
}

RULE("mode, umask, owner, group, links and times of what O_CREAT makes; EEXIST with O_EXCL")
{
	making(REGULAR, create_new);
}
