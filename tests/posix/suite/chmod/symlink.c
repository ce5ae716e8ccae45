#include "../suite.h"

RULE("a symlink is followed; its own mode cannot be changed")
{
	make(REGULAR, "file");
	must(symlink("file", "link"));
	succeeds(chmod("link", 0640));
	equals(mode_of("file"), 0640);
	equals(mode_of("link"), 0777);
	succeeds(fchmodat(AT_FDCWD, "link", 0600, 0));
	equals(mode_of("file"), 0600);
	fails(fchmodat(AT_FDCWD, "link", 0640, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	equals(mode_of("file"), 0600);
	equals(mode_of("link"), 0777);
}
