#include "../suite.h"

#include <sys/mman.h>

#define LENGTH (1 << 20)

static int store(void *map)
{
	memcpy((char *)map + 300000, "child", 5);
	return 0;
}

RULE("a shared mapping and read, write, truncate, other processes see the same")
{
	int file = open("file", O_RDWR | O_CREAT, 0644);
	char text[16];

	must(file);
	must(ftruncate(file, LENGTH));
	char *map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	must(map == MAP_FAILED ? -1 : 0);
	check(filled(file, 0, LENGTH, 0));
	memcpy(map + 100000, "stored", 6);
	equals(pread(file, text, 6, 100000), 6);
	check(memcmp(text, "stored", 6) == 0);
	equals(pwrite(file, "written", 7, 200000), 7);
	check(memcmp(map + 200000, "written", 7) == 0);
	equals(in_child(store, map), 0);
	check(memcmp(map + 300000, "child", 5) == 0);
	equals(pread(file, text, 5, 300000), 5);
	check(memcmp(text, "child", 5) == 0);
	succeeds(msync(map, LENGTH, MS_SYNC));
	succeeds(msync(map, LENGTH, MS_ASYNC));
	char *second = mmap(NULL, 65536, PROT_READ, MAP_SHARED, file, 196608);
	must(second == MAP_FAILED ? -1 : 0);
	check(memcmp(second + 200000 - 196608, "written", 7) == 0);
	/* Cut and grown again: zeros. */
	must(ftruncate(file, 150000));
	must(ftruncate(file, LENGTH));
	check(memcmp(map + 100000, "stored", 6) == 0);
	check(map[200000] == 0 && map[300000] == 0);
	check(filled(file, 150000, LENGTH, 0));
	memcpy(map + 500000, "last", 4);
	succeeds(munmap(map, LENGTH));
	must(close(file));
	file = open("file", O_RDONLY);
	equals(pread(file, text, 4, 500000), 4);
	check(memcmp(text, "last", 4) == 0);
	fails(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED ? -1 : 0, EACCES);
	int writer = open("file", O_WRONLY);
	fails(mmap(NULL, 4096, PROT_READ, MAP_SHARED, writer, 0) == MAP_FAILED ? -1 : 0, EACCES);
	int directory = open(".", O_RDONLY);
	fails(mmap(NULL, 4096, PROT_READ, MAP_SHARED, directory, 0) == MAP_FAILED ? -1 : 0, ENODEV);
}
