#include "../suite.h"

#include <dirent.h>

/* Entries that are "N", each once, below `count`; and . and .. once. */
static void exactly(int count, int step)
{
	unsigned char *seen = calloc((size_t)count + 1, 1);
	int dots = 0, entries = 0;
	bool right = true;
	DIR *directory = opendir("directory");

	must(directory ? 0 : -1);
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.') {
			dots++;
			continue;
		}
		int number = atoi(entry->d_name);
		right = right && number >= 0 && number < count && number % step == 0 && !seen[number]++;
		entries++;
	}
	check(right);
	equals(dots, 2);
	equals(entries, (count + step - 1) / step);
	must(closedir(directory));
	free(seen);
}

RULE("every entry once, . and .. too, in directories small and large")
{
	static const int counts[] = {0, 1, 2, 10, 100, 1000, 5000};
	int made = 0;

	make(DIRECTORY, "directory");
	for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		for (; made < counts[i]; made++)
			must(mknod(text_of("directory/%d-%s", made, name_of_length((size_t)made % 60)),
				   S_IFREG | 0644, 0));
		context("%d entries", counts[i]);
		exactly(counts[i], 1);
	}
	for (int i = 0; i < made; i++)
		if (i % 7)
			must(unlink(text_of("directory/%d-%s", i, name_of_length((size_t)i % 60))));
	context("one of seven left");
	exactly(made, 7);
}
