#include "../suite.h"

static void copy_id(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	char bytes[65536];
	ssize_t got;
	int from = open("/usr/bin/id", O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);

	must(from);
	must(to);
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		must(write(to, bytes, (size_t)got));
	must(fchown(to, uid, gid));
	must(fchmod(to, mode));
	must(close(from));
	must(close(to));
}

/* What `id` prints as its first line; the caller's real id is another's, so effective ones show. */
static const char *output(const char *command)
{
	static char line[64];
	FILE *stream = popen(command, "re");

	line[0] = 0;
	if (stream) {
		if (!fgets(line, sizeof(line), stream))
			line[0] = 0;
		pclose(stream);
	}
	line[strcspn(line, "\n")] = 0;
	return line;
}

RULE("a set-user-ID or set-group-ID program takes its owner's id, where the mount allows it")
{
	copy_id("plain", 0755, OTHER_USER, OTHER_GROUP);
	copy_id("user", 04755, OTHER_USER, OTHER_GROUP);
	copy_id("group", 02755, OTHER_USER, OTHER_GROUP);
	as(USER, GROUP, check(strcmp(output("./plain -u"), "65534") == 0));
	as(USER, GROUP, check(strcmp(output("./user -u"), "65533") == 0));
	as(USER, GROUP, check(strcmp(output("./user -ur"), "65534") == 0));
	as(USER, GROUP, check(strcmp(output("./user -g"), "65534") == 0));
	as(USER, GROUP, check(strcmp(output("./group -g"), "65533") == 0));
	as(USER, GROUP, check(strcmp(output("./group -u"), "65534") == 0));
}
