#include "../suite.h"

#include <sys/sysmacros.h>

RULE("a device made here works, where the mount allows it")
{
	char byte = 'x';

	succeeds(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	int file = open("null", O_RDWR);
	check(file >= 0);
	equals(write(file, "gone", 4), 4);
	equals(read(file, &byte, 1), 0);
	must(close(file));
	succeeds(mknod("zero", S_IFCHR | 0666, makedev(1, 5)));
	file = open("zero", O_RDONLY);
	equals(read(file, &byte, 1), 1);
	equals(byte, 0);
	must(close(file));
	equals(size_of("null"), 0);
}
