#include "../suite.h"

#include <dirent.h>

RULE("a removed directory that is open is empty and has no links")
{
	struct stat status;
	make_directory("directory", 0755, 0, 0);
	int file = open("directory", O_RDONLY | O_DIRECTORY);
	must(file);
	succeeds(rmdir("directory"));
	succeeds(fstat(file, &status));
	equals(status.st_nlink, 0);
	equals(status.st_mode, S_IFDIR | 0755);
	DIR *stream = fdopendir(file);
	check(stream != NULL);
	errno = 0;
	check(stream && readdir(stream) == NULL);
	succeeds(fchmod(file, 0700));
	fails(fstatat(file, "x", &status, 0), ENOENT);
	succeeds(mkdir("directory", 0755));
	struct stat anew;
	must(stat("directory", &anew));
	check(anew.st_ino != status.st_ino);
	must(mkdir("working", 0755));
	must(chdir("working"));
	succeeds(rmdir("../working"));
	fails(mkdir("below", 0755), ENOENT);
	fails(open("below", O_CREAT | O_WRONLY, 0644), ENOENT);
	char here[4096];
	fails(getcwd(here, sizeof(here)) ? 0 : -1, ENOENT);
}
