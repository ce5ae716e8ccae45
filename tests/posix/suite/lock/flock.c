#include "../suite.h"

#include <sys/file.h>

/* In another process: may it have the lock? 0 or errno. */
static int try_flock(void *operation)
{
	int file = open("file", O_RDONLY);

	return flock(file, *(int *)operation | LOCK_NB) ? errno : 0;
}

static int other(int operation)
{
	return in_child(try_flock, &operation);
}

RULE("flock: shared and exclusive, by open file, given up at close")
{
	make(REGULAR, "file");
	int file = open("file", O_RDONLY), copy = dup(file), second = open("file", O_RDWR);
	must(file);
	must(copy);
	must(second);
	succeeds(flock(file, LOCK_SH));
	equals(other(LOCK_SH), 0);
	equals(other(LOCK_EX), EWOULDBLOCK);
	succeeds(flock(second, LOCK_SH | LOCK_NB));
	fails(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	succeeds(flock(second, LOCK_UN));
	succeeds(flock(file, LOCK_EX | LOCK_NB));
	equals(other(LOCK_SH), EWOULDBLOCK);
	fails(flock(second, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	succeeds(flock(copy, LOCK_EX | LOCK_NB));
	must(close(file));
	equals(other(LOCK_SH), EWOULDBLOCK);
	must(close(copy));
	equals(other(LOCK_EX), 0);
	succeeds(flock(second, LOCK_EX));
	must(rename("file", "renamed"));
	make(REGULAR, "file");
	equals(other(LOCK_EX), 0);
	fails(flock(second, 0), EINVAL);
	fails(flock(-1, LOCK_SH), EBADF);
	make(DIRECTORY, "directory");
	int directory = open("directory", O_RDONLY);
	must(directory);
	succeeds(flock(directory, LOCK_EX));
}
