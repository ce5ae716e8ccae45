#include "../suite.h"

RULE("access and faccessat tell what the mode allows")
{
	for (unsigned directory = 0; directory < 2; directory++) {
		enum type type = directory ? DIRECTORY : REGULAR;
		make_for(type, "file", USER, GROUP);
		for (enum relation relation = 0; relation < RELATIONS; relation++) {
			for (mode_t bits = 0; bits < 8; bits++) {
				mode_t mode = (0777 & ~mode_for(relation, 7)) | mode_for(relation, bits);
				if (relation == IN_EXTRA_GROUP)
					mode = 0707 | mode_for(relation, bits);
				must(chmod("file", mode));
				context("%s, mode %04o, %s", type_name(type), mode, relation_name(relation));
				become_related(relation);
				gives(access("file", R_OK), bits & 4 ? 0 : EACCES);
				gives(access("file", W_OK), bits & 2 ? 0 : EACCES);
				gives(access("file", X_OK), bits & 1 ? 0 : EACCES);
				gives(faccessat(AT_FDCWD, "file", R_OK | W_OK, AT_EACCESS),
				      (bits & 6) == 6 ? 0 : EACCES);
				gives(access("file", F_OK), 0);
				become_root();
			}
		}
		context("%s, root", type_name(type));
		must(chmod("file", 0));
		succeeds(access("file", R_OK | W_OK));
		gives(access("file", X_OK), directory ? 0 : EACCES);
		must(chmod("file", 0010));
		succeeds(access("file", X_OK));
		remove_tree("file");
	}
}
