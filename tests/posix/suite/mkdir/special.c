#include "../suite.h"

RULE("trailing slashes, dots, removed parents")
{
	succeeds(mkdir("slash/", 0755));
	succeeds(mkdir("slashes///", 0755));
	fails(mkdir("slash/.", 0755), EEXIST);
	fails(mkdir("new/.", 0755), ENOENT);
	fails(mkdir("new/..", 0755), ENOENT);
	must(symlink("missing", "dangling"));
	fails(mkdir("dangling", 0755), EEXIST);
	fails(mkdir("dangling/", 0755), EEXIST);
	succeeds(mkdir("sticky", 01777));
	equals(mode_of("sticky"), 01777);
	/* mkdir(2): the other special bits are not set by it */
	succeeds(mkdir("special", 06777));
	equals(mode_of("special"), 0777);
	int gone = open("slash", O_RDONLY | O_DIRECTORY);
	must(gone);
	must(rmdir("slash"));
	fails(mkdirat(gone, "below", 0755), ENOENT);
	fails(openat(gone, "below", O_CREAT | O_WRONLY, 0644), ENOENT);
	fails(symlinkat("target", gone, "below"), ENOENT);
	fails(mknodat(gone, "below", S_IFIFO | 0644, 0), ENOENT);
	make(REGULAR, "file");
	fails(linkat(AT_FDCWD, "file", gone, "below", 0), ENOENT);
	fails(renameat(AT_FDCWD, "file", gone, "below"), ENOENT);
	fails(unlinkat(gone, "below", 0), ENOENT);
	equals(links_of("file"), 1);
}
