#include "../suite.h"

RULE("errors: descriptors, types, flags; set-id bits go")
{
	make_file("from", 0644, 0, 0, "0123456789");
	make_file("to", 06777, USER, GROUP, "");
	make(FIFO, "fifo");
	int from = open("from", O_RDONLY), to = open("to", O_RDWR), reader = open("to", O_RDONLY);
	int append = open("to", O_WRONLY | O_APPEND), directory = open(".", O_RDONLY),
	    fifo = open("fifo", O_RDWR);
	int writer = open("from", O_WRONLY);
	must(from);
	must(to);
	must(reader);
	must(append);
	must(directory);
	must(fifo);
	must(writer);
	fails(copy_file_range(from, NULL, reader, NULL, 10, 0), EBADF);
	fails(copy_file_range(writer, NULL, to, NULL, 10, 0), EBADF);
	fails(copy_file_range(from, NULL, append, NULL, 10, 0), EBADF);
	fails(copy_file_range(-1, NULL, to, NULL, 10, 0), EBADF);
	fails(copy_file_range(directory, NULL, to, NULL, 10, 0), EISDIR);
	fails(copy_file_range(fifo, NULL, to, NULL, 10, 0), EINVAL);
	fails(copy_file_range(from, NULL, fifo, NULL, 10, 0), EINVAL);
	fails(copy_file_range(from, NULL, to, NULL, 10, 1), EINVAL);
	equals(copy_file_range(from, NULL, to, NULL, 0, 0), 0);
	equals(size_of("to"), 0);
	equals(mode_of("to"), 06777);
	as(OTHER_USER, OTHER_GROUP, equals(copy_file_range(from, NULL, to, NULL, 10, 0), 10));
	equals(mode_of("to"), 0777);
	check(holds_text("to", "0123456789"));
}
