#include "../suite.h"

#define SIZE  10000 /* two blocks and a part of a third */
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static int file;

static void start(const char *what)
{
	context("%s", what);
	must(ftruncate(file, 0));
	fill(file, 0, SIZE, 'x');
	must(fsync(file));
	equals(blocks_of("file"), 24);
}

RULE("a hole that takes all that the file has in its last block frees that block")
{
	file = open("file", O_RDWR | O_CREAT, 0644);
	must(file);
	/* one up to the very end frees it on mmfs only: tests/unit/test_fallocate.c */
	start("past the end");
	succeeds(fallocate(file, PUNCH, 4096, SIZE - 4096 + 1));
	equals(blocks_of("file"), 8);
	equals(size_of("file"), SIZE);
	equals(lseek(file, 0, SEEK_HOLE), 4096);
	fails(lseek(file, 4096, SEEK_DATA), ENXIO);
	check(filled(file, 0, 4096, 'x'));
	check(filled(file, 4096, SIZE, 0));
	context("and grown again");
	must(ftruncate(file, 20000));
	check(filled(file, 4096, 20000, 0));
	equals(blocks_of("file"), 8);
	start("past the end, within the block");
	succeeds(fallocate(file, PUNCH, 8192, 3000));
	equals(blocks_of("file"), 16);
	start("far past the end");
	succeeds(fallocate(file, PUNCH, 0, 1 << 20));
	equals(blocks_of("file"), 0);
	start("but for one byte");
	succeeds(fallocate(file, PUNCH, 4096, SIZE - 4096 - 1));
	equals(blocks_of("file"), 16);
	check(filled(file, SIZE - 1, SIZE, 'x'));
	check(filled(file, 4096, SIZE - 1, 0));
	start("but for the first byte of the block");
	succeeds(fallocate(file, PUNCH, 8193, SIZE));
	equals(blocks_of("file"), 24);
	check(filled(file, 8192, 8193, 'x'));
	check(filled(file, 8193, SIZE, 0));
}
