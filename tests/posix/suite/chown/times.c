#include "../suite.h"

RULE("chown moves ctime, a refused one nothing")
{
	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		watch("file", CTIME);
		watch(".", 0);
		timed(succeeds(lchown("file", OTHER_USER, OTHER_GROUP)));
		watch("file", CTIME);
		timed(succeeds(lchown("file", USER, (gid_t)-1)));
		watch("file", CTIME);
		timed(as_member(USER, GROUP, EXTRA_GROUP, succeeds(lchown("file", (uid_t)-1, EXTRA_GROUP))));
		watch("file", 0);
		timed(as(OTHER_USER, OTHER_GROUP, fails(lchown("file", OTHER_USER, OTHER_GROUP), EPERM)));
		remove_tree("file");
	}
}
