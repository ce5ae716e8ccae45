#include "../suite.h"

RULE("ENOTEMPTY for every type in it; dots; what is no directory")
{
	for (enum type type = 0; type < TYPES; type++) {
		context("%s in it", type_name(type));
		make(DIRECTORY, "directory");
		make(type, "directory/entry");
		fails(rmdir("directory"), ENOTEMPTY);
		check(exists("directory/entry"));
		succeeds(remove("directory/entry"));
		succeeds(rmdir("directory"));
		check(!exists("directory"));
		if (type == DIRECTORY)
			continue;
		make(type, "plain");
		context("%s", type_name(type));
		fails(rmdir("plain"), ENOTDIR);
		check(exists("plain"));
		must(unlink("plain"));
	}
	context("%s", "");
	make(DIRECTORY, "directory");
	must(symlink("directory", "link"));
	fails(rmdir("link"), ENOTDIR);
	fails(rmdir("link/"), ENOTDIR);
	fails(rmdir("directory/."), EINVAL);
	fails(rmdir("directory/.."), ENOTEMPTY);
	fails(rmdir("."), EINVAL);
	fails(rmdir("/proc"), EBUSY);
	fails(rmdir("/"), EBUSY);
	fails(unlinkat(AT_FDCWD, "directory", 0), EISDIR);
	succeeds(unlinkat(AT_FDCWD, "directory/", AT_REMOVEDIR));
	check(!exists("directory"));
}
