#include "../suite.h"

RULE("O_NOATIME is for the owner and root")
{
	int file;

	make_file("file", 0644, USER, GROUP, "text");
	as(USER, GROUP, check((file = open("file", O_RDONLY | O_NOATIME)) >= 0));
	as(OTHER_USER, OTHER_GROUP, fails(open("file", O_RDONLY | O_NOATIME), EPERM));
	as(OTHER_USER, GROUP, fails(open("file", O_RDONLY | O_NOATIME), EPERM));
	check((file = open("file", O_RDONLY | O_NOATIME)) >= 0);
	struct stat before, after;
	char text[4];
	must(fstat(file, &before));
	tick();
	equals(read(file, text, 4), 4);
	must(fstat(file, &after));
	check(after.st_atim.tv_sec == before.st_atim.tv_sec &&
	      after.st_atim.tv_nsec == before.st_atim.tv_nsec);
}
