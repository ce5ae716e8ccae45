#include "../suite.h"

static int writer(void *path)
{
	int file = open(path, O_WRONLY);

	return file >= 0 && write(file, "through", 7) == 7 ? 0 : 1;
}

RULE("data goes through a fifo between processes")
{
	char text[16], path[] = "fifo";

	make(FIFO, "fifo");
	int reader = open("fifo", O_RDONLY | O_NONBLOCK);
	must(reader);
	equals(read(reader, text, sizeof(text)), 0);
	equals(in_child(writer, path), 0);
	equals(read(reader, text, sizeof(text)), 7);
	check(memcmp(text, "through", 7) == 0);
	equals(read(reader, text, sizeof(text)), 0);
	equals(size_of("fifo"), 0);
	must(rename("fifo", "renamed"));
	int file = open("renamed", O_WRONLY | O_NONBLOCK);
	check(file >= 0);
	equals(write(file, "x", 1), 1);
	equals(read(reader, text, sizeof(text)), 1);
	must(unlink("renamed"));
	equals(write(file, "y", 1), 1);
	equals(read(reader, text, sizeof(text)), 1);
}
