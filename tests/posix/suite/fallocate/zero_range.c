#include "../suite.h"

#define LENGTH (1 << 20)

static int file;

static void start(const char *what)
{
	context("%s", what);
	must(ftruncate(file, 0));
	fill(file, 0, LENGTH, 'x');
}

RULE("ZERO_RANGE, with and without KEEP_SIZE")
{
	file = open("file", O_RDWR | O_CREAT, 0644);
	must(file);
	start("within");
	succeeds(fallocate(file, FALLOC_FL_ZERO_RANGE, 1000, 100000));
	equals(size_of("file"), LENGTH);
	check(filled(file, 0, 1000, 'x'));
	check(filled(file, 1000, 101000, 0));
	check(filled(file, 101000, LENGTH, 'x'));
	check(blocks_of("file") >= LENGTH / 512);
	start("over the end");
	succeeds(fallocate(file, FALLOC_FL_ZERO_RANGE, LENGTH - 1000, 10000));
	equals(size_of("file"), LENGTH + 9000);
	check(filled(file, 0, LENGTH - 1000, 'x'));
	check(filled(file, LENGTH - 1000, LENGTH + 9000, 0));
	start("over the end, size kept");
	succeeds(fallocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, LENGTH - 1000, 10000));
	equals(size_of("file"), LENGTH);
	check(filled(file, LENGTH - 1000, LENGTH, 0));
	start("within a block");
	succeeds(fallocate(file, FALLOC_FL_ZERO_RANGE, 5000, 100));
	check(filled(file, 4096, 5000, 'x'));
	check(filled(file, 5000, 5100, 0));
	check(filled(file, 5100, 8192, 'x'));
	fill(file, 0, LENGTH, 'y');
	check(filled(file, 0, LENGTH, 'y'));
	watch("file", MTIME | CTIME);
	timed(succeeds(fallocate(file, FALLOC_FL_ZERO_RANGE, 0, 8192)));
}
