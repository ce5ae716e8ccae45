#include "acl.h"

RULE("only the owner and root set ACLs; everybody may read them")
{
	const char *text = "u::rwx,u:65533:rwx,g::rwx,m::rwx,o::rwx";

	make_directory("directory", 0777, USER, GROUP);
	as(USER, GROUP, succeeds(acl_set("directory", ACCESS, text)));
	as(USER, GROUP, succeeds(acl_set("directory", DEFAULT, text)));
	as(OTHER_USER, OTHER_GROUP, fails(acl_set("directory", ACCESS, text), EPERM));
	as(OTHER_USER, OTHER_GROUP, fails(acl_set("directory", DEFAULT, text), EPERM));
	as(OTHER_USER, GROUP, fails(acl_set("directory", ACCESS, text), EPERM));
	as(OTHER_USER, OTHER_GROUP, fails(removexattr("directory", ACCESS), EPERM));
	as(OTHER_USER, OTHER_GROUP, acl_is("directory", ACCESS, "u::rwx,u:65533:rwx,g::rwx,m::rwx,o::rwx"));
	as(OTHER_USER, OTHER_GROUP, acl_is("directory", DEFAULT, "u::rwx,u:65533:rwx,g::rwx,m::rwx,o::rwx"));
	must(chmod("directory", 0));
	as(OTHER_USER, OTHER_GROUP, acl_is("directory", ACCESS, "u::---,u:65533:rwx,g::rwx,m::---,o::---"));
	/* ctime moves, others do not */
	make_file("file", 0600, USER, GROUP, "text");
	watch("file", CTIME);
	timed(succeeds(acl_set("file", ACCESS, text)));
	watch("file", CTIME);
	timed(succeeds(acl_set("file", ACCESS, "u::rw-,g::r--,o::---")));
	watch("file", 0);
	timed(fails(acl_set("file", ACCESS, "u::rw-,g::r--"), EINVAL));
	check(holds_text("file", "text"));
}
