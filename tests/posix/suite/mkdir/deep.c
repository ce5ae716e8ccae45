#include "../suite.h"

#include <limits.h>

#define DEPTH 1000

RULE("directories a thousand deep, reached by descriptors and by relative paths")
{
	int top = open(".", O_RDONLY | O_DIRECTORY);
	bool made = true;

	must(top);
	for (int i = 0; i < DEPTH; i++)
		made =
		    made && mkdir("a-name-of-twenty-byte", 0755) == 0 && chdir("a-name-of-twenty-byte") == 0;
	check(made);
	char here[PATH_MAX];
	/* The kernel cannot tell so long a path. */
	fails(getcwd(here, sizeof(here)) ? 0 : -1, ERANGE);
	succeeds(mkdir("last", 0755));
	equals(links_of("."), 3);
	succeeds(rmdir("last"));
	bool removed = true;
	for (int i = 0; i < DEPTH; i++)
		removed = removed && chdir("..") == 0 && rmdir("a-name-of-twenty-byte") == 0;
	check(removed);
	struct stat at, here_status;
	must(fstat(top, &at));
	must(stat(".", &here_status));
	check(at.st_ino == here_status.st_ino);
}
