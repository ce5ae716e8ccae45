#include "flags.h"

#include <sys/xattr.h>

static void entries_stay(void)
{
	fails(unlink("directory/file"), EPERM);
	fails(rmdir("directory/below"), EPERM);
	fails(rename("directory/file", "directory/other"), EPERM);
	fails(rename("directory/file", "moved"), EPERM);
	fails(rename("directory/below", "moved"), EPERM);
	fails(rename("outside", "directory/file"), EPERM);
	fails(renameat2(AT_FDCWD, "directory/file", AT_FDCWD, "outside", RENAME_EXCHANGE), EPERM);
	fails(rename("directory", "renamed"), EPERM);
	fails(rmdir("directory"), EPERM);
	fails(chmod("directory", 0700), EPERM);
	fails(chown("directory", USER, GROUP), EPERM);
	fails(setxattr("directory", "user.a", "x", 1, 0), EPERM);
}

RULE("an immutable directory keeps its entries; an append-only one can get more of them")
{
	make_directory("directory", 0777, 0, 0);
	make_directory("directory/below", 0755, 0, 0);
	make_file("directory/file", 0644, 0, 0, "text");
	make(REGULAR, "outside");
	make(REGULAR, "outside2");
	must(flags_set("directory", FS_IMMUTABLE_FL));
	context("immutable");
	entries_stay();
	fails(open("directory/new", O_CREAT | O_WRONLY, 0644), EPERM);
	fails(mkdir("directory/new", 0755), EPERM);
	fails(mknod("directory/new", S_IFREG | 0644, 0), EPERM);
	fails(mkfifo("directory/new", 0644), EPERM);
	fails(symlink("x", "directory/new"), EPERM);
	fails(link("outside", "directory/new"), EPERM);
	fails(rename("outside", "directory/new"), EPERM);
	fails(mkdir("directory/below", 0755), EEXIST);
	fails(utimensat(AT_FDCWD, "directory", NULL, 0), EPERM);
	/* what is in it is not */
	succeeds(truncate("directory/file", 2));
	succeeds(chmod("directory/file", 0600));
	succeeds(mkdir("directory/below/new", 0755));
	succeeds(rmdir("directory/below/new"));
	must(flags_set("directory", FS_APPEND_FL));
	context("append-only");
	entries_stay();
	int file = open("directory/new", O_CREAT | O_WRONLY, 0644);
	check(file >= 0);
	close(file);
	succeeds(mkdir("directory/new2", 0755));
	succeeds(symlink("x", "directory/new3"));
	succeeds(link("outside", "directory/new4"));
	succeeds(rename("outside2", "directory/new5"));
	succeeds(utimensat(AT_FDCWD, "directory", NULL, 0));
	context("%s", "");
	must(flags_set("directory", 0));
	succeeds(unlink("directory/file"));
	succeeds(rename("directory", "renamed"));
}
