#include "../suite.h"

RULE("the sticky bit may be set by the owner, on files as well on Linux")
{
	for (enum type type = 0; type < TYPES; type++) {
		if (type == SYMLINK)
			continue;
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		as(USER, GROUP, succeeds(chmod("file", 01755)));
		equals(mode_of("file"), 01755);
		as(USER, GROUP, succeeds(chmod("file", 0644)));
		equals(mode_of("file"), 0644);
		remove_tree("file");
	}
}
