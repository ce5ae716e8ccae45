#include "acl.h"

#include <unistd.h>

/* Reading and writing with the permissions expected, by opening. */
static void allowed(unsigned bits)
{
	int file;

	gives(file = open("file", O_RDONLY), bits & 4 ? 0 : EACCES);
	if (file >= 0)
		close(file);
	gives(file = open("file", O_WRONLY), bits & 2 ? 0 : EACCES);
	if (file >= 0)
		close(file);
	gives(file = open("file", O_RDWR), (bits & 6) == 6 ? 0 : EACCES);
	if (file >= 0)
		close(file);
	gives(access("file", X_OK), bits & 1 ? 0 : EACCES);
}

static void set(const char *format, unsigned bits, unsigned mask)
{
	static const char *const names[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};
	char text[256];

	snprintf(text, sizeof(text), format, names[bits], names[mask]);
	must(acl_set("file", ACCESS, text));
	context("%s", text);
}

RULE(
    "permissions: owner, then named user, then groups, then others; the mask bounds all but owner and others")
{
	static const unsigned some[] = {0, 1, 2, 4, 6, 7};

	make_file("file", 0600, 0, 0, "");
	for (unsigned i = 0; i < 6; i++) {
		/* Linux looks at no ACL whose mask grants nothing. */
		for (unsigned j = 1; j < 6; j++) {
			/* a named user gets no more than that from elsewhere */
			set("u::rwx,u:65534:%s,g::rwx,m::%s,o::rwx", some[i], some[j]);
			as(USER, OTHER_GROUP, allowed(some[i] & some[j]));
			set("u::rwx,g::---,g:65534:%s,m::%s,o::rwx", some[i], some[j]);
			as(USER, GROUP, allowed(some[i] & some[j]));
			as_member(USER, OTHER_GROUP, GROUP, allowed(some[i] & some[j]));
			as(USER, OTHER_GROUP, allowed(7));
		}
	}
	/* one of the groups is enough, but it has to grant all that is asked for */
	must(acl_set("file", ACCESS, "u::rwx,g::---,g:65532:-w-,g:65533:r--,m::rwx,o::rwx"));
	context("two groups");
	as_member(USER, OTHER_GROUP, EXTRA_GROUP, {
		int file = open("file", O_RDONLY);
		check(file >= 0);
		close(file);
		file = open("file", O_WRONLY);
		check(file >= 0);
		close(file);
		fails(open("file", O_RDWR), EACCES);
	});
	/* the owner's entry is not bounded, and is the only one for the owner */
	context("owner");
	must(chown("file", USER, GROUP));
	must(acl_set("file", ACCESS, "u::r--,u:65534:rwx,g::rwx,m::--x,o::rwx"));
	as(USER, GROUP, allowed(4));
	as(OTHER_USER, GROUP, allowed(1));
	as(OTHER_USER, OTHER_GROUP, allowed(7));
	context("chmod");
	must(acl_set("file", ACCESS, "u::rwx,u:65533:rwx,g::rwx,m::rwx,o::---"));
	as(OTHER_USER, OTHER_GROUP, allowed(7));
	must(chmod("file", 0740));
	as(OTHER_USER, OTHER_GROUP, allowed(4));
	must(chmod("file", 0700));
	as(OTHER_USER, OTHER_GROUP, allowed(0));
	must(chmod("file", 0770));
	as(OTHER_USER, OTHER_GROUP, allowed(7));
	context("removed");
	must(removexattr("file", ACCESS));
	as(OTHER_USER, OTHER_GROUP, allowed(0));
	as(OTHER_USER, GROUP, allowed(7));
}
