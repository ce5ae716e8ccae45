#include "../suite.h"

RULE("what may be renamed over what")
{
	for (enum type from = 0; from < TYPES; from++) {
		for (enum type to = 0; to < TYPES; to++) {
			bool directory = from == DIRECTORY, over = to == DIRECTORY;
			int error = directory == over ? 0 : directory ? ENOTDIR : EISDIR;
			make(from, "old");
			make(to, "new");
			long long old = inode_of("old"), new = inode_of("new");
			context("%s over %s", type_name(from), type_name(to));
			gives(rename("old", "new"), error);
			check(inode_of("old") == (error ? old : -1));
			check(inode_of("new") == (error ? new : old));
			equals(format_of("new"), type_mode(error ? to : from));
			remove_tree("old");
			remove_tree("new");
		}
		context("%s to a free name", type_name(from));
		make(from, "old");
		long long old = inode_of("old");
		succeeds(rename("old", "new"));
		check(!exists("old"));
		check(inode_of("new") == old);
		succeeds(rename("new", "new"));
		check(inode_of("new") == old);
		remove_tree("new");
	}
}
