#include "acl.h"

RULE("a whiteout has from its directory what any device has")
{
	make_for(DIRECTORY, "directory", USER, GROUP);
	must(acl_set("directory", DEFAULT, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::r--"));
	make(REGULAR, "directory/old");
	succeeds(renameat2(AT_FDCWD, "directory/old", AT_FDCWD, "new", RENAME_WHITEOUT));
	equals(format_of("directory/old"), S_IFCHR);
	equals(mode_of("directory/old"), 0);
	check(!strcmp(acl_of("directory/old", ACCESS), "u::---,u:65533:rwx,g::r-x,m::---,o::---"));
	check(!strcmp(acl_of("directory/old", DEFAULT), ""));
	context("over another");
	make(REGULAR, "directory/again");
	succeeds(renameat2(AT_FDCWD, "directory/again", AT_FDCWD, "new", RENAME_WHITEOUT));
	check(!strcmp(acl_of("directory/again", ACCESS), "u::---,u:65533:rwx,g::r-x,m::---,o::---"));
	context("without a default ACL");
	must(removexattr("directory", DEFAULT));
	make(REGULAR, "directory/third");
	succeeds(renameat2(AT_FDCWD, "directory/third", AT_FDCWD, "new", RENAME_WHITEOUT));
	check(!strcmp(acl_of("directory/third", ACCESS), ""));
}
