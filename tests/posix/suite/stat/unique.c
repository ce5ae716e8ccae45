#include "../suite.h"

#define COUNT 500

static int compare(const void *a, const void *b)
{
	const ino_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

RULE("inode numbers differ among all that is there, and stay the same")
{
	ino_t numbers[COUNT], again[COUNT];
	struct stat status;
	bool unique = true;

	for (int i = 0; i < COUNT; i++) {
		make((enum type)(i % TYPES), text_of("%d", i));
		must(lstat(text_of("%d", i), &status));
		numbers[i] = again[i] = status.st_ino;
	}
	qsort(numbers, COUNT, sizeof(*numbers), compare);
	for (int i = 1; i < COUNT; i++)
		unique = unique && numbers[i] != numbers[i - 1];
	check(unique);
	bool same = true;
	for (int i = 0; i < COUNT; i++) {
		must(lstat(text_of("%d", i), &status));
		same = same && status.st_ino == again[i];
	}
	check(same);
}
