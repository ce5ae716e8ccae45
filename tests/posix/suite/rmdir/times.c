#include "../suite.h"

RULE("rmdir moves the parent's times and the directory's ctime")
{
	make_directory("parent", 0755, 0, 0);
	make_directory("parent/directory", 0755, 0, 0);
	watch("parent", MTIME | CTIME);
	timed(succeeds(rmdir("parent/directory")));
	equals(links_of("parent"), 2);
	make_directory("parent/directory", 0755, 0, 0);
	make(REGULAR, "parent/directory/file");
	watch("parent", 0);
	watch("parent/directory", 0);
	timed(fails(rmdir("parent/directory"), ENOTEMPTY));
	watch("parent", 0);
	timed(as(USER, GROUP, fails(rmdir("parent/directory"), EACCES)));
}
