#include "flags.h"

RULE("a descriptor from before cannot change an immutable file either; other flags stay as they are with it")
{
	make_file("file", 0644, USER, GROUP, "contents");
	make(REGULAR, "other");
	int file = open("file", O_RDWR), appending = open("file", O_WRONLY | O_APPEND);
	int source = open("other", O_RDWR);
	fill(source, 0, 10, 'o');
	must(flags_set("file", FS_IMMUTABLE_FL));
	watch("file", 0);
	timed({
		fails(chown("file", -1, -1), EPERM);
		fails(write(file, "x", 1), EPERM);
		fails(pwrite(file, "x", 1, 100), EPERM);
		fails(write(appending, "x", 1), EPERM);
		fails(ftruncate(file, 1), EPERM);
		fails(ftruncate(file, 100), EPERM);
		fails(ftruncate(file, 8), EPERM);
		fails(fallocate(file, 0, 0, 100), EPERM);
		fails(fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 10000), EPERM);
		fails(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4), EPERM);
		fails(copy_file_range(source, NULL, file, NULL, 4, 0), EPERM);
	});
	fails(flags_set("file", FS_IMMUTABLE_FL | FS_NODUMP_FL), EPERM);
	check(holds_text("file", "contents"));
	must(flags_set("file", 0));
	succeeds(pwrite(file, "C", 1, 0));
	check(holds_text("file", "Contents"));
	close(file);
	close(appending);
	close(source);
}
