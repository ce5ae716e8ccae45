#include "acl.h"

static const char *const texts[] = {"u::rwx,u:65533:r-x,g::r-x,m::r-x,o::---", "u::rwx,g::r-x,o::---"};

RULE("setting an access ACL takes the set-group-ID bit unless the caller is in the group; a default ACL does "
     "not")
{
	for (unsigned i = 0; i < 2; i++) {
		context("%s", texts[i]);
		for (int directory = 0; directory < 2; directory++) {
			if (directory)
				make_directory("file", 0, USER, OTHER_GROUP);
			else
				make_file("file", 0, USER, OTHER_GROUP, "");
			must(chmod("file", 06750));
			as(USER, GROUP, succeeds(acl_set("file", ACCESS, texts[i])));
			equals(mode_of("file"), 04750);
			must(chmod("file", 06750));
			as_member(USER, GROUP, OTHER_GROUP, succeeds(acl_set("file", ACCESS, texts[i])));
			equals(mode_of("file"), 06750);
			as(USER, OTHER_GROUP, succeeds(acl_set("file", ACCESS, texts[i])));
			equals(mode_of("file"), 06750);
			succeeds(acl_set("file", ACCESS, texts[i]));
			equals(mode_of("file"), 06750);
			if (directory) {
				as(USER, GROUP, succeeds(acl_set("file", DEFAULT, texts[i])));
				equals(mode_of("file"), 06750);
			}
			as(USER, GROUP, succeeds(removexattr("file", ACCESS)));
			equals(mode_of("file"), 06750);
			remove_tree("file");
		}
	}
}
