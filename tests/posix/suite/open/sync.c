#include "../suite.h"

static void written(const char *what, int flags)
{
	char text[8];
	int file = open(what, O_RDWR | O_CREAT | flags, 0644);

	context("%s", what);
	check(file >= 0);
	equals(write(file, "one", 3), 3);
	equals(pwrite(file, "two", 3, 10000), 3);
	equals(write(file, "", 0), 0);
	equals(pread(file, text, 3, 10000), 3);
	check(memcmp(text, "two", 3) == 0);
	succeeds(fsync(file));
	succeeds(fdatasync(file));
	equals(size_of(what), 10003);
	must(close(file));
}

RULE("O_SYNC and O_DSYNC; fsync, fdatasync, sync_file_range, syncfs of anything")
{
	written("plain", 0);
	written("O_SYNC", O_SYNC);
	written("O_DSYNC", O_DSYNC);
	context("%s", "");
	int file = open("plain", O_RDONLY), here = open(".", O_RDONLY);
	must(file);
	must(here);
	succeeds(fsync(file));
	succeeds(fdatasync(file));
	succeeds(sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE));
	succeeds(syncfs(file));
	succeeds(fsync(here));
	succeeds(syncfs(here));
	make(FIFO, "fifo");
	int fifo = open("fifo", O_RDWR);
	must(fifo);
	fails(fsync(fifo), EINVAL);
	fails(fsync(-1), EBADF);
}
