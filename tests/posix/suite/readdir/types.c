#include "../suite.h"

#include <dirent.h>

RULE("d_type and d_ino are right; errors of opendir and fdopendir")
{
	struct dirent entries[TYPES] = {0};
	unsigned found = 0;
	long long self = 0, parent = 0;

	make(DIRECTORY, "directory");
	for (enum type type = 0; type < TYPES; type++)
		make(type, text_of("directory/%d", type));
	DIR *directory = opendir("directory");
	must(directory ? 0 : -1);
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (!strcmp(entry->d_name, "."))
			self = (long long)entry->d_ino;
		else if (!strcmp(entry->d_name, ".."))
			parent = (long long)entry->d_ino;
		else if (found++ < TYPES)
			entries[atoi(entry->d_name)] = *entry;
	}
	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		equals(entries[type].d_type, IFTODT(type_mode(type)));
		check((long long)entries[type].d_ino == inode_of(text_of("directory/%d", type)));
	}
	context("%s", "");
	equals(found, TYPES);
	check(self == inode_of("directory"));
	check(parent == inode_of("."));
	make_directory("closed", 0300, USER, GROUP);
	as(USER, GROUP, fails(opendir("closed") ? 0 : -1, EACCES));
	must(chmod("closed", 0400));
	as(USER, GROUP, succeeds(opendir("closed") ? 0 : -1));
	fails(opendir("directory/0") ? 0 : -1, ENOTDIR);
	fails(opendir("missing") ? 0 : -1, ENOENT);
}
