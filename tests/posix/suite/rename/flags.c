#include "../suite.h"

static int rename_with(const char *old, const char *new, unsigned flags)
{
	return renameat2(AT_FDCWD, old, AT_FDCWD, new, flags);
}

RULE("RENAME_NOREPLACE and RENAME_EXCHANGE, with every pair of types")
{
	for (enum type from = 0; from < TYPES; from++) {
		for (enum type to = 0; to < TYPES; to++) {
			make(from, "old");
			make(to, "new");
			long long old = inode_of("old"), new = inode_of("new");
			context("%s, %s", type_name(from), type_name(to));
			fails(rename_with("old", "new", RENAME_NOREPLACE), EEXIST);
			check(inode_of("old") == old && inode_of("new") == new);
			succeeds(rename_with("old", "new", RENAME_EXCHANGE));
			check(inode_of("old") == new &&inode_of("new") == old);
			equals(format_of("old"), type_mode(to));
			equals(format_of("new"), type_mode(from));
			equals(links_of("old"), to == DIRECTORY ? 2 : 1);
			remove_tree("old");
			fails(rename_with("old", "new", RENAME_EXCHANGE), ENOENT);
			fails(rename_with("new", "old", RENAME_EXCHANGE), ENOENT);
			succeeds(rename_with("new", "old", RENAME_NOREPLACE));
			check(inode_of("old") == old && !exists("new"));
			remove_tree("old");
		}
	}
	context("%s", "");
	make(REGULAR, "old");
	make(REGULAR, "new");
	fails(rename_with("old", "new", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
	fails(rename_with("old", "new", 0x80), EINVAL);
	succeeds(rename_with("old", "old", RENAME_EXCHANGE));
	fails(rename_with("old", "old", RENAME_NOREPLACE), EEXIST);
	check(exists("old") && exists("new"));
}
