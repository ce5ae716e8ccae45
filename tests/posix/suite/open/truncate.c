#include "../suite.h"

RULE("O_TRUNC empties a file and moves its times, O_CREAT alone leaves it")
{
	make_file("file", 06777, USER, GROUP, "contents");
	watch("file", 0);
	int file = -1;
	timed(check((file = open("file", O_RDONLY | O_CREAT, 0600)) >= 0));
	equals(size_of("file"), 8);
	equals(mode_of("file"), 06777);
	must(close(file));
	watch("file", MTIME | CTIME);
	watch(".", 0);
	timed(check((file = open("file", O_WRONLY | O_TRUNC)) >= 0));
	equals(size_of("file"), 0);
	must(close(file));
	/* Even an empty one. */
	watch("file", MTIME | CTIME);
	timed(check((file = open("file", O_WRONLY | O_TRUNC)) >= 0));
	must(close(file));
	make_file("second", 06777, USER, GROUP, "contents");
	as(OTHER_USER, OTHER_GROUP, check((file = open("second", O_WRONLY | O_TRUNC)) >= 0));
	equals(mode_of("second"), 0777);
	equals(size_of("second"), 0);
	must(close(file));
	must(chmod("second", 0444));
	watch("second", 0);
	timed(as(OTHER_USER, OTHER_GROUP, fails(open("second", O_WRONLY | O_TRUNC), EACCES)));
	watch("second", 0);
	timed(fails(open("second", O_WRONLY | O_CREAT | O_EXCL | O_TRUNC, 0600), EEXIST));
	/* Others see it at once. */
	make_file("third", 0666, 0, 0, "contents");
	int reader = open("third", O_RDONLY);
	char byte;
	must(reader);
	equals(read(reader, &byte, 1), 1);
	check((file = open("third", O_WRONLY | O_TRUNC)) >= 0);
	equals(read(reader, &byte, 1), 0);
	equals(blocks_of("third"), 0);
}
