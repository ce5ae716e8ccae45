#include "../suite.h"

#include <time.h>

static struct stat status;

static int set(long atime_ns, long mtime_ns)
{
	const struct timespec times[2] = {{500, atime_ns}, {600, mtime_ns}};
	int result = utimensat(AT_FDCWD, "file", times, 0);

	must(stat("file", &status));
	return result;
}

static bool recent(struct timespec when)
{
	return llabs((long long)time(NULL) - when.tv_sec) < 100;
}

RULE("UTIME_NOW and UTIME_OMIT, each alone and together; NULL")
{
	make(REGULAR, "file");
	must(set(1, 2));
	equals(status.st_atim.tv_sec, 500);
	equals(status.st_mtim.tv_nsec, 2);
	succeeds(set(UTIME_OMIT, 7));
	equals(status.st_atim.tv_sec, 500);
	equals(status.st_atim.tv_nsec, 1);
	equals(status.st_mtim.tv_nsec, 7);
	succeeds(set(8, UTIME_OMIT));
	equals(status.st_atim.tv_nsec, 8);
	equals(status.st_mtim.tv_nsec, 7);
	succeeds(set(UTIME_OMIT, UTIME_NOW));
	equals(status.st_atim.tv_sec, 500);
	check(recent(status.st_mtim));
	must(set(1, 2));
	succeeds(set(UTIME_NOW, UTIME_OMIT));
	check(recent(status.st_atim));
	equals(status.st_mtim.tv_sec, 600);
	must(set(1, 2));
	succeeds(set(UTIME_NOW, UTIME_NOW));
	check(recent(status.st_atim));
	check(recent(status.st_mtim));
	must(set(1, 2));
	succeeds(set(UTIME_NOW, 3));
	check(recent(status.st_atim));
	equals(status.st_mtim.tv_nsec, 3);
	succeeds(set(4, UTIME_NOW));
	equals(status.st_atim.tv_nsec, 4);
	check(recent(status.st_mtim));
	must(set(1, 2));
	watch("file", 0);
	timed(succeeds(set(UTIME_OMIT, UTIME_OMIT)));
	equals(status.st_atim.tv_nsec, 1);
	succeeds(utimensat(AT_FDCWD, "file", NULL, 0));
	must(stat("file", &status));
	check(recent(status.st_atim));
	check(recent(status.st_mtim));
	fails(set(1000000000, 0), EINVAL);
	fails(set(0, 1000000000), EINVAL);
	fails(set(-1, 0), EINVAL);
}
