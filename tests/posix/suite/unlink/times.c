#include "../suite.h"

RULE("unlink moves the directory's times and the ctime of the file that stays")
{
	make_directory("at", 0755, 0, 0);
	for (enum type type = 0; type < TYPES; type++) {
		if (type == DIRECTORY)
			continue;
		context("%s", type_name(type));
		make(type, "at/file");
		must(link("at/file", "second"));
		watch("at", MTIME | CTIME);
		watch("second", CTIME);
		watch(".", 0);
		timed(succeeds(unlink("at/file")));
		must(unlink("second"));
		make(type, "at/file");
		watch("at", 0);
		watch("at/file", 0);
		timed(as(USER, GROUP, fails(unlink("at/file"), EACCES)));
		/* The last name: a descriptor sees the ctime move, too. */
		watch("at/file", CTIME);
		timed(succeeds(unlink("at/file")));
	}
}
