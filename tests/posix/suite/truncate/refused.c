#include "../suite.h"

RULE("what cannot be truncated")
{
	make_file("file", 0644, USER, GROUP, "contents");
	fails(truncate("file", -1), EINVAL);
	fails(truncate("file", INT64_MIN), EINVAL);
	for (enum type type = 0; type < TYPES; type++) {
		if (type == REGULAR || type == SYMLINK)
			continue;
		make(type, "entry");
		context("%s", type_name(type));
		gives(truncate("entry", 0), type == DIRECTORY ? EISDIR : EINVAL);
		gives(truncate("entry", 100), type == DIRECTORY ? EISDIR : EINVAL);
		remove_tree("entry");
	}
	context("%s", "");
	as(OTHER_USER, OTHER_GROUP, fails(truncate("file", 0), EACCES));
	must(chmod("file", 0444));
	as(USER, GROUP, fails(truncate("file", 0), EACCES));
	must(chmod("file", 0200));
	as(USER, GROUP, succeeds(truncate("file", 4)));
	int file = open("file", O_RDWR);
	must(file);
	fails(ftruncate(file, -1), EINVAL);
	fails(ftruncate(-1, 0), EBADF);
	equals(size_of("file"), 4);
	/* An open descriptor is enough, whatever the mode. */
	must(chmod("file", 0));
	as(USER, GROUP, succeeds(ftruncate(file, 2)));
	as(OTHER_USER, OTHER_GROUP, succeeds(ftruncate(file, 1)));
	equals(size_of("file"), 1);
	make(FIFO, "fifo");
	int fifo = open("fifo", O_RDWR);
	must(fifo);
	fails(ftruncate(fifo, 0), EINVAL);
}
