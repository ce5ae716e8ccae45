#include "../suite.h"

RULE("the owner may give a file to groups of his, nobody gives it away or takes it")
{
	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		as_member(USER, GROUP, EXTRA_GROUP, succeeds(lchown("file", (uid_t)-1, EXTRA_GROUP)));
		equals(gid_of("file"), EXTRA_GROUP);
		as_member(USER, GROUP, EXTRA_GROUP, succeeds(lchown("file", USER, GROUP)));
		equals(gid_of("file"), GROUP);
		as_member(USER, GROUP, EXTRA_GROUP, fails(lchown("file", (uid_t)-1, OTHER_GROUP), EPERM));
		as(USER, GROUP, fails(lchown("file", USER, OTHER_GROUP), EPERM));
		as(USER, GROUP, fails(lchown("file", OTHER_USER, (gid_t)-1), EPERM));
		as(USER, GROUP, fails(lchown("file", OTHER_USER, GROUP), EPERM));
		as(USER, GROUP, fails(lchown("file", 0, 0), EPERM));
		as(OTHER_USER, GROUP, fails(lchown("file", OTHER_USER, GROUP), EPERM));
		as(OTHER_USER, GROUP, fails(lchown("file", (uid_t)-1, GROUP), EPERM));
		as(OTHER_USER, OTHER_GROUP, fails(lchown("file", (uid_t)-1, OTHER_GROUP), EPERM));
		as(USER, GROUP, succeeds(lchown("file", (uid_t)-1, (gid_t)-1)));
		as(USER, GROUP, succeeds(lchown("file", USER, (gid_t)-1)));
		equals(uid_of("file"), USER);
		equals(gid_of("file"), GROUP);
		remove_tree("file");
	}
}
