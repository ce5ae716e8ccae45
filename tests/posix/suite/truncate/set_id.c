#include "../suite.h"

static void after(mode_t mode, mode_t expected, bool by_descriptor)
{
	int file;

	make_file("file", mode, USER, GROUP, "contents");
	context("%04o, %s", mode, by_descriptor ? "ftruncate" : "truncate");
	become(OTHER_USER, OTHER_GROUP, 0);
	if (by_descriptor) {
		check((file = open("file", O_WRONLY)) >= 0);
		succeeds(ftruncate(file, 4));
		must(close(file));
	} else {
		succeeds(truncate("file", 4));
	}
	become_root();
	equals(mode_of("file"), expected);
	/* root keeps them */
	must(chmod("file", mode));
	succeeds(truncate("file", 2));
	equals(mode_of("file"), mode);
	must(unlink("file"));
}

RULE("truncation by others clears set-user-ID and set-group-ID")
{
	for (unsigned by_descriptor = 0; by_descriptor < 2; by_descriptor++) {
		after(04777, 0777, by_descriptor);
		after(02777, 0777, by_descriptor);
		after(06777, 0777, by_descriptor);
		after(06666, 0666, by_descriptor);
		after(04722, 0722, by_descriptor);
		after(01777, 01777, by_descriptor);
	}
}
