#include "../suite.h"

#include <sys/xattr.h>

/* VFS_CAP_REVISION_2 with CAP_NET_RAW permitted */
static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

static void gone(const char *what)
{
	char value[64];

	context("%s", what);
	fails(getxattr("file", "security.capability", value, sizeof(value)), ENODATA);
	context("%s", "");
}

static void given(void)
{
	must(setxattr("file", "security.capability", capability, sizeof(capability), 0));
}

RULE("file capabilities go with chown, write and truncate")
{
	char value[64];

	make_file("file", 0777, 0, 0, "contents");
	given();
	equals(getxattr("file", "security.capability", value, sizeof(value)), 20);
	check(memcmp(value, capability, 20) == 0);
	succeeds(chmod("file", 0755));
	equals(getxattr("file", "security.capability", value, sizeof(value)), 20);
	succeeds(chown("file", 1, 1));
	gone("chown");
	given();
	int file = open("file", O_WRONLY);
	must(file);
	equals(write(file, "new", 3), 3);
	gone("write");
	given();
	succeeds(ftruncate(file, 5));
	gone("ftruncate");
	given();
	succeeds(truncate("file", 4));
	gone("truncate");
	given();
	must(close(file));
	file = open("file", O_WRONLY | O_TRUNC);
	must(file);
	gone("O_TRUNC");
	given();
	must(fsync(file));
	equals(getxattr("file", "security.capability", value, sizeof(value)), 20);
	must(setxattr("file", "user.other", "kept", 4, 0));
	equals(write(file, "new", 3), 3);
	gone("write beside another attribute");
	equals(getxattr("file", "user.other", value, sizeof(value)), 4);
}
