#include "../suite.h"

static void try_open(const char *path, int flags, int error)
{
	int file;

	gives(file = open(path, flags | O_NONBLOCK), error);
	if (file >= 0)
		close(file);
}

/* flags: what is to be done, needed: the permission bits for it */
static void all_modes(const char *path, const char *what, int flags, mode_t needed, enum relation relation)
{
	for (mode_t bits = 0; bits < 8; bits++) {
		mode_t mode = (0777 & ~mode_for(relation, 7)) | mode_for(relation, bits);
		if (relation == IN_EXTRA_GROUP)
			mode = 0707 | mode_for(relation, bits);
		must(chmod(path, mode));
		context("mode %04o, %s, %s", mode, what, relation_name(relation));
		become_related(relation);
		try_open(path, flags, (bits & needed) == needed ? 0 : EACCES);
		become_root();
	}
}

RULE("the mode decides who reads and writes, root does both")
{
	make_for(REGULAR, "file", USER, GROUP);
	make_for(FIFO, "fifo", USER, GROUP);
	make_for(DIRECTORY, "directory", USER, GROUP);
	/* so that a writer of the fifo finds a reader */
	int reader = open("fifo", O_RDWR | O_NONBLOCK);
	must(reader);
	for (enum relation relation = 0; relation < RELATIONS; relation++) {
		all_modes("file", "file, read", O_RDONLY, 4, relation);
		all_modes("file", "file, write", O_WRONLY, 2, relation);
		all_modes("file", "file, both", O_RDWR, 6, relation);
		all_modes("file", "file, truncate", O_WRONLY | O_TRUNC, 2, relation);
		all_modes("file", "file, read and truncate", O_RDONLY | O_TRUNC, 6, relation);
		all_modes("file", "file, path", O_PATH, 0, relation);
		all_modes("fifo", "fifo, read", O_RDONLY, 4, relation);
		all_modes("fifo", "fifo, write", O_WRONLY, 2, relation);
		all_modes("directory", "directory, read", O_RDONLY, 4, relation);
	}
	must(chmod("file", 0));
	must(chmod("directory", 0));
	context("root");
	try_open("file", O_RDWR, 0);
	try_open("file", O_RDWR | O_TRUNC, 0);
	try_open("directory", O_RDONLY, 0);
}
