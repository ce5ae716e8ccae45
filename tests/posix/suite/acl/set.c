#include "acl.h"

RULE("an access ACL becomes the mode, the group's permissions being the mask; one that the mode says is none")
{
	char bytes[64];

	make_file("file", 0600, USER, GROUP, "");
	equals(getxattr("file", ACCESS, bytes, sizeof(bytes)), -1);
	equals(errno, ENODATA);
	succeeds(acl_set("file", ACCESS, "u::rwx,u:65533:rw-,g::r--,m::rw-,o::--x"));
	equals(mode_of("file"), 0761);
	acl_is("file", ACCESS, "u::rwx,u:65533:rw-,g::r--,m::rw-,o::--x");
	equals(getxattr("file", ACCESS, NULL, 0), 44);
	fails(getxattr("file", ACCESS, bytes, 43), ERANGE);
	equals(getxattr("file", ACCESS, bytes, 44), 44);
	/* a mask without named entries */
	succeeds(acl_set("file", ACCESS, "u::rw-,g::rwx,m::r--,o::---"));
	equals(mode_of("file"), 0640);
	acl_is("file", ACCESS, "u::rw-,g::rwx,m::r--,o::---");
	succeeds(acl_set("file", ACCESS, "u::rwx,g::r-x,o::r--"));
	equals(mode_of("file"), 0754);
	acl_is("file", ACCESS, "");
	/* set-id bits and the sticky bit stay */
	must(chmod("file", 07600));
	succeeds(acl_set("file", ACCESS, "u::rw-,u:0:r--,g::---,m::r--,o::---"));
	equals(mode_of("file"), 07640);
	succeeds(acl_set("file", ACCESS, "u::r--,g::---,o::---"));
	equals(mode_of("file"), 07400);
	/* flags of setxattr mean nothing for ACLs */
	make_directory("directory", 0700, USER, GROUP);
	succeeds(acl_set("directory", DEFAULT, "u::rwx,g::r-x,o::---"));
	acl_is("directory", DEFAULT, "u::rwx,g::r-x,o::---");
	acl_is("directory", ACCESS, "");
	equals(mode_of("directory"), 0700);
	fails(acl_set("file", DEFAULT, "u::rwx,g::r-x,o::---"), EACCES);
	must(mkfifo("pipe", 0600));
	succeeds(acl_set("pipe", ACCESS, "u::rw-,u:65533:rw-,g::---,m::rw-,o::---"));
	equals(mode_of("pipe"), 0660);
	fails(acl_set("pipe", DEFAULT, "u::rwx,g::r-x,o::---"), EACCES);
	must(symlink("nowhere", "link"));
	fails(lsetxattr("link", ACCESS, bytes, 44, 0), EOPNOTSUPP);
	fails(lgetxattr("link", ACCESS, bytes, 64), EOPNOTSUPP);
}
