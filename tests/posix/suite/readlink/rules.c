#include "../suite.h"

RULE("readlink: EINVAL for what is no symlink, short buffers, no permission needed on it")
{
	char target[16];

	for (enum type type = 0; type < TYPES; type++) {
		make(type, "entry");
		context("%s", type_name(type));
		if (type == SYMLINK)
			equals(readlink("entry", target, sizeof(target)), 7);
		else
			fails(readlink("entry", target, sizeof(target)), EINVAL);
		remove_tree("entry");
	}
	context("%s", "");
	must(symlink("target", "link"));
	memset(target, 'X', sizeof(target));
	equals(readlink("link", target, 3), 3);
	check(memcmp(target, "tarX", 4) == 0);
	equals(readlink("link", target, 6), 6);
	check(memcmp(target, "targetX", 7) == 0);
	fails(readlink("link", target, 0), EINVAL);
	as(USER, GROUP, equals(readlink("link", target, sizeof(target)), 6));
	int path = open("link", O_PATH | O_NOFOLLOW);
	must(path);
	equals(readlinkat(path, "", target, sizeof(target)), 6);
	watch("link", 0);
	timed(equals(readlink("link", target, sizeof(target)), 6));
}
