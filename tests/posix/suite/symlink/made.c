#include "../suite.h"

static int make_link(const char *path)
{
	return symlink("target", path);
}

RULE("owner, group, links, size and times of a symlink; EEXIST")
{
	char target[16];

	make_directory("open", 0777, 0, 0);
	umask(077);
	as(USER, GROUP, succeeds(make_link("open/made")));
	umask(0);
	equals(uid_of("open/made"), USER);
	equals(gid_of("open/made"), GROUP);
	equals(format_of("open/made"), S_IFLNK);
	equals(mode_of("open/made"), 0777);
	equals(size_of("open/made"), 6);
	equals(links_of("open/made"), 1);
	equals(readlink("open/made", target, sizeof(target)), 6);
	check(memcmp(target, "target", 6) == 0);
	must(chown("open", 0, EXTRA_GROUP));
	must(chmod("open", 02777));
	as(USER, GROUP, succeeds(make_link("open/second")));
	equals(gid_of("open/second"), EXTRA_GROUP);
	watch("open", MTIME | CTIME);
	timed(succeeds(make_link("open/third")));
	watch("open", 0);
	watch("open/third", 0);
	timed(fails(make_link("open/third"), EEXIST));
	for (enum type there = 0; there < TYPES; there++) {
		make(there, "there");
		context("%s", type_name(there));
		fails(make_link("there"), EEXIST);
		equals(format_of("there"), type_mode(there));
		remove_tree("there");
	}
	context("%s", "");
	fails(make_link("."), EEXIST);
	fails(make_link(".."), EEXIST);
	fails(make_link("/"), EEXIST);
}
