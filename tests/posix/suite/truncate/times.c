#include "../suite.h"

RULE("truncation moves mtime and ctime")
{
	make_file("file", 0644, USER, GROUP, "contents");
	int file = open("file", O_RDWR);
	must(file);
	watch("file", MTIME | CTIME);
	watch(".", 0);
	timed(succeeds(truncate("file", 4)));
	watch("file", MTIME | CTIME);
	timed(succeeds(truncate("file", 4000)));
	watch("file", MTIME | CTIME);
	timed(succeeds(ftruncate(file, 10)));
	watch("file", MTIME | CTIME);
	timed(succeeds(ftruncate(file, 100000)));
	/* ftruncate even to the same size */
	watch("file", MTIME | CTIME);
	timed(succeeds(ftruncate(file, 100000)));
	watch("file", 0);
	timed(fails(truncate("file", -1), EINVAL));
	watch("file", 0);
	timed(as(OTHER_USER, OTHER_GROUP, fails(truncate("file", 0), EACCES)));
}
