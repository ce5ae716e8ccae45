#include "../suite.h"

#define STEP (1 << 20)

static void map_of_holes(int file)
{
	equals(lseek(file, 0, SEEK_HOLE), 0);
	equals(lseek(file, 0, SEEK_DATA), 2 * STEP);
	equals(lseek(file, 5, SEEK_DATA), 2 * STEP);
	equals(lseek(file, 2 * STEP, SEEK_DATA), 2 * STEP);
	equals(lseek(file, 2 * STEP + 5, SEEK_DATA), 2 * STEP + 5);
	equals(lseek(file, 2 * STEP, SEEK_HOLE), 3 * STEP);
	equals(lseek(file, 2 * STEP + 4097, SEEK_HOLE), 3 * STEP);
	equals(lseek(file, 3 * STEP, SEEK_HOLE), 3 * STEP);
	equals(lseek(file, 3 * STEP, SEEK_DATA), 6 * STEP);
	equals(lseek(file, 6 * STEP, SEEK_HOLE), 6 * STEP + 4096);
	fails(lseek(file, 6 * STEP + 4096, SEEK_DATA), ENXIO);
	fails(lseek(file, 7 * STEP, SEEK_DATA), ENXIO);
	equals(lseek(file, 7 * STEP, SEEK_HOLE), 7 * STEP);
	equals(lseek(file, 8 * STEP - 1, SEEK_HOLE), 8 * STEP - 1);
	fails(lseek(file, 8 * STEP, SEEK_HOLE), ENXIO);
	fails(lseek(file, 8 * STEP, SEEK_DATA), ENXIO);
	fails(lseek(file, 9 * STEP, SEEK_HOLE), ENXIO);
	fails(lseek(file, -1, SEEK_HOLE), ENXIO);
	fails(lseek(file, -1, SEEK_DATA), ENXIO);
}

RULE("SEEK_HOLE and SEEK_DATA are exact, the end is a hole, ENXIO behind it")
{
	int file = open("file", O_RDWR | O_CREAT, 0644);

	must(file);
	fails(lseek(file, 0, SEEK_DATA), ENXIO);
	fails(lseek(file, 0, SEEK_HOLE), ENXIO);
	must(ftruncate(file, 8 * STEP));
	equals(lseek(file, 0, SEEK_HOLE), 0);
	fails(lseek(file, 0, SEEK_DATA), ENXIO);
	fill(file, 2 * STEP, 3 * STEP, 'x');
	fill(file, 6 * STEP, 6 * STEP + 1, 'y');
	context("as written");
	map_of_holes(file);
	must(fsync(file));
	context("after fsync");
	map_of_holes(file);
	int again = open("file", O_RDONLY);
	context("opened again");
	map_of_holes(again);
	context("all data");
	int full = open("full", O_RDWR | O_CREAT, 0644);
	must(full);
	fill(full, 0, 10000, 'x');
	equals(lseek(full, 0, SEEK_HOLE), 10000);
	equals(lseek(full, 9999, SEEK_HOLE), 10000);
	equals(lseek(full, 9999, SEEK_DATA), 9999);
	fails(lseek(full, 10000, SEEK_HOLE), ENXIO);
}
