#include "../suite.h"

RULE("link does not follow a symlink, AT_SYMLINK_FOLLOW does; AT_EMPTY_PATH links a descriptor")
{
	make(REGULAR, "file");
	must(symlink("file", "to-file"));
	must(symlink("missing", "dangling"));
	succeeds(link("to-file", "again"));
	equals(format_of("again"), S_IFLNK);
	equals(links_of("to-file"), 2);
	succeeds(linkat(AT_FDCWD, "to-file", AT_FDCWD, "real", AT_SYMLINK_FOLLOW));
	equals(format_of("real"), S_IFREG);
	equals(links_of("file"), 2);
	succeeds(link("dangling", "dangling-2"));
	fails(linkat(AT_FDCWD, "dangling", AT_FDCWD, "none", AT_SYMLINK_FOLLOW), ENOENT);
	fails(link("file", "dangling"), EEXIST);
	int file = open("file", O_RDONLY);
	must(file);
	succeeds(linkat(file, "", AT_FDCWD, "by-descriptor", AT_EMPTY_PATH));
	check(inode_of("by-descriptor") == inode_of("file"));
	succeeds(linkat(AT_FDCWD, text_of("/proc/self/fd/%d", file), AT_FDCWD, "by-proc", AT_SYMLINK_FOLLOW));
	equals(links_of("file"), 4);
	must(unlink("file"));
	must(unlink("real"));
	must(unlink("by-descriptor"));
	must(unlink("by-proc"));
	/* No name, no way back. */
	fails(linkat(file, "", AT_FDCWD, "back", AT_EMPTY_PATH), ENOENT);
	fails(linkat(AT_FDCWD, text_of("/proc/self/fd/%d", file), AT_FDCWD, "back", AT_SYMLINK_FOLLOW),
	      ENOENT);
}
