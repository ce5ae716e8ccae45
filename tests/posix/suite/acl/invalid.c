#include "acl.h"

static void refused(const char *text)
{
	context("%s", text);
	fails(acl_set("directory", ACCESS, text), EINVAL);
	fails(acl_set("directory", DEFAULT, text), EINVAL);
}

RULE("what is not an ACL is refused, and changes nothing")
{
	struct acl_bytes acl;
	size_t length;

	make_directory("directory", 0750, USER, GROUP);
	must(acl_set("directory", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---"));
	refused("u::rwx");
	refused("u::rwx,g::rwx");
	refused("g::rwx,o::rwx");
	refused("u::rwx,o::rwx");
	refused("u::rwx,u::rwx,g::r-x,o::---");
	refused("u::rwx,g::r-x,g::r-x,o::---");
	refused("u::rwx,g::r-x,o::---,o::---");
	refused("u::rwx,g::r-x,m::rwx,m::rwx,o::---");
	refused("u::rwx,u:65533:rwx,g::r-x,o::---");
	refused("u::rwx,g::r-x,g:65533:rwx,o::---");
	refused("u:65533:rwx,u::rwx,g::r-x,m::rwx,o::---");
	refused("u::rwx,g::r-x,u:65533:rwx,m::rwx,o::---");
	refused("u::rwx,g:65533:rwx,g::r-x,m::rwx,o::---");
	refused("u::rwx,g::r-x,m::rwx,g:65533:rwx,o::---");
	refused("o::---,g::r-x,u::rwx");
	context("%s", "");
	length = acl_parse("u::rwx,g::r-x,o::---", &acl);
	fails(setxattr("directory", ACCESS, &acl, length - 1, 0), EINVAL);
	fails(setxattr("directory", ACCESS, &acl, length - 4, 0), EINVAL);
	fails(setxattr("directory", ACCESS, &acl, 3, 0), EINVAL);
	acl.version = 1;
	fails(setxattr("directory", ACCESS, &acl, length, 0), EOPNOTSUPP);
	acl.version = 2;
	acl.entries[1].bits = 8;
	fails(setxattr("directory", ACCESS, &acl, length, 0), EINVAL);
	acl.entries[1].bits = 0;
	acl.entries[1].tag = 64;
	fails(setxattr("directory", ACCESS, &acl, length, 0), EINVAL);
	acl.entries[1].tag = 0;
	fails(setxattr("directory", ACCESS, &acl, length, 0), EINVAL);
	acl_is("directory", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---");
	acl_is("directory", DEFAULT, "");
	equals(mode_of("directory"), 0770);
	fails(setxattr("directory", "system.posix_acl_other", &acl, length, 0), EOPNOTSUPP);
	fails(setxattr("missing", ACCESS, &acl, length, 0), ENOENT);
}
