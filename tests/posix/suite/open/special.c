#include "../suite.h"

static void try_open(const char *path, int flags, int error)
{
	int file;

	context("%s, flags %#o", path, flags);
	gives(file = open(path, flags), error);
	if (file >= 0)
		close(file);
}

RULE("ENXIO for sockets, devices without driver and fifos without a reader")
{
	make(SOCKET, "socket");
	make(BLOCK, "block");
	make(CHARACTER, "character");
	make(FIFO, "fifo");
	try_open("socket", O_RDONLY, ENXIO);
	try_open("socket", O_WRONLY, ENXIO);
	try_open("socket", O_RDWR, ENXIO);
	try_open("socket", O_PATH, 0);
	try_open("character", O_RDONLY, ENXIO);
	try_open("character", O_RDWR, ENXIO);
	try_open("block", O_RDONLY, ENXIO);
	try_open("block", O_PATH, 0);
	try_open("fifo", O_WRONLY | O_NONBLOCK, ENXIO);
	try_open("fifo", O_RDONLY | O_NONBLOCK, 0);
	try_open("fifo", O_RDWR, 0);
	int reader = open("fifo", O_RDONLY | O_NONBLOCK);
	must(reader);
	try_open("fifo", O_WRONLY | O_NONBLOCK, 0);
	for (enum type type = FIFO; type < SYMLINK; type++)
		try_open(type_name(type), O_RDONLY | O_DIRECTORY,
			 type == FIFO || type == SOCKET ? ENOTDIR : ENOENT);
}
