#include "../suite.h"

#define LENGTH (1 << 20)

static int file;

static void start(const char *what)
{
	context("%s", what);
	must(ftruncate(file, 0));
	fill(file, 0, LENGTH, 'x');
}

RULE("KEEP_SIZE and PUNCH_HOLE")
{
	file = open("file", O_RDWR | O_CREAT, 0644);
	must(file);
	start("keep size");
	succeeds(fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 2 * LENGTH));
	equals(size_of("file"), LENGTH);
	check(blocks_of("file") >= 2 * LENGTH / 512);
	check(filled(file, 0, LENGTH, 'x'));
	must(ftruncate(file, 2 * LENGTH));
	check(filled(file, LENGTH, 2 * LENGTH, 0));
	start("punch whole blocks");
	succeeds(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65536, 131072));
	equals(size_of("file"), LENGTH);
	check(filled(file, 0, 65536, 'x'));
	check(filled(file, 65536, 65536 + 131072, 0));
	check(filled(file, 65536 + 131072, LENGTH, 'x'));
	equals(lseek(file, 0, SEEK_HOLE), 65536);
	equals(lseek(file, 65536, SEEK_DATA), 65536 + 131072);
	equals(blocks_of("file"), (LENGTH - 131072) / 512);
	start("punch parts of blocks");
	succeeds(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 10000));
	check(filled(file, 0, 1000, 'x'));
	check(filled(file, 1000, 11000, 0));
	check(filled(file, 11000, LENGTH, 'x'));
	equals(lseek(file, 0, SEEK_HOLE), 4096);
	start("punch within a block");
	succeeds(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000, 100));
	check(filled(file, 0, 5000, 'x'));
	check(filled(file, 5000, 5100, 0));
	check(filled(file, 5100, LENGTH, 'x'));
	start("punch over the end");
	succeeds(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, LENGTH - 8192, 1 << 30));
	equals(size_of("file"), LENGTH);
	check(filled(file, LENGTH - 8192, LENGTH, 0));
	start("punch all");
	succeeds(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LENGTH));
	equals(blocks_of("file"), 0);
	check(filled(file, 0, LENGTH, 0));
	fails(lseek(file, 0, SEEK_DATA), ENXIO);
	start("written again");
	must(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65536, 65536));
	fill(file, 70000, 80000, 'y');
	check(filled(file, 65536, 70000, 0));
	check(filled(file, 70000, 80000, 'y'));
	check(filled(file, 80000, 131072, 0));
	check(filled(file, 131072, LENGTH, 'x'));
	context("refused");
	fails(fallocate(file, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
	fails(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 0), EINVAL);
	fails(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, -1, 10), EINVAL);
	fails(fallocate(file, 0x4000, 0, 4096), EOPNOTSUPP);
	watch("file", MTIME | CTIME);
	timed(succeeds(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192)));
}
