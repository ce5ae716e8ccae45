#include "../suite.h"

#include <sys/xattr.h>

RULE("values of any size up to 64 KiB; E2BIG above")
{
	static const int sizes[] = {1,	  100,	500,   1000,  2000,  3000,  4000,
				    4096, 5000, 10000, 20000, 40000, 60000, 65536};
	unsigned char *value = malloc(70000), *seen = malloc(70000);

	make(REGULAR, "file");
	for (unsigned i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		unsigned count = sizeof(sizes) / sizeof(*sizes);
		/* up, then down again, over each other */
		int size = i < count ? sizes[i] : sizes[2 * count - 1 - i];
		context("%s %d", i < count ? "up to" : "down to", size);
		for (int j = 0; j < size; j++)
			value[j] = (unsigned char)(j * 31 + size + i);
		succeeds(setxattr("file", "user.value", value, (size_t)size, 0));
		equals(getxattr("file", "user.value", NULL, 0), size);
		memset(seen, 0, 70000);
		equals(getxattr("file", "user.value", seen, 65536), size);
		check(memcmp(seen, value, (size_t)size) == 0);
		if (size > 1)
			fails(getxattr("file", "user.value", seen, (size_t)size - 1), ERANGE);
	}
	context("%s", "");
	fails(setxattr("file", "user.value", value, 65537, 0), E2BIG);
	equals(getxattr("file", "user.value", NULL, 0), 1);
	succeeds(removexattr("file", "user.value"));
	free(value);
	free(seen);
}
