#include "../suite.h"

RULE("a directory has a link for each directory in it, none for others")
{
	make(DIRECTORY, "top");
	equals(links_of("top"), 2);
	for (int i = 0; i < 20; i++) {
		context("%d", i);
		succeeds(mkdir(text_of("top/%d", i), 0755));
		equals(links_of("top"), 3 + i);
		equals(links_of(text_of("top/%d", i)), 2);
	}
	context("%s", "");
	for (enum type type = 0; type < TYPES; type++)
		if (type != DIRECTORY)
			make(type, text_of("top/%s", type_name(type)));
	equals(links_of("top"), 22);
	check(inode_of("top/.") == inode_of("top"));
	check(inode_of("top/3/..") == inode_of("top"));
	for (int i = 0; i < 20; i++) {
		context("%d", i);
		succeeds(rmdir(text_of("top/%d", i)));
		equals(links_of("top"), 21 - i);
	}
}
