#include "../suite.h"

static int open_unnamed(const char *directory, int flags, mode_t mode)
{
	return open(directory, O_TMPFILE | flags, mode);
}

/* Through /proc, which asks for no privilege; or by the descriptor itself, which does. */
static int link_unnamed(int file, const char *name)
{
	return linkat(AT_FDCWD, text_of("/proc/self/fd/%d", file), AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static long long links_of_open(int file)
{
	struct stat status;

	must(fstat(file, &status));
	return (long long)status.st_nlink;
}

static void refusals(void)
{
	make(REGULAR, "file");
	fails(open_unnamed(".", O_RDONLY, 0600), EINVAL);
	fails(open_unnamed("file", O_RDWR, 0600), ENOTDIR);
	fails(open_unnamed("none", O_RDWR, 0600), ENOENT);
	fails(open(".", O_TMPFILE | O_RDWR | O_CREAT, 0600), EINVAL);
	make_directory("closed", 0755, 0, 0);
	as(USER, GROUP, fails(open_unnamed("closed", O_RDWR, 0600), EACCES));
	must(unlink("file"));
	must(rmdir("closed"));
}

static void without_a_name(void)
{
	struct stat status;
	char text[8];

	make_directory("directory", 0755, 0, 0);
	watch("directory", 0);
	int file = -1;
	timed(file = open_unnamed("directory", O_RDWR, 0640));
	check(file >= 0);
	must(fstat(file, &status));
	check(S_ISREG(status.st_mode));
	equals((int)(status.st_mode & 07777), 0640);
	equals((int)status.st_nlink, 0);
	equals((int)status.st_size, 0);
	equals(pwrite(file, "text", 4, 5000), 4);
	equals(pread(file, text, 4, 5000), 4);
	check(memcmp(text, "text", 4) == 0);
	succeeds(ftruncate(file, 10000));
	succeeds(fchmod(file, 0600));
	succeeds(fsync(file));
	/* The directory is as empty as before. */
	succeeds(rmdir("directory"));
	equals(pread(file, text, 4, 5000), 4);
	must(close(file));
}

static void given_a_name(int flags, bool by_descriptor)
{
	int file = open_unnamed(".", O_RDWR | flags, 0644);

	must(file);
	equals(write(file, "contents", 8), 8);
	watch(".", MTIME | CTIME);
	if (by_descriptor)
		timed(succeeds(linkat(file, "", AT_FDCWD, "named", AT_EMPTY_PATH)));
	else
		timed(succeeds(link_unnamed(file, "named")));
	equals(links_of_open(file), 1);
	check(holds_text("named", "contents"));
	equals(write(file, ", more", 6), 6);
	check(holds_text("named", "contents, more"));
	/* It is a file like any other now. */
	succeeds(link_unnamed(file, "second"));
	equals(links_of("named"), 2);
	fails(link_unnamed(file, "second"), EEXIST);
	succeeds(rename("named", "renamed"));
	succeeds(unlink("renamed"));
	succeeds(unlink("second"));
	equals(links_of_open(file), 0);
	/* Its last name has gone: it gets no other. */
	fails(link_unnamed(file, "again"), ENOENT);
	must(close(file));
}

RULE("O_TMPFILE: a file without a name, that linkat gives one")
{
	refusals();
	without_a_name();
	context("by /proc");
	given_a_name(0, false);
	context("by its descriptor");
	given_a_name(0, true);
	context("O_EXCL");
	int file = open_unnamed(".", O_RDWR | O_EXCL, 0644);
	must(file);
	fails(link_unnamed(file, "never"), ENOENT);
	must(close(file));
	context("as a user, in a directory with a group of its own");
	make_directory("shared", 02777, 0, EXTRA_GROUP);
	as(USER, GROUP, file = open_unnamed("shared", O_WRONLY, 0666));
	must(file);
	as(USER, GROUP, succeeds(link_unnamed(file, "shared/mine")));
	equals(uid_of("shared/mine"), USER);
	equals(gid_of("shared/mine"), EXTRA_GROUP);
	must(close(file));
	context("umask");
	umask(027);
	file = open_unnamed(".", O_RDWR, 0666);
	umask(0);
	must(file);
	succeeds(link_unnamed(file, "masked"));
	equals(mode_of("masked"), 0640);
	must(close(file));
	context("over a name that is there");
	make(REGULAR, "taken");
	file = open_unnamed(".", O_RDWR, 0666);
	must(file);
	fails(link_unnamed(file, "taken"), EEXIST);
	succeeds(link_unnamed(file, "free"));
	succeeds(rename("free", "taken"));
	check(inode_of("taken") != -1);
	must(close(file));
}
