#include "../suite.h"

RULE("link moves the file's ctime and the directory's times")
{
	make_directory("a", 0777, 0, 0);
	make_directory("b", 0777, 0, 0);
	for (enum type type = 0; type < TYPES; type++) {
		if (type == DIRECTORY)
			continue;
		context("%s", type_name(type));
		make(type, "a/file");
		watch("a/file", CTIME);
		watch("a", 0);
		watch("b", MTIME | CTIME);
		timed(succeeds(link("a/file", "b/file")));
		watch("a/file", 0);
		watch("b", 0);
		timed(fails(link("a/file", "b/file"), EEXIST));
		must(unlink("a/file"));
		must(unlink("b/file"));
	}
}
