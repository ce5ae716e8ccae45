#include "../suite.h"

#include <dirent.h>

#define COUNT 1500

static char names[COUNT + 2][256];
static long places[COUNT + 2];

RULE("telldir and seekdir lead back to the same entry, rewinddir to the first")
{
	int count = 0;
	bool right = true;

	make(DIRECTORY, "directory");
	for (int i = 0; i < COUNT; i++)
		must(mknod(text_of("directory/%d", i), S_IFREG | 0644, 0));
	DIR *directory = opendir("directory");
	must(directory ? 0 : -1);
	places[0] = telldir(directory);
	for (struct dirent *entry; count < COUNT + 2 && (entry = readdir(directory));) {
		strcpy(names[count++], entry->d_name);
		if (count < COUNT + 2)
			places[count] = telldir(directory);
	}
	equals(count, COUNT + 2);
	check(readdir(directory) == NULL);
	for (int i = 0; i < count; i++) {
		int which = i * 977 % count;
		seekdir(directory, places[which]);
		struct dirent *entry = readdir(directory);
		right = right && entry && strcmp(entry->d_name, names[which]) == 0;
	}
	check(right);
	/* Going on from somewhere gives the rest. */
	seekdir(directory, places[count / 3]);
	int rest = 0;
	for (struct dirent *entry; (entry = readdir(directory)); rest++)
		right = right && strcmp(entry->d_name, names[count / 3 + rest]) == 0;
	equals(rest, count - count / 3);
	check(right);
	rewinddir(directory);
	struct dirent *first = readdir(directory);
	check(first && strcmp(first->d_name, names[0]) == 0);
	/* A place is good for another reader of the directory, too. */
	DIR *other = opendir("directory");
	must(other ? 0 : -1);
	seekdir(other, places[700]);
	struct dirent *entry = readdir(other);
	check(entry && strcmp(entry->d_name, names[700]) == 0);
}
