#include "flags.h"

RULE("what is made in a directory gets its NODUMP and NOATIME, and not APPEND")
{
	make_directory("directory", 0755, 0, 0);
	must(flags_set("directory", FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL));
	succeeds(mkdir("directory/new", 0755));
	succeeds(mknod("directory/file", S_IFREG | 0644, 0));
	equals(flags_of("directory/new"), FS_NODUMP_FL | FS_NOATIME_FL);
	equals(flags_of("directory/file"), FS_NODUMP_FL | FS_NOATIME_FL);
	must(flags_set("directory", 0));
	succeeds(mkdir("directory/plain", 0755));
	equals(flags_of("directory/plain"), 0);
	/* a name more changes nothing */
	must(flags_set("directory", FS_NODUMP_FL));
	make(REGULAR, "other");
	must(link("other", "directory/link"));
	equals(flags_of("directory/link"), 0);
	must(rename("other", "directory/other"));
	equals(flags_of("directory/other"), 0);
}
