#include "../suite.h"

#define LENGTH (256 * 1024)

RULE("O_DIRECT reads and writes agree with what goes through the cache")
{
	unsigned char *bytes = aligned_alloc(4096, LENGTH), *seen = aligned_alloc(4096, LENGTH);
	int direct = open("file", O_RDWR | O_CREAT | O_DIRECT, 0644), cached = open("file", O_RDWR);

	must(direct);
	must(cached);
	for (int i = 0; i < LENGTH; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 4096);
	equals(pwrite(direct, bytes, LENGTH, 0), LENGTH);
	equals(pread(cached, seen, LENGTH, 0), LENGTH);
	check(memcmp(seen, bytes, LENGTH) == 0);
	memset(bytes + 8192, 'c', 4096);
	equals(pwrite(cached, bytes + 8192, 4096, 8192), 4096);
	memset(seen, 0, LENGTH);
	equals(pread(direct, seen, LENGTH, 0), LENGTH);
	check(memcmp(seen, bytes, LENGTH) == 0);
	memset(bytes + 16384, 'd', 8192);
	equals(pwrite(direct, bytes + 16384, 8192, 16384), 8192);
	equals(pread(cached, seen, LENGTH, 0), LENGTH);
	check(memcmp(seen, bytes, LENGTH) == 0);
	/* Beyond the end: zeros between. */
	equals(pwrite(direct, bytes, 4096, 2 * LENGTH), 4096);
	equals(size_of("file"), 2 * LENGTH + 4096);
	check(filled(cached, LENGTH, 2 * LENGTH, 0));
	equals(pread(direct, seen, 8192, 2 * LENGTH), 4096);
	equals(pread(direct, seen, 4096, 4 * LENGTH), 0);
	succeeds(fsync(direct));
	free(bytes);
	free(seen);
}
