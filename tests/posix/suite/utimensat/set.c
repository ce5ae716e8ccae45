#include "../suite.h"

static int set(const char *path, long long atime, long atime_ns, long long mtime, long mtime_ns)
{
	const struct timespec times[2] = {{atime, atime_ns}, {mtime, mtime_ns}};

	return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

RULE("times in nanoseconds, before 1970 and far ahead, for every type")
{
	static const long long seconds[] = {0,		 1,	     -1,	 1000000000,
					    2147483647,	 2147483648, 4294967295, 4294967296,
					    -2147483647, 7258118400, 13000000000};

	for (enum type type = 0; type < TYPES; type++) {
		make(type, "file");
		for (unsigned i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
			long long other = seconds[sizeof(seconds) / sizeof(*seconds) - 1 - i];
			struct stat status;
			context("%s, %lld, %lld", type_name(type), seconds[i], other);
			succeeds(set("file", seconds[i], 0, other, 999999999));
			must(lstat("file", &status));
			equals(status.st_atim.tv_sec, seconds[i]);
			equals(status.st_atim.tv_nsec, 0);
			equals(status.st_mtim.tv_sec, other);
			equals(status.st_mtim.tv_nsec, 999999999);
		}
		remove_tree("file");
	}
}
