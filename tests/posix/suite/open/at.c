#include "../suite.h"

RULE("the ...at calls: relative to a descriptor, which must be a directory; absolute paths ignore it")
{
	struct stat status;
	char target[16], here[4096];

	make(DIRECTORY, "directory");
	make(REGULAR, "file");
	int at = open("directory", O_RDONLY), path = open("directory", O_PATH),
	    plain = open("file", O_RDONLY);
	must(at);
	must(path);
	must(plain);
	must(getcwd(here, sizeof(here)) ? 0 : -1);
	int file;
	check((file = openat(at, "new", O_WRONLY | O_CREAT, 0644)) >= 0);
	check(exists("directory/new"));
	check((file = openat(path, "newer", O_WRONLY | O_CREAT, 0644)) >= 0);
	check(exists("directory/newer"));
	check((file = openat(-1, text_of("%s/file", here), O_RDONLY)) >= 0);
	fails(openat(-1, "file", O_RDONLY), EBADF);
	fails(openat(plain, "file", O_RDONLY), ENOTDIR);
	fails(mkdirat(plain, "new", 0755), ENOTDIR);
	fails(mkdirat(-1, "new", 0755), EBADF);
	fails(unlinkat(plain, "file", 0), ENOTDIR);
	fails(unlinkat(-1, "file", 0), EBADF);
	fails(fstatat(plain, "file", &status, 0), ENOTDIR);
	fails(renameat(plain, "file", AT_FDCWD, "other"), ENOTDIR);
	fails(renameat(AT_FDCWD, "file", plain, "other"), ENOTDIR);
	fails(linkat(AT_FDCWD, "file", -1, "other", 0), EBADF);
	fails(symlinkat("target", plain, "other"), ENOTDIR);
	fails(readlinkat(-1, "other", target, sizeof(target)), EBADF);
	fails(fchmodat(plain, "x", 0600, 0), ENOTDIR);
	fails(fchownat(plain, "x", 0, 0, 0), ENOTDIR);
	fails(utimensat(plain, "x", NULL, 0), ENOTDIR);
	fails(mknodat(plain, "x", S_IFIFO, 0), ENOTDIR);
	fails(faccessat(plain, "x", F_OK, 0), ENOTDIR);
	succeeds(mkdirat(at, "below", 0755));
	succeeds(symlinkat("target", at, "link"));
	equals(readlinkat(at, "link", target, sizeof(target)), 6);
	succeeds(renameat(at, "new", path, "renamed"));
	check(exists("directory/renamed"));
	succeeds(linkat(at, "renamed", AT_FDCWD, "linked", 0));
	equals(links_of("linked"), 2);
	succeeds(mknodat(at, "fifo", S_IFIFO | 0600, 0));
	succeeds(fchmodat(at, "fifo", 0640, 0));
	equals(mode_of("directory/fifo"), 0640);
	/* It goes along when the directory is renamed. */
	must(rename("directory", "moved"));
	succeeds(fstatat(at, "renamed", &status, 0));
	succeeds(unlinkat(at, "below", AT_REMOVEDIR));
	check(!exists("moved/below"));
}
