#include "../suite.h"

RULE("rename moves both directories' times and the file's ctime")
{
	make_directory("a", 0777, 0, 0);
	make_directory("b", 0777, 0, 0);
	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		make(type, "a/old");
		watch("a", MTIME | CTIME);
		watch("b", MTIME | CTIME);
		watch("a/old", CTIME);
		timed(succeeds(rename("a/old", "b/new")));
		watch("b", MTIME | CTIME);
		watch("a", 0);
		watch("b/new", CTIME);
		timed(succeeds(rename("b/new", "b/newer")));
		make(type, "b/target");
		must(type == DIRECTORY ? 0 : link("b/target", "kept"));
		watch("b", MTIME | CTIME);
		watch("b/target", CTIME);
		watch("b/newer", CTIME);
		timed(succeeds(rename("b/newer", "b/target")));
		watch("b", 0);
		watch("b/target", 0);
		timed(fails(rename("b/missing", "b/target"), ENOENT));
		watch("b", 0);
		watch("a", 0);
		watch("b/target", 0);
		timed(as(USER, GROUP, fails(rename("b/target", "missing/x"), ENOENT)));
		remove_tree("b/target");
		remove_tree("kept");
	}
}
