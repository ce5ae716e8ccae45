#include "../suite.h"

RULE("a write moves mtime and ctime; one of nothing, a failed one and a read do not")
{
	char byte;

	make_file("file", 0644, 0, 0, "contents");
	int file = open("file", O_RDWR), reader = open("file", O_RDONLY);
	must(file);
	must(reader);
	watch("file", MTIME | CTIME);
	watch(".", 0);
	timed(equals(write(file, "new", 3), 3));
	watch("file", MTIME | CTIME);
	timed(equals(pwrite(file, "more", 4, 100000), 4));
	watch("file", 0);
	timed(equals(write(file, "", 0), 0));
	watch("file", 0);
	timed(fails(write(reader, "x", 1), EBADF));
	watch("file", 0);
	timed(equals(pread(file, &byte, 1, 0), 1));
	watch("file", 0);
	timed(succeeds(fsync(file)));
	watch("file", 0);
	timed(succeeds(close(file)));
}
