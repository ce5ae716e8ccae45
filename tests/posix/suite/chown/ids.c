#include "../suite.h"

RULE("root gives any file to anybody; -1 keeps an id")
{
	static const long long ids[] = {0, 1, 1000, 65534, 65535, 65536, 2147483647, 2147483648, 4294967294};

	for (enum type type = 0; type < TYPES; type++) {
		make(type, "file");
		for (unsigned i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
			long long other = ids[sizeof(ids) / sizeof(*ids) - 1 - i];
			context("%s, %lld:%lld", type_name(type), ids[i], other);
			succeeds(lchown("file", (uid_t)ids[i], (gid_t)other));
			equals(uid_of("file"), ids[i]);
			equals(gid_of("file"), other);
		}
		context("%s, -1", type_name(type));
		must(lchown("file", 123, 456));
		succeeds(lchown("file", (uid_t)-1, 457));
		equals(uid_of("file"), 123);
		equals(gid_of("file"), 457);
		succeeds(lchown("file", 124, (gid_t)-1));
		equals(uid_of("file"), 124);
		equals(gid_of("file"), 457);
		succeeds(lchown("file", (uid_t)-1, (gid_t)-1));
		equals(uid_of("file"), 124);
		equals(gid_of("file"), 457);
		remove_tree("file");
	}
}
