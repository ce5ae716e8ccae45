#include "../suite.h"

RULE("two names of one file: nothing happens, both stay")
{
	for (enum type type = 0; type < TYPES; type++) {
		if (type == DIRECTORY)
			continue;
		context("%s", type_name(type));
		make(type, "one");
		make(DIRECTORY, "directory");
		must(link("one", "two"));
		must(link("one", "directory/three"));
		watch("one", 0);
		watch(".", 0);
		timed(succeeds(rename("one", "two")));
		check(exists("one"));
		check(exists("two"));
		equals(links_of("one"), 3);
		succeeds(rename("directory/three", "one"));
		check(exists("directory/three"));
		equals(links_of("one"), 3);
		fails(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE), EEXIST);
		succeeds(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE));
		equals(links_of("two"), 3);
		remove_tree("one");
		remove_tree("two");
		remove_tree("directory");
	}
}
