#include "../suite.h"

static int call_path(const char *path)
{
	return rename("free/source", path);
}

static int call_fresh(const char *path)
{
	int result = call_path(path), error = errno;
	uid_t user = geteuid();

	/* for the next time */
	if (result == 0) {
		must(seteuid(0));
		make_file("free/source", 0666, 0, 0, "");
		must(seteuid(user));
	}
	errno = error;
	return result;
}

RULE("write and search permission for the new name's directory")
{
	make_directory("free", 0777, 0, 0);
	make_file("free/source", 0666, 0, 0, "");
	parent_permission(&(struct path_call){.run = call_fresh, .flags = PATH_MAKES});
}
