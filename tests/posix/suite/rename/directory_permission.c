#include "../suite.h"

RULE("moving a directory to another parent needs permission to write to it")
{
	make_directory("a", 0777, 0, 0);
	make_directory("b", 0777, 0, 0);
	make_directory("a/directory", 0755, OTHER_USER, OTHER_GROUP);
	as(USER, GROUP, fails(rename("a/directory", "b/directory"), EACCES));
	as(USER, GROUP, succeeds(rename("a/directory", "a/renamed")));
	must(chmod("a/renamed", 0757));
	as(USER, GROUP, succeeds(rename("a/renamed", "b/directory")));
	must(chmod("b/directory", 0555));
	as(OTHER_USER, OTHER_GROUP, fails(rename("b/directory", "a/directory"), EACCES));
	must(chmod("b/directory", 0755));
	as(OTHER_USER, OTHER_GROUP, succeeds(rename("b/directory", "a/directory")));
	/* What is replaced need not be writable, but must be empty. */
	make_directory("b/empty", 0, 0, 0);
	as(OTHER_USER, OTHER_GROUP, succeeds(rename("a/directory", "b/empty")));
	equals(uid_of("b/empty"), OTHER_USER);
	make_directory("closed", 0755, 0, 0);
	as(OTHER_USER, OTHER_GROUP, fails(rename("b/empty", "closed/new"), EACCES));
	as(OTHER_USER, OTHER_GROUP, fails(rename("b/empty", "b/missing/new"), ENOENT));
}
