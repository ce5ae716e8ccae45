#include "acl.h"

static size_t fill_acl(struct acl_bytes *acl, unsigned named)
{
	char *text = malloc(64 + 20 * named), *to = text;
	size_t length;

	to += sprintf(to, "u::rwx,");
	for (unsigned i = 0; i < named; i++)
		to += sprintf(to, "u:%u:r-x,", 100000 + i);
	sprintf(to, "g::r--,m::rwx,o::--x");
	length = acl_parse(text, acl);
	free(text);
	return length;
}

RULE("ACLs of many entries: set, read, inherited, changed by chmod, shrunk, removed")
{
	static const unsigned counts[] = {1, 50, 60, 61, 200, 300, 400};
	struct acl_bytes acl, seen;

	make_directory("directory", 0755, USER, GROUP);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		size_t length = fill_acl(&acl, counts[i]);
		context("%u named users", counts[i]);
		succeeds(setxattr("directory", ACCESS, &acl, length, 0));
		succeeds(setxattr("directory", DEFAULT, &acl, length, 0));
		equals(getxattr("directory", ACCESS, &seen, sizeof(seen)), (long long)length);
		check(!memcmp(&seen, &acl, length));
		equals(getxattr("directory", DEFAULT, &seen, sizeof(seen)), (long long)length);
		check(!memcmp(&seen, &acl, length));
		succeeds(mkdir("directory/new", 0777));
		equals(getxattr("directory/new", ACCESS, &seen, sizeof(seen)), (long long)length);
		check(!memcmp(&seen, &acl, length));
		equals(getxattr("directory/new", DEFAULT, &seen, sizeof(seen)), (long long)length);
		check(!memcmp(&seen, &acl, length));
		succeeds(chmod("directory/new", 0700));
		equals(getxattr("directory/new", ACCESS, &seen, sizeof(seen)), (long long)length);
		equals(seen.entries[counts[i] + 2].bits, 0);
		succeeds(rmdir("directory/new"));
	}
	context("%s", "");
	succeeds(acl_set("directory", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---"));
	acl_is("directory", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::---");
	succeeds(removexattr("directory", DEFAULT));
	succeeds(acl_set("directory", ACCESS, "u::rwx,g::r-x,o::---"));
	equals(listxattr("directory", NULL, 0), 0);
}
