#include "../suite.h"

RULE("a file larger than the filesystem may have holes; room is asked for where it is written")
{
	int file = open("sparse", O_RDWR | O_CREAT, 0644);

	must(file);
	succeeds(ftruncate(file, 1ll << 34));
	equals(pwrite(file, "a", 1, 1ll << 33), 1);
	equals(pwrite(file, "b", 1, (1ll << 34) - 1), 1);
	equals(size_of("sparse"), 1ll << 34);
	check(blocks_of("sparse") <= 64);
	equals(lseek(file, 0, SEEK_DATA), 1ll << 33);
	equals(posix_fallocate(file, 0, 1ll << 32), ENOSPC);
	equals(size_of("sparse"), 1ll << 34);
	char byte;
	equals(pread(file, &byte, 1, 1ll << 33), 1);
	equals(byte, 'a');
	succeeds(unlink("sparse"));
}
