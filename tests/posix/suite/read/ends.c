#include "../suite.h"

RULE("short reads at the end, holes read as zeros, large reads")
{
	char text[16];
	make_file("file", 0644, 0, 0, "0123456789");
	int file = open("file", O_RDWR);
	must(file);
	equals(pread(file, text, 16, 0), 10);
	equals(pread(file, text, 16, 7), 3);
	check(memcmp(text, "789", 3) == 0);
	equals(pread(file, text, 16, 10), 0);
	equals(pread(file, text, 16, 1ll << 40), 0);
	equals(pread(file, text, 0, 0), 0);
	fails(pread(file, text, 1, -1), EINVAL);
	must(pwrite(file, "end", 3, 5000000));
	check(filled(file, 10, 5000000, 0));
	size_t size = 5000003;
	char *all = malloc(size + 10);
	equals(pread(file, all, size + 10, 0), 5000003);
	check(memcmp(all, "0123456789", 10) == 0 && memcmp(all + 5000000, "end", 3) == 0);
	check(all[10] == 0 && memcmp(all + 10, all + 11, 4999989) == 0);
	free(all);
	/* Growth by another descriptor is seen at once. */
	int other = open("file", O_WRONLY | O_APPEND);
	must(other);
	equals(pread(file, text, 16, 5000003), 0);
	must(write(other, "more", 4));
	equals(pread(file, text, 16, 5000003), 4);
	check(memcmp(text, "more", 4) == 0);
}
