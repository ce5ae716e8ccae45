#include "../suite.h"

#include <sys/xattr.h>

/* VFS_CAP_REVISION_2 with CAP_NET_RAW permitted */
static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

RULE("a chown of neither owner nor group moves ctime, whoever calls")
{
	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		watch("file", CTIME);
		timed(succeeds(lchown("file", (uid_t)-1, (gid_t)-1)));
		watch("file", CTIME);
		timed(as(USER, GROUP, succeeds(lchown("file", (uid_t)-1, (gid_t)-1))));
		watch("file", CTIME);
		timed(as(OTHER_USER, OTHER_GROUP, succeeds(lchown("file", (uid_t)-1, (gid_t)-1))));
		remove_tree("file");
	}
	context("a directory's capability stays");
	make(DIRECTORY, "directory");
	must(setxattr("directory", "security.capability", capability, sizeof(capability), 0));
	succeeds(chown("directory", (uid_t)-1, (gid_t)-1));
	equals(getxattr("directory", "security.capability", NULL, 0), 20);
	succeeds(chown("directory", USER, GROUP));
	equals(getxattr("directory", "security.capability", NULL, 0), 20);
}
