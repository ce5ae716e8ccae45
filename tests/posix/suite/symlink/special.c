#include "../suite.h"

RULE("slashes, relative targets, root's directory")
{
	char target[64];
	struct stat status;

	fails(symlink("target", "link/"), ENOENT);
	check(!exists("link"));
	make(DIRECTORY, "directory");
	make_file("directory/file", 0644, 0, 0, "text");
	must(symlink("file", "directory/link"));
	check(holds_text("directory/link", "text"));
	must(symlink("directory/link", "second"));
	check(holds_text("second", "text"));
	must(symlink("../directory/file", "directory/up"));
	check(holds_text("directory/up", "text"));
	must(symlink("directory", "to-directory"));
	check(holds_text("to-directory/file", "text"));
	succeeds(stat("to-directory/", &status));
	check(S_ISDIR(status.st_mode));
	succeeds(lstat("to-directory/", &status));
	check(S_ISDIR(status.st_mode));
	succeeds(lstat("to-directory", &status));
	check(S_ISLNK(status.st_mode));
	/* It is found anew when the target goes and another comes. */
	must(rename("directory/file", "directory/other"));
	fails(stat("second", &status), ENOENT);
	make_file("directory/file", 0644, 0, 0, "anew");
	check(holds_text("second", "anew"));
	must(unlink("second"));
	must(symlink("directory/other", "second"));
	check(holds_text("second", "text"));
	equals(readlink("second", target, sizeof(target)), 15);
}
