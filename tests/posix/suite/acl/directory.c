#include "acl.h"

RULE("in directories: search, make, remove and list by named entries")
{
	make_directory("directory", 0700, 0, 0);
	make_file("directory/file", 0644, 0, 0, "text");
	as(USER, GROUP, fails(access("directory/file", F_OK), EACCES));
	must(acl_set("directory", ACCESS, "u::rwx,u:65534:--x,g::---,m::rwx,o::---"));
	as(USER, GROUP, succeeds(access("directory/file", F_OK)));
	as(USER, GROUP, fails(open("directory", O_RDONLY | O_DIRECTORY), EACCES));
	as(USER, GROUP, fails(mkdir("directory/new", 0755), EACCES));
	as(USER, GROUP, fails(unlink("directory/file"), EACCES));
	as(OTHER_USER, GROUP, fails(access("directory/file", F_OK), EACCES));
	must(acl_set("directory", ACCESS, "u::rwx,u:65534:-wx,g::---,m::rwx,o::---"));
	as(USER, GROUP, succeeds(mkdir("directory/new", 0755)));
	as(USER, GROUP, succeeds(rename("directory/new", "directory/other")));
	as(USER, GROUP, succeeds(rmdir("directory/other")));
	as(USER, GROUP, succeeds(unlink("directory/file")));
	must(acl_set("directory", ACCESS, "u::rwx,u:65534:rwx,g::---,m::r-x,o::---"));
	as(USER, GROUP, fails(mkdir("directory/new", 0755), EACCES));
	as(USER, GROUP, {
		int directory = open("directory", O_RDONLY | O_DIRECTORY);
		check(directory >= 0);
		close(directory);
	});
	/* sticky */
	must(chmod("directory", 01770));
	make_file("directory/mine", 0644, 0, 0, "");
	as(USER, GROUP, fails(unlink("directory/mine"), EPERM));
}
