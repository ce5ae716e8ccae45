#include "../suite.h"

static void after(const char *what, int mode)
{
	context("%s", what);
	make_file("file", 06777, USER, GROUP, "contents");
	int file = open("file", O_RDWR);
	must(file);
	as(OTHER_USER, OTHER_GROUP, succeeds(fallocate(file, mode, 0, 10000)));
	equals(mode_of("file"), 0777);
	must(close(file));
	must(unlink("file"));
}

RULE("fallocate by others clears set-user-ID and set-group-ID")
{
	after("allocate", 0);
	after("keep size", FALLOC_FL_KEEP_SIZE);
	after("punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}
