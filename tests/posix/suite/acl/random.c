#include "acl.h"

static uint64_t state = 4711;

static unsigned chance(unsigned below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % below;
}

static const char *random_acl(void)
{
	static const char *const bits[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};
	static char text[512];
	char *to = text;
	unsigned users = chance(4), groups = chance(4);

	to += sprintf(to, "u::%s,", bits[chance(8)]);
	for (unsigned i = 0; i < users; i++)
		to += sprintf(to, "u:%u:%s,", 1000 + i * 7, bits[chance(8)]);
	to += sprintf(to, "g::%s,", bits[chance(8)]);
	for (unsigned i = 0; i < groups; i++)
		to += sprintf(to, "g:%u:%s,", 2000 + i * 7, bits[chance(8)]);
	if (users || groups || chance(2))
		to += sprintf(to, "m::%s,", bits[chance(8)]);
	sprintf(to, "o::%s", bits[chance(8)]);
	return text;
}

static void change(const char *directory, const char *path)
{
	mode_t mode = chance(07777 + 1), mask = chance(0777 + 1);

	switch (chance(6)) {
	case 0:
		must(acl_set(directory, DEFAULT, random_acl()));
		break;
	case 1:
		must(acl_set(path, ACCESS, random_acl()));
		break;
	case 2:
		must(chmod(path, mode));
		break;
	case 3:
		must(removexattr(path, ACCESS));
		break;
	default:
		remove_tree(path);
		umask(mask);
		if (chance(2))
			must(mkdir(path, mode & 01777));
		else
			must(mknod(path, S_IFREG | mode, 0));
		umask(0);
	}
}

RULE("random changes of ACLs and modes have the same outcome everywhere: it is in the assertions' names")
{
	make_directory("directory", 0777, 0, 0);
	make_file("directory/file", 0644, 0, 0, "");
	for (int i = 0; i < 400; i++) {
		change("directory", "directory/file");
		context("%d: %llo %s; %s", i, mode_of("directory/file"), acl_of("directory/file", ACCESS),
			acl_of("directory/file", DEFAULT));
		check(exists("directory/file"));
	}
}
