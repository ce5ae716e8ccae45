#include "../suite.h"

#include <sys/xattr.h>

#define COUNT 100

RULE("many attributes: each is listed once, and stays itself")
{
	char name[32], value[64], names[8192];
	bool right = true;
	unsigned seen[COUNT] = {0};

	make(REGULAR, "file");
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "user.number.%d", i);
		snprintf(value, sizeof(value), "value %d", i);
		right = right && setxattr("file", name, value, strlen(value), XATTR_CREATE) == 0;
	}
	check(right);
	for (int i = 0; i < COUNT; i += 3) {
		snprintf(name, sizeof(name), "user.number.%d", i);
		right = right && removexattr("file", name) == 0;
	}
	check(right);
	ssize_t length = listxattr("file", names, sizeof(names));
	check(length > 0);
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
		int number = atoi(names + at + strlen("user.number."));
		right = right && number >= 0 && number < COUNT;
		if (right)
			seen[number]++;
	}
	check(right);
	for (int i = 0; i < COUNT; i++) {
		char got[64];
		snprintf(name, sizeof(name), "user.number.%d", i);
		snprintf(value, sizeof(value), "value %d", i);
		ssize_t size = getxattr("file", name, got, sizeof(got));
		right = right && seen[i] == (i % 3 != 0);
		right = right && size == (i % 3 ? (ssize_t)strlen(value) : -1);
		right = right && (size < 0 || memcmp(got, value, (size_t)size) == 0);
	}
	check(right);
}
