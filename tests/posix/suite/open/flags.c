#include "../suite.h"

static void try_open(const char *path, int flags, int error)
{
	int file;

	context("%s, flags %#o", path, flags);
	gives(file = open(path, flags, 0644), error);
	if (file >= 0)
		close(file);
}

RULE("O_DIRECTORY, O_NOFOLLOW, O_EXCL, O_CREAT and what they meet")
{
	make(REGULAR, "file");
	make(DIRECTORY, "directory");
	must(symlink("file", "to-file"));
	must(symlink("directory", "to-directory"));
	must(symlink("missing", "dangling"));
	try_open("file", O_RDONLY | O_DIRECTORY, ENOTDIR);
	try_open("to-file", O_RDONLY | O_DIRECTORY, ENOTDIR);
	try_open("directory", O_RDONLY | O_DIRECTORY, 0);
	try_open("to-directory", O_RDONLY | O_DIRECTORY, 0);
	try_open("file", O_RDONLY | O_NOFOLLOW, 0);
	try_open("to-file", O_RDONLY | O_NOFOLLOW, ELOOP);
	try_open("to-directory", O_RDONLY | O_NOFOLLOW, ELOOP);
	try_open("to-directory", O_RDONLY | O_NOFOLLOW | O_DIRECTORY, ENOTDIR);
	try_open("dangling", O_RDONLY | O_NOFOLLOW, ELOOP);
	try_open("to-file", O_PATH | O_NOFOLLOW, 0);
	try_open("directory", O_WRONLY, EISDIR);
	try_open("directory", O_RDWR, EISDIR);
	try_open("directory", O_RDONLY | O_TRUNC, EISDIR);
	try_open("directory", O_RDONLY | O_CREAT, EISDIR);
	try_open("to-directory", O_WRONLY, EISDIR);
	try_open("directory", O_RDONLY | O_CREAT | O_EXCL, EEXIST);
	try_open("file", O_RDONLY | O_CREAT | O_EXCL, EEXIST);
	try_open("to-file", O_RDONLY | O_CREAT | O_EXCL, EEXIST);
	try_open("dangling", O_RDONLY | O_CREAT | O_EXCL, EEXIST);
	try_open("dangling", O_RDONLY | O_CREAT | O_NOFOLLOW, ELOOP);
	check(!exists("missing"));
	try_open("dangling", O_RDONLY | O_CREAT, 0);
	check(exists("missing"));
	try_open("file", O_RDONLY | O_CREAT, 0);
	try_open("file/", O_RDONLY, ENOTDIR);
	try_open("file/", O_RDONLY | O_CREAT, EISDIR);
	try_open("new/", O_RDONLY | O_CREAT, EISDIR);
	try_open("directory/", O_RDONLY, 0);
	try_open("file/.", O_RDONLY, ENOTDIR);
	try_open("new", O_WRONLY | O_CREAT | O_DIRECTORY, EINVAL);
	check(!exists("new"));
}
