#include "../suite.h"

#include <sys/xattr.h>

PREPARE
{
	for (enum type type = 0; type < TYPES; type++)
		make(type, text_of("%d", type));
	make(DIRECTORY, "directory");
	make_file("directory/file", 0666, USER, GROUP, "contents");
	make_file("file", 06777, USER, GROUP, "contents");
	must(setxattr("file", "user.name", "value", 5, 0));
	must(symlink("missing", "dangling"));
	must(chmod(".", 0777));
}

static void attributes(const char *path)
{
	fails(fchmodat(AT_FDCWD, path, 0600, 0), EROFS);
	fails(lchown(path, 1, 1), EROFS);
	fails(lchown(path, (uid_t)-1, (gid_t)-1), EROFS);
	fails(utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW), EROFS);
	fails(lsetxattr(path, "trusted.name", "x", 1, 0), EROFS);
	fails(lremovexattr(path, "trusted.name"), EROFS);
	fails(rename(path, "renamed"), EROFS);
	fails(rename("file", path), EROFS);
	fails(link(path, "linked"), EROFS);
	fails(unlink(path), EROFS);
	fails(rmdir(path), EROFS);
	fails(mkdir(path, 0755), EEXIST);
	fails(symlink("x", path), EEXIST);
}

RULE("EROFS from everything that would change something")
{
	for (enum type type = 0; type < SYMLINK; type++) {
		context("%s", type_name(type));
		attributes(text_of("%d", type));
	}
	context("new names");
	fails(mkdir("new", 0755), EROFS);
	fails(mkfifo("new", 0644), EROFS);
	fails(mknod("new", S_IFREG | 0644, 0), EROFS);
	fails(mknod("new", S_IFCHR | 0644, 0), EROFS);
	fails(symlink("target", "new"), EROFS);
	fails(link("file", "new"), EROFS);
	fails(open("new", O_RDONLY | O_CREAT, 0644), EROFS);
	fails(open("new", O_WRONLY | O_CREAT | O_EXCL, 0644), EROFS);
	fails(open("dangling", O_WRONLY | O_CREAT, 0644), EROFS);
	fails(open("missing", O_RDONLY), ENOENT);
	as(USER, GROUP, fails(mkdir("new", 0755), EROFS));
	context("contents");
	fails(open("file", O_WRONLY), EROFS);
	fails(open("file", O_RDWR), EROFS);
	fails(open("file", O_RDONLY | O_TRUNC), EROFS);
	fails(truncate("file", 0), EROFS);
	fails(truncate("file", 8), EROFS);
	fails(open("file", O_RDONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	as(USER, GROUP, fails(open("file", O_RDWR), EROFS));
	as(OTHER_USER, OTHER_GROUP, fails(truncate("directory/file", 0), EROFS));
	fails(access("file", W_OK), EROFS);
	fails(access("directory", W_OK), EROFS);
	succeeds(access("file", R_OK | X_OK));
}
