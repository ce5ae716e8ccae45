#include "../suite.h"

static void opens(int flags, int error)
{
	int file;

	gives(file = open("file", flags), error);
	if (file >= 0)
		close(file);
}

RULE("a new mode counts at once, but not for descriptors that are open")
{
	char byte;

	make_file("file", 0600, USER, GROUP, "text");
	become(USER, GROUP, 0);
	int file = open("file", O_RDWR);
	check(file >= 0);
	succeeds(chmod("file", 0));
	opens(O_RDONLY, EACCES);
	opens(O_WRONLY, EACCES);
	equals(pread(file, &byte, 1, 0), 1);
	equals(pwrite(file, "T", 1, 0), 1);
	succeeds(chmod("file", 0400));
	opens(O_RDONLY, 0);
	opens(O_WRONLY, EACCES);
	succeeds(chmod("file", 0200));
	opens(O_RDONLY, EACCES);
	opens(O_WRONLY, 0);
	become_root();
	opens(O_RDWR, 0);
}
