#include "../suite.h"

#include <dirent.h>

static bool lists(DIR *directory, const char *name)
{
	rewinddir(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (!strcmp(entry->d_name, name))
			return true;
	return false;
}

RULE("after rewinddir a stream shows what is there by then; negative lookups are forgotten")
{
	make(DIRECTORY, "directory");
	DIR *directory = opendir("directory");
	must(directory ? 0 : -1);
	check(!lists(directory, "new"));
	fails(access("directory/new", F_OK), ENOENT);
	make(REGULAR, "directory/new");
	check(lists(directory, "new"));
	succeeds(access("directory/new", F_OK));
	must(rename("directory/new", "directory/newer"));
	check(!lists(directory, "new"));
	check(lists(directory, "newer"));
	fails(access("directory/new", F_OK), ENOENT);
	must(link("directory/newer", "directory/new"));
	check(lists(directory, "new"));
	must(unlink("directory/newer"));
	check(!lists(directory, "newer"));
	fails(access("directory/newer", F_OK), ENOENT);
	make(DIRECTORY, "directory/newer");
	check(lists(directory, "newer"));
	must(renameat2(AT_FDCWD, "directory/new", AT_FDCWD, "directory/newer", RENAME_EXCHANGE));
	check(lists(directory, "newer") && lists(directory, "new"));
	equals(format_of("directory/new"), S_IFDIR);
	must(rmdir("directory/new"));
	check(!lists(directory, "new"));
	as(USER, GROUP, fails(mkdir("directory/other", 0755), EACCES));
	check(!lists(directory, "other"));
}
