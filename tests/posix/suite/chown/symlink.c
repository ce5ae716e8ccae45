#include "../suite.h"

RULE("chown follows a symlink, lchown and AT_SYMLINK_NOFOLLOW do not; fchown, fchownat")
{
	make(REGULAR, "file");
	must(symlink("file", "link"));
	succeeds(chown("link", 11, 12));
	equals(uid_of("file"), 11);
	equals(gid_of("file"), 12);
	equals(uid_of("link"), 0);
	succeeds(lchown("link", 21, 22));
	equals(uid_of("link"), 21);
	equals(gid_of("link"), 22);
	equals(uid_of("file"), 11);
	succeeds(fchownat(AT_FDCWD, "link", 31, 32, 0));
	equals(uid_of("file"), 31);
	succeeds(fchownat(AT_FDCWD, "link", 41, 42, AT_SYMLINK_NOFOLLOW));
	equals(uid_of("link"), 41);
	equals(uid_of("file"), 31);
	fails(fchownat(AT_FDCWD, "link", 0, 0, 0x40000000), EINVAL);
	int file = open("file", O_RDONLY);
	must(file);
	succeeds(fchown(file, 51, 52));
	equals(uid_of("file"), 51);
	equals(gid_of("file"), 52);
	succeeds(fchownat(file, "", 61, 62, AT_EMPTY_PATH));
	equals(gid_of("file"), 62);
	as(USER, GROUP, fails(fchown(file, USER, GROUP), EPERM));
	must(unlink("file"));
	succeeds(fchown(file, 71, 72));
	struct stat status;
	must(fstat(file, &status));
	equals(status.st_uid, 71);
	equals(status.st_gid, 72);
}
