#include "acl.h"

static int by_open(const char *path, mode_t mode)
{
	int file = open(path, O_CREAT | O_EXCL | O_WRONLY, mode);

	if (file >= 0)
		close(file);
	return file < 0 ? -1 : 0;
}

static int by_mknod(const char *path, mode_t mode)
{
	return mknod(path, S_IFREG | mode, 0);
}

static const struct {
	const char *name;
	int (*run)(const char *path, mode_t mode);
} makers[] = {{"open", by_open}, {"mkdir", mkdir}, {"mkfifo", mkfifo}, {"mknod", by_mknod}};

static const char *bits(mode_t mode)
{
	static const char *const names[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};

	return names[mode & 7];
}

/* What was made with this mode below a directory whose default ACL gives these permissions at most, with a
 * named user and a mask or without. */
static void inherited(const char *path, mode_t mode, mode_t most, bool named, const char *of_directory)
{
	mode_t left = mode & most;
	char text[128] = "";

	if (named)
		snprintf(text, sizeof(text), "u::%s,u:65533:rwx,g::r-x,m::%s,o::%s", bits(left >> 6),
			 bits(left >> 3), bits(left));
	equals(mode_of(path), left);
	check(!strcmp(acl_of(path, ACCESS), text));
	check(!strcmp(acl_of(path, DEFAULT), format_of(path) == S_IFDIR ? of_directory : ""));
}

static void each(mode_t mode, mode_t most, bool named, const char *of_directory)
{
	static const mode_t umasks[] = {0, 022, 077, 0777};

	for (unsigned i = 0; i < 4; i++) {
		umask(umasks[i]);
		for (unsigned j = 0; j < sizeof(makers) / sizeof(*makers); j++) {
			context("%s, %s %o, umask %o", of_directory, makers[j].name, mode, umasks[i]);
			as(USER, GROUP, succeeds(makers[j].run("directory/new", mode)));
			if (*of_directory)
				inherited("directory/new", mode, most, named, of_directory);
			else
				inherited("directory/new", mode, 0777 & ~umasks[i], false, "");
			remove_tree("directory/new");
		}
	}
	umask(0);
}

RULE("a default ACL is inherited instead of the umask; the mode asked for bounds it")
{
	static const mode_t modes[] = {0777, 0666, 0640, 0604, 0111, 0};
	const char *texts[] = {"u::rwx,u:65533:rwx,g::r-x,m::rwx,o::r-x",
			       "u::rw-,u:65533:rwx,g::r-x,m::r--,o::---", "u::rwx,g::rwx,o::---",
			       "u::r-x,g::---,o::rwx", ""};
	const mode_t most[] = {0775, 0640, 0770, 0507, 0777};

	make_directory("directory", 0777, 0, 0);
	for (unsigned i = 0; i < 5; i++) {
		must(acl_set("directory", DEFAULT, texts[i]));
		for (unsigned j = 0; j < sizeof(modes) / sizeof(*modes); j++)
			each(modes[j], most[i], i < 2, texts[i]);
	}
	context("%s", "");
	/* symlinks inherit nothing; a set-group-ID directory gives its group and bit as well */
	must(acl_set("directory", DEFAULT, texts[0]));
	umask(077);
	succeeds(symlink("x", "directory/link"));
	equals(mode_of("directory/link"), 0777);
	must(unlink("directory/link"));
	must(chown("directory", 0, OTHER_GROUP));
	must(chmod("directory", 02777));
	as(USER, GROUP, succeeds(mkdir("directory/new", 0777)));
	equals(mode_of("directory/new"), 02775);
	equals(gid_of("directory/new"), OTHER_GROUP);
	acl_is("directory/new", DEFAULT, "u::rwx,u:65533:rwx,g::r-x,m::rwx,o::r-x");
	as(USER, GROUP, succeeds(by_open("directory/new/file", 0666)));
	equals(mode_of("directory/new/file"), 0664);
	acl_is("directory/new/file", ACCESS, "u::rw-,u:65533:rwx,g::r-x,m::rw-,o::r--");
	/* what is there already inherits nothing: hard links and renames */
	must(by_open("file", 0666));
	equals(mode_of("file"), 0600);
	succeeds(link("file", "directory/link"));
	acl_is("directory/link", ACCESS, "");
	succeeds(rename("file", "directory/file"));
	acl_is("directory/file", ACCESS, "");
	equals(mode_of("directory/file"), 0600);
	umask(0);
}
