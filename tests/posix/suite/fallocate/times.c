#include "../suite.h"

RULE("fallocate moves mtime and ctime, even where contents and size stay")
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
	int file = open("file", O_RDWR | O_CREAT, 0644);

	must(file);
	must(ftruncate(file, 100000));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		context("mode %d", modes[i]);
		watch("file", MTIME | CTIME);
		timed(succeeds(fallocate(file, modes[i], 4096, 8192)));
	}
}
