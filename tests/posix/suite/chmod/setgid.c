#include "../suite.h"

/* POSIX: the bit goes if the caller is not in the file's group; for directories, too, as Linux has it. */
static void set_group_id(enum type type)
{
	context("%s", type_name(type));
	make_for(type, "file", USER, GROUP);
	as(USER, GROUP, succeeds(chmod("file", 02755)));
	equals(mode_of("file"), 02755);
	must(chown("file", USER, OTHER_GROUP));
	must(chmod("file", 0755));
	as(USER, GROUP, succeeds(chmod("file", 02755)));
	equals(mode_of("file"), 0755);
	as(USER, GROUP, succeeds(chmod("file", 06755)));
	equals(mode_of("file"), 04755);
	as_member(USER, GROUP, OTHER_GROUP, succeeds(chmod("file", 02755)));
	equals(mode_of("file"), 02755);
	as_member(USER, GROUP, EXTRA_GROUP, succeeds(chmod("file", 02775)));
	equals(mode_of("file"), 0775);
	succeeds(chmod("file", 02755));
	equals(mode_of("file"), 02755);
	remove_tree("file");
}

RULE("the set-group-ID bit is for members of the group")
{
	set_group_id(REGULAR);
	set_group_id(DIRECTORY);
	set_group_id(FIFO);
}
