#include "../suite.h"

RULE("what is open keeps its file when renamed or replaced")
{
	char text[8];
	struct stat status;

	make_file("old", 0644, 0, 0, "old");
	make_file("new", 0644, 0, 0, "new");
	int old = open("old", O_RDWR), new = open("new", O_RDWR);
	must(old);
	must(new);
	succeeds(rename("old", "new"));
	equals(pread(old, text, 3, 0), 3);
	check(memcmp(text, "old", 3) == 0);
	equals(pread(new, text, 3, 0), 3);
	check(memcmp(text, "new", 3) == 0);
	must(fstat(new, &status));
	equals(status.st_nlink, 0);
	must(fstat(old, &status));
	equals(status.st_nlink, 1);
	equals(pwrite(old, "OLD", 3, 0), 3);
	check(holds_text("new", "OLD"));
	equals(pwrite(new, "gone", 4, 0), 4);
	check(holds_text("new", "OLD"));
	/* A replaced directory. */
	make(DIRECTORY, "directory");
	make(DIRECTORY, "target");
	int target = open("target", O_RDONLY | O_DIRECTORY);
	must(target);
	succeeds(rename("directory", "target"));
	must(fstat(target, &status));
	equals(status.st_nlink, 0);
	fails(mkdirat(target, "below", 0755), ENOENT);
	succeeds(mkdir("target/below", 0755));
}
