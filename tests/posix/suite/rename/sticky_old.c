#include "../suite.h"

static int rename_away(const char *path)
{
	int result = rename(path, "away/renamed"), error = errno;

	unlink("away/renamed");
	rmdir("away/renamed");
	errno = error;
	return result;
}

RULE("out of a sticky directory only owners rename")
{
	make_directory("away", 0777, 0, 0);
	for (enum type type = 0; type < TYPES; type++)
		/* Moving a directory needs permission to write to it, too. */
		if (type != DIRECTORY)
			sticky_directory(type, &(struct path_call){.run = rename_away});
}
