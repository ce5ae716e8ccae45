#include "../suite.h"

RULE("fchmod works on any descriptor but an O_PATH one, unlinked files included")
{
	make(REGULAR, "file");
	make(DIRECTORY, "directory");
	int file = open("file", O_RDONLY), directory = open("directory", O_RDONLY | O_DIRECTORY);
	int path = open("file", O_PATH);
	must(file);
	must(directory);
	must(path);
	succeeds(fchmod(file, 0604));
	equals(mode_of("file"), 0604);
	succeeds(fchmod(directory, 0705));
	equals(mode_of("directory"), 0705);
	fails(fchmod(path, 0777), EBADF);
	fails(fchmod(-1, 0777), EBADF);
	equals(mode_of("file"), 0604);
	as(USER, GROUP, fails(fchmod(file, 0777), EPERM));
	as(USER, GROUP, fails(fchmod(directory, 0777), EPERM));
	must(unlink("file"));
	must(rmdir("directory"));
	struct stat status;
	succeeds(fchmod(file, 0641));
	must(fstat(file, &status));
	equals(status.st_mode, S_IFREG | 0641);
	equals(status.st_nlink, 0);
	succeeds(fchmod(directory, 0711));
	must(fstat(directory, &status));
	equals(status.st_mode, S_IFDIR | 0711);
}
