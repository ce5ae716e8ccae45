#include "acl.h"

RULE("chmod changes the mask if there is one, else the group's entry; never named entries")
{
	static const mode_t modes[] = {0777, 0750, 0640, 0604, 0111, 0000, 04755, 02750, 01777};
	char with_mask[128], without[128];

	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		mode_t mode = modes[i];
		const char *bits[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};
		context("%04o", mode);
		make_directory("file", 0700, USER, GROUP);
		must(acl_set("file", ACCESS, "u::rw-,u:65533:rwx,g::r-x,g:65533:rw-,m::rwx,o::r--"));
		must(acl_set("file", DEFAULT, "u::rw-,u:65533:rwx,g::r-x,m::rwx,o::r--"));
		snprintf(with_mask, sizeof(with_mask), "u::%s,u:65533:rwx,g::r-x,g:65533:rw-,m::%s,o::%s",
			 bits[mode >> 6 & 7], bits[mode >> 3 & 7], bits[mode & 7]);
		succeeds(chmod("file", mode));
		equals(mode_of("file"), mode);
		acl_is("file", ACCESS, with_mask);
		acl_is("file", DEFAULT, "u::rw-,u:65533:rwx,g::r-x,m::rwx,o::r--");
		/* and back: nothing was lost */
		succeeds(chmod("file", 0774));
		acl_is("file", ACCESS, "u::rwx,u:65533:rwx,g::r-x,g:65533:rw-,m::rwx,o::r--");
		must(acl_set("file", ACCESS, "u::rw-,g::r-x,m::rwx,o::r--"));
		snprintf(without, sizeof(without), "u::%s,g::r-x,m::%s,o::%s", bits[mode >> 6 & 7],
			 bits[mode >> 3 & 7], bits[mode & 7]);
		int file = open("file", O_RDONLY | O_DIRECTORY);
		succeeds(fchmod(file, mode));
		close(file);
		acl_is("file", ACCESS, without);
		remove_tree("file");
	}
	context("%s", "");
	/* what takes set-id bits leaves the ACL alone */
	make_file("file", 0, USER, GROUP, "text");
	must(acl_set("file", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::rwx"));
	must(chmod("file", 06777));
	as(OTHER_USER, OTHER_GROUP, must(truncate("file", 1)));
	equals(mode_of("file"), 0777);
	acl_is("file", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::rwx");
	must(chmod("file", 06775));
	succeeds(chown("file", OTHER_USER, OTHER_GROUP));
	equals(mode_of("file"), 0775);
	acl_is("file", ACCESS, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::r-x");
}
