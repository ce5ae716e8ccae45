#include "../suite.h"

RULE("every type but a directory is unlinked")
{
	for (enum type type = 0; type < TYPES; type++) {
		make(type, "entry");
		context("%s", type_name(type));
		if (type == DIRECTORY) {
			fails(unlink("entry"), EISDIR);
			as(USER, GROUP, fails(unlink("entry"), EACCES));
			check(exists("entry"));
			must(rmdir("entry"));
			continue;
		}
		succeeds(unlink("entry"));
		check(!exists("entry"));
		fails(unlink("entry"), ENOENT);
	}
	context("%s", "");
	make(DIRECTORY, "directory");
	must(symlink("directory", "link"));
	succeeds(unlink("link"));
	check(exists("directory"));
	make(REGULAR, "file");
	fails(unlink("file/"), ENOTDIR);
	fails(unlink("directory/"), EISDIR);
	fails(unlink("."), EISDIR);
	fails(unlinkat(AT_FDCWD, "file", 0x40000000), EINVAL);
	fails(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR), ENOTDIR);
	check(exists("file"));
}
