#include "acl.h"

RULE("removing: the mode stays as it is; what is not there can be removed too")
{
	char names[128];

	make_directory("directory", 0750, USER, GROUP);
	must(acl_set("directory", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---"));
	must(acl_set("directory", DEFAULT, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---"));
	equals(mode_of("directory"), 0770);
	equals(listxattr("directory", names, sizeof(names)), 24 + 25);
	succeeds(removexattr("directory", ACCESS));
	acl_is("directory", ACCESS, "");
	equals(mode_of("directory"), 0770);
	equals(listxattr("directory", names, sizeof(names)), 25);
	check(!strcmp(names, DEFAULT));
	succeeds(removexattr("directory", ACCESS));
	as(OTHER_USER, OTHER_GROUP, fails(removexattr("directory", DEFAULT), EPERM));
	as(USER, GROUP, succeeds(removexattr("directory", DEFAULT)));
	acl_is("directory", DEFAULT, "");
	equals(listxattr("directory", names, sizeof(names)), 0);
	succeeds(removexattr("directory", DEFAULT));
	/* an ACL without entries is none */
	must(acl_set("directory", DEFAULT, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---"));
	succeeds(acl_set("directory", DEFAULT, ""));
	acl_is("directory", DEFAULT, "");
	must(acl_set("directory", DEFAULT, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---"));
	succeeds(setxattr("directory", DEFAULT, NULL, 0, 0));
	acl_is("directory", DEFAULT, "");
	make_file("file", 0600, USER, GROUP, "");
	succeeds(removexattr("file", DEFAULT));
}
