#include "../suite.h"

static int exchange(const char *one, const char *two)
{
	return renameat2(AT_FDCWD, one, AT_FDCWD, two, RENAME_EXCHANGE);
}

RULE("RENAME_EXCHANGE across directories: links, .., times, loops, permission")
{
	make_directory("a", 0777, 0, 0);
	make_directory("b", 0777, 0, 0);
	make(DIRECTORY, "a/directory");
	make(DIRECTORY, "a/directory/below");
	make_file("b/file", 0644, 0, 0, "text");
	watch("a", MTIME | CTIME);
	watch("b", MTIME | CTIME);
	watch("a/directory", CTIME);
	watch("b/file", CTIME);
	timed(succeeds(exchange("a/directory", "b/file")));
	check(holds_text("a/directory", "text"));
	equals(links_of("a"), 2);
	equals(links_of("b"), 3);
	check(inode_of("b/file/..") == inode_of("b"));
	make(DIRECTORY, "a/second");
	succeeds(exchange("a/second", "b/file"));
	equals(links_of("a"), 3);
	equals(links_of("b"), 3);
	check(inode_of("b/file/..") == inode_of("b"));
	check(inode_of("a/second/..") == inode_of("a"));
	check(exists("a/second/below"));
	/* Not with a directory above or below. */
	fails(exchange("a", "a/second"), EINVAL);
	fails(exchange("a/second", "a"), EINVAL);
	fails(exchange("a", "a/second/below"), EINVAL);
	fails(exchange("a/second/below", "a"), EINVAL);
	/* Sticky directories guard both. */
	make_directory("sticky", 01777, 0, 0);
	make_file("sticky/file", 0666, 0, 0, "");
	make_file("b/mine", 0666, USER, GROUP, "");
	as(USER, GROUP, fails(exchange("b/mine", "sticky/file"), EPERM));
	as(USER, GROUP, fails(exchange("sticky/file", "b/mine"), EPERM));
	must(chown("sticky/file", USER, GROUP));
	as(USER, GROUP, succeeds(exchange("sticky/file", "b/mine")));
	as(USER, GROUP, fails(exchange("b/mine", "b/missing"), ENOENT));
}
