#include "../suite.h"

#include <sys/sysmacros.h>

static int rename_with(const char *old, const char *new, unsigned flags)
{
	return renameat2(AT_FDCWD, old, AT_FDCWD, new, flags);
}

static void is_whiteout(const char *path)
{
	struct stat status;

	must(lstat(path, &status));
	check(S_ISCHR(status.st_mode));
	check(major(status.st_rdev) == 0 && minor(status.st_rdev) == 0);
	equals((int)status.st_nlink, 1);
}

static void between(const char *from, const char *to)
{
	for (enum type type = 0; type < TYPES; type++) {
		const char *old = text_of("%s/old", from), *new = text_of("%s/new", to);
		make(type, old);
		long long inode = inode_of(old), links = links_of(to);
		context("%s, %s to %s", type_name(type), from, to);
		succeeds(rename_with(old, new, RENAME_WHITEOUT));
		equals(inode_of(new), inode);
		equals(format_of(new), type_mode(type));
		is_whiteout(old);
		if (strcmp(from, to))
			equals(links_of(to), links + (type == DIRECTORY));
		/* Onto what is there. */
		must(unlink(old));
		make(type, old);
		inode = inode_of(old);
		fails(rename_with(old, new, RENAME_WHITEOUT | RENAME_NOREPLACE), EEXIST);
		succeeds(rename_with(old, new, RENAME_WHITEOUT));
		equals(inode_of(new), inode);
		is_whiteout(old);
		/* A whiteout is a file: it can be replaced, and moved itself. */
		succeeds(rename_with(old, "moved", RENAME_WHITEOUT | RENAME_NOREPLACE));
		is_whiteout(old);
		is_whiteout("moved");
		must(unlink(old));
		must(unlink("moved"));
		remove_tree(new);
	}
}

RULE("RENAME_WHITEOUT leaves a character device 0:0 at the old name")
{
	make(DIRECTORY, "one");
	make(DIRECTORY, "two");
	between("one", "one");
	between("one", "two");
	context("%s", "");
	/* Nothing has remained that could not be removed. */
	succeeds(rmdir("one"));
	succeeds(rmdir("two"));
	make_directory("users", 02777, USER, GROUP);
	as(USER, GROUP, close(open("users/file", O_WRONLY | O_CREAT, 0644)));
	as(USER, GROUP, succeeds(rename_with("users/file", "users/moved", RENAME_WHITEOUT)));
	is_whiteout("users/file");
	equals(uid_of("users/file"), USER);
	equals(mode_of("users/file"), 0);
	make(REGULAR, "a");
	must(link("a", "b"));
	succeeds(rename_with("a", "b", RENAME_WHITEOUT));
	equals(links_of("a"), 2);
	fails(rename_with("a", "b", RENAME_WHITEOUT | RENAME_EXCHANGE), EINVAL);
	fails(rename_with("none", "b", RENAME_WHITEOUT), ENOENT);
}
