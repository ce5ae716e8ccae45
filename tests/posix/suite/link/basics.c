#include "../suite.h"

RULE("a link is another name of the same file")
{
	for (enum type type = 0; type < TYPES; type++) {
		if (type == DIRECTORY)
			continue;
		context("%s", type_name(type));
		make(type, "first");
		succeeds(linkat(AT_FDCWD, "first", AT_FDCWD, "second", 0));
		equals(links_of("first"), 2);
		equals(links_of("second"), 2);
		check(inode_of("first") == inode_of("second"));
		equals(format_of("second"), type_mode(type));
		succeeds(link("second", "third"));
		equals(links_of("first"), 3);
		succeeds(lchown("third", USER, GROUP));
		equals(uid_of("first"), USER);
		equals(gid_of("second"), GROUP);
		if (type != SYMLINK) {
			succeeds(chmod("second", 0741));
			equals(mode_of("first"), 0741);
			equals(mode_of("third"), 0741);
		}
		succeeds(unlink("first"));
		check(!exists("first"));
		equals(links_of("second"), 2);
		succeeds(unlink("third"));
		equals(links_of("second"), 1);
		succeeds(unlink("second"));
		check(!exists("second"));
	}
	context("contents");
	make_file("first", 0644, 0, 0, "text");
	must(link("first", "second"));
	check(holds_text("second", "text"));
	int file = open("second", O_WRONLY | O_APPEND);
	must(file);
	equals(write(file, " more", 5), 5);
	check(holds_text("first", "text more"));
}
