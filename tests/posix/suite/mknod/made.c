#include "../suite.h"

static int make_regular(const char *path, mode_t mode)
{
	return mknod(path, S_IFREG | mode, 0);
}

static int make_untyped(const char *path, mode_t mode)
{
	return mknod(path, mode, 0);
}

static int make_fifo(const char *path, mode_t mode)
{
	return mknod(path, S_IFIFO | mode, 0);
}

static int make_socket(const char *path, mode_t mode)
{
	return mknod(path, S_IFSOCK | mode, 0);
}

RULE("mode, umask, owner, group, links and times of files, fifos and sockets; EEXIST")
{
	making(REGULAR, make_regular);
	making(FIFO, make_fifo);
	making(SOCKET, make_socket);
	context("no type");
	succeeds(make_untyped("untyped", 0640));
	equals(format_of("untyped"), S_IFREG);
	equals(mode_of("untyped"), 0640);
}
