#include "../suite.h"

static enum type source_type;

/* Over it; what has come in its place goes at once. */
static int rename_over(const char *path)
{
	uid_t user = geteuid();

	must(seteuid(0));
	if (!exists("from/source"))
		make_for(source_type, "from/source", user, GROUP);
	must(lchown("from/source", user, GROUP));
	must(seteuid(user));
	int result = rename("from/source", path), error = errno;
	if (result == 0)
		remove(path);
	errno = error;
	return result;
}

RULE("in a sticky directory only owners rename over a name")
{
	make_directory("from", 0777, 0, 0);
	for (enum type type = 0; type < TYPES; type++) {
		source_type = type == DIRECTORY ? DIRECTORY : REGULAR;
		remove_tree("from");
		make_directory("from", 0777, 0, 0);
		sticky_directory(type, &(struct path_call){.run = rename_over});
	}
}
