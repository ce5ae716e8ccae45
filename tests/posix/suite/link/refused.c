#include "../suite.h"

RULE("directories are not linked, names are not replaced, filesystems are not crossed")
{
	make(DIRECTORY, "directory");
	fails(link("directory", "second"), EPERM);
	fails(link(".", "second"), EPERM);
	check(!exists("second"));
	equals(links_of("directory"), 2);
	make(REGULAR, "file");
	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		make(type, "there");
		fails(link("file", "there"), EEXIST);
		equals(links_of("file"), 1);
		equals(format_of("there"), type_mode(type));
		remove_tree("there");
	}
	context("%s", "");
	fails(link("file", "file"), EEXIST);
	fails(link("file", "."), EEXIST);
	fails(link("/proc/self/status", "second"), EXDEV);
	fails(link("file/", "second"), ENOTDIR);
	fails(link("file", "second/"), ENOENT);
	fails(linkat(AT_FDCWD, "file", AT_FDCWD, "second", 0x40000000), EINVAL);
	check(!exists("second"));
}
