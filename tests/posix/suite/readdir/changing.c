#include "../suite.h"

#include <dirent.h>

#define COUNT 3000

/* Entries "stay-N" are there all the time, "go-N" are removed and "come-N" are made while it is read. */
static void read_while_changing(int every)
{
	unsigned char seen[COUNT] = {0};
	bool once = true, all = true, known = true;
	int number = 0;
	DIR *directory = opendir("directory");

	must(directory ? 0 : -1);
	for (struct dirent *entry; (entry = readdir(directory)); number++) {
		if (!strncmp(entry->d_name, "stay-", 5))
			once = once && !seen[atoi(entry->d_name + 5)]++;
		else
			known = known && (entry->d_name[0] == '.' || !strncmp(entry->d_name, "go-", 3) ||
					  !strncmp(entry->d_name, "come-", 5));
		if (number % every == 0) {
			unlink(text_of("directory/go-%d", number / every));
			close(open(text_of("directory/come-%d-%d", every, number), O_WRONLY | O_CREAT, 0644));
		}
	}
	for (int i = 0; i < COUNT; i++)
		all = all && seen[i];
	check(once);
	check(all);
	check(known);
	must(closedir(directory));
}

RULE("while entries come and go, one that stays is seen exactly once")
{
	make(DIRECTORY, "directory");
	for (int i = 0; i < COUNT; i++) {
		must(mknod(text_of("directory/stay-%d", i), S_IFREG | 0644, 0));
		if (i % 3 == 0)
			must(mknod(text_of("directory/go-%d", i / 3), S_IFREG | 0644, 0));
	}
	context("a change at each fifth");
	read_while_changing(5);
	context("a change at each");
	read_while_changing(2);
	context("all removed while read");
	DIR *directory = opendir("directory");
	bool right = true;
	must(directory ? 0 : -1);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			right = right && unlinkat(dirfd(directory), entry->d_name, 0) == 0;
	check(right);
	succeeds(rmdir("directory"));
}
