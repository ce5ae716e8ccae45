#include "../suite.h"

RULE("only the owner and root change a mode")
{
	for (enum type type = 0; type < TYPES; type++) {
		if (type == SYMLINK)
			continue;
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		as(USER, GROUP, succeeds(chmod("file", 0751)));
		equals(mode_of("file"), 0751);
		as(USER, OTHER_GROUP, succeeds(chmod("file", 0777)));
		equals(mode_of("file"), 0777);
		as(OTHER_USER, GROUP, fails(chmod("file", 0700), EPERM));
		as(OTHER_USER, OTHER_GROUP, fails(chmod("file", 0700), EPERM));
		as_member(OTHER_USER, OTHER_GROUP, GROUP, fails(chmod("file", 0700), EPERM));
		equals(mode_of("file"), 0777);
		succeeds(chmod("file", 0));
		equals(mode_of("file"), 0);
		as(USER, GROUP, succeeds(chmod("file", 0600)));
		equals(mode_of("file"), 0600);
		remove_tree("file");
	}
}
