#include "../suite.h"

RULE("within a sticky directory only owners rename, directories included")
{
	const uid_t owners[] = {0, USER, OTHER_USER};

	for (enum type type = 0; type < TYPES; type++) {
		for (unsigned i = 0; i < 9; i++) {
			uid_t directory_owner = owners[i / 3], owner = owners[i % 3];
			bool may = directory_owner == USER || owner == USER;
			make_directory("sticky", 01777, directory_owner, GROUP);
			make_for(type, "sticky/old", owner, GROUP);
			context("directory of %u, %s of %u", directory_owner, type_name(type), owner);
			as(USER, GROUP, gives(rename("sticky/old", "sticky/new"), may ? 0 : EPERM));
			check(exists("sticky/old") == !may);
			check(exists("sticky/new") == may);
			succeeds(rename(may ? "sticky/new" : "sticky/old", "sticky/last"));
			remove_tree("sticky");
		}
	}
}
