#include "../suite.h"

RULE("chmod moves ctime, a refused one nothing")
{
	for (enum type type = 0; type < TYPES; type++) {
		if (type == SYMLINK)
			continue;
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		watch("file", CTIME);
		watch(".", 0);
		timed(succeeds(chmod("file", 0751)));
		watch("file", CTIME);
		timed(succeeds(chmod("file", 0751)));
		watch("file", 0);
		timed(as(OTHER_USER, OTHER_GROUP, fails(chmod("file", 0700), EPERM)));
		remove_tree("file");
	}
}
