#include "../suite.h"

#include <sys/socket.h>
#include <sys/un.h>

static int with_address(int (*call)(int, const struct sockaddr *, socklen_t), int end, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return call(end, (struct sockaddr *)&address, sizeof(address));
}

static int connect_to(int end, const struct sockaddr *address, socklen_t length)
{
	return connect(end, address, length);
}

static int bind_to(int end, const struct sockaddr *address, socklen_t length)
{
	return bind(end, address, length);
}

static int new_socket(void)
{
	int end = socket(AF_UNIX, SOCK_STREAM, 0);

	must(end);
	return end;
}

RULE("sockets: bind makes one, connect finds it and needs write permission")
{
	int listener = new_socket(), client = new_socket();
	char text[8];

	umask(022);
	succeeds(with_address(bind_to, listener, "socket"));
	umask(0);
	equals(format_of("socket"), S_IFSOCK);
	equals(mode_of("socket"), 0755);
	must(listen(listener, 5));
	fails(with_address(bind_to, client, "socket"), EADDRINUSE);
	as(USER, GROUP, fails(with_address(connect_to, client, "socket"), EACCES));
	must(chmod("socket", 0777));
	as(USER, GROUP, succeeds(with_address(connect_to, client, "socket")));
	int server = accept(listener, NULL, NULL);
	check(server >= 0);
	equals(write(client, "hello", 5), 5);
	equals(read(server, text, sizeof(text)), 5);
	must(rename("socket", "renamed"));
	int second = new_socket(), third = new_socket();
	succeeds(with_address(connect_to, second, "renamed"));
	fails(with_address(connect_to, third, "socket"), ENOENT);
	make(REGULAR, "file");
	fails(with_address(connect_to, third, "file"), ECONNREFUSED);
	must(close(listener));
	fails(with_address(connect_to, third, "renamed"), ECONNREFUSED);
	succeeds(unlink("renamed"));
	make_directory("open", 0755, 0, 0);
	as(USER, GROUP, fails(with_address(bind_to, third, "open/socket"), EACCES));
}
