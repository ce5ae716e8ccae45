#include "../suite.h"

#include <signal.h>
#include <sys/resource.h>

RULE("RLIMIT_FSIZE: EFBIG and SIGXFSZ for truncate and write; sizes that no file can have")
{
	struct rlimit limit = {.rlim_cur = 10000, .rlim_max = 10000};
	char bytes[4096] = "";

	make(REGULAR, "file");
	int file = open("file", O_RDWR);
	must(file);
	fails(ftruncate(file, INT64_MAX), EFBIG);
	fails(truncate("file", INT64_MAX), EFBIG);
	fails(pwrite(file, bytes, 2, INT64_MAX - 1), EFBIG);
	fails(pwrite(file, bytes, 1, -1), EINVAL);
	equals(size_of("file"), 0);
	signal(SIGXFSZ, SIG_IGN);
	must(setrlimit(RLIMIT_FSIZE, &limit));
	succeeds(ftruncate(file, 10000));
	fails(ftruncate(file, 10001), EFBIG);
	fails(truncate("file", 20000), EFBIG);
	equals(size_of("file"), 10000);
	equals(pwrite(file, bytes, 4096, 8000), 2000);
	fails(pwrite(file, bytes, 1, 10000), EFBIG);
	fails(pwrite(file, bytes, 1, 100000), EFBIG);
	equals(pwrite(file, bytes, 0, 100000), 0);
	equals(posix_fallocate(file, 0, 20000), EFBIG);
	equals(size_of("file"), 10000);
}
