#include "../flags/flags.h"

static void opens(const char *path, int flags, int error)
{
	int file;

	gives(file = open(path, flags), error);
	if (file >= 0)
		close(file);
}

RULE("immutable and append-only files cannot be opened for what they do not allow")
{
	make_file("file", 0666, USER, GROUP, "text");
	make_file("log", 0666, USER, GROUP, "text");
	must(flags_set("file", FS_IMMUTABLE_FL));
	must(flags_set("log", FS_APPEND_FL));
	for (int user = 0; user < 2; user++) {
		if (user)
			become(OTHER_USER, OTHER_GROUP, 0);
		context("immutable");
		opens("file", O_RDONLY, 0);
		opens("file", O_WRONLY, EPERM);
		opens("file", O_RDWR, EPERM);
		opens("file", O_WRONLY | O_APPEND, EPERM);
		opens("file", O_RDWR | O_APPEND, EPERM);
		opens("file", O_WRONLY | O_TRUNC, EPERM);
		opens("file", O_RDONLY | O_TRUNC, EPERM);
		opens("file", O_WRONLY | O_CREAT, EPERM);
		context("append-only");
		opens("log", O_RDONLY, 0);
		opens("log", O_WRONLY, EPERM);
		opens("log", O_RDWR, EPERM);
		opens("log", O_WRONLY | O_APPEND, 0);
		opens("log", O_RDWR | O_APPEND, 0);
		opens("log", O_WRONLY | O_APPEND | O_TRUNC, EPERM);
		opens("log", O_WRONLY | O_TRUNC, EPERM);
		opens("log", O_RDONLY | O_TRUNC, EPERM);
		opens("log", O_WRONLY | O_APPEND | O_CREAT, 0);
	}
	become_root();
	check(holds_text("file", "text"));
	check(holds_text("log", "text"));
	must(flags_set("file", 0));
	must(flags_set("log", 0));
	context("cleared");
	opens("file", O_RDWR, 0);
	opens("log", O_WRONLY | O_TRUNC, 0);
	equals(size_of("log"), 0);
}
