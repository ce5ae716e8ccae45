#include "../suite.h"

RULE("the mode given to open counts later, not for the descriptor it makes")
{
	int file;

	make_directory("open", 0777, 0, 0);
	become(USER, GROUP, 0);
	check((file = open("open/none", O_RDWR | O_CREAT | O_EXCL, 0)) >= 0);
	equals(write(file, "text", 4), 4);
	char text[4];
	equals(pread(file, text, 4, 0), 4);
	fails(open("open/none", O_RDONLY), EACCES);
	fails(open("open/none", O_RDWR | O_CREAT, 0666), EACCES);
	must(close(file));
	check((file = open("open/read-only", O_WRONLY | O_CREAT, 0444)) >= 0);
	equals(write(file, "text", 4), 4);
	fails(open("open/read-only", O_WRONLY | O_CREAT, 0666), EACCES);
	become_root();
	equals(mode_of("open/none"), 0);
	equals(mode_of("open/read-only"), 0444);
	check(holds_text("open/read-only", "text"));
	/* set-id bits */
	check((file = open("open/set", O_WRONLY | O_CREAT, 07755)) >= 0);
	equals(mode_of("open/set"), 07755);
	/* in a set-group-ID directory of a group that the user is not in, the bit is not given */
	make_directory("group", 02777, 0, EXTRA_GROUP);
	become(USER, GROUP, 0);
	check((file = open("group/set", O_WRONLY | O_CREAT, 02775)) >= 0);
	become(USER, GROUP, EXTRA_GROUP);
	check((file = open("group/member", O_WRONLY | O_CREAT, 02775)) >= 0);
	become_root();
	equals(mode_of("group/set"), 0775);
	equals(gid_of("group/set"), EXTRA_GROUP);
	equals(mode_of("group/member"), 02775);
	equals(gid_of("group/member"), EXTRA_GROUP);
}
