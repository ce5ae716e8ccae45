#include "../suite.h"

RULE("a name is bytes: anything but a slash and NUL")
{
	char name[8] = "x?y";
	bool all = true;

	for (int byte = 1; byte < 256; byte++) {
		if (byte == '/')
			continue;
		name[1] = (char)byte;
		all = all && mkdir(name, 0755) == 0 && exists(name) && mkdir(name, 0755) == -1 &&
		      errno == EEXIST;
	}
	check(all);
	all = true;
	for (int byte = 1; byte < 256; byte++) {
		name[1] = (char)byte;
		all = all && (byte == '/' || rmdir(name) == 0);
	}
	check(all);
	/* Case and composition matter. */
	succeeds(mkdir("Name", 0755));
	succeeds(mkdir("name", 0755));
	check(inode_of("Name") != inode_of("name"));
	succeeds(mkdir("\xc3\xa4", 0755));
	succeeds(mkdir("a\xcc\x88", 0755));
	check(inode_of("\xc3\xa4") != inode_of("a\xcc\x88"));
	succeeds(mkdir("\xff\xfe\x80", 0755));
	succeeds(mkdir("...", 0755));
	succeeds(mkdir(" ", 0755));
	succeeds(mkdir("-", 0755));
	succeeds(mkdir("new\nline", 0755));
	check(exists("new\nline"));
}
