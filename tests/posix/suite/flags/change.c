#include "flags.h"

RULE("flags: set, get, cleared; by the owner, but immutable and append-only by root")
{
	make_for(REGULAR, "file", USER, GROUP);
	make_directory("directory", 0755, USER, GROUP);
	for (int i = 0; i < 2; i++) {
		const char *path = i ? "directory" : "file";
		context("%s", path);
		equals(flags_of(path), 0);
		as(USER, GROUP, succeeds(flags_set(path, FS_NODUMP_FL)));
		equals(flags_of(path), FS_NODUMP_FL);
		as(USER, GROUP, succeeds(flags_set(path, FS_NOATIME_FL | FS_NODUMP_FL)));
		equals(flags_of(path), FS_NOATIME_FL | FS_NODUMP_FL);
		as(OTHER_USER, GROUP, fails(flags_set(path, 0), EPERM));
		as(OTHER_USER, GROUP, equals(flags_of(path), FS_NOATIME_FL | FS_NODUMP_FL));
		as(USER, GROUP, fails(flags_set(path, FS_IMMUTABLE_FL), EPERM));
		as(USER, GROUP, fails(flags_set(path, FS_APPEND_FL), EPERM));
		equals(flags_of(path), FS_NOATIME_FL | FS_NODUMP_FL);
		watch(path, CTIME);
		timed(succeeds(flags_set(path, FS_IMMUTABLE_FL)));
		equals(flags_of(path), FS_IMMUTABLE_FL);
		as(USER, GROUP, fails(flags_set(path, 0), EPERM));
		must(flags_set(path, 0));
		succeeds(flags_set(path, FS_IMMUTABLE_FL | FS_APPEND_FL));
		equals(flags_of(path), FS_IMMUTABLE_FL | FS_APPEND_FL);
		succeeds(flags_set(path, FS_APPEND_FL));
		as(USER, GROUP, fails(flags_set(path, 0), EPERM));
		as(USER, GROUP, succeeds(flags_set(path, FS_APPEND_FL | FS_NODUMP_FL)));
		equals(flags_of(path), FS_APPEND_FL | FS_NODUMP_FL);
		succeeds(flags_set(path, 0));
		equals(flags_of(path), 0);
	}
}
