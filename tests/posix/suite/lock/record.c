#include "../suite.h"

struct range {
	short type;
	off_t start, length;
	int command;
};

static int set_lock(int file, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(file, command, &lock);
}

static int try_lock(void *argument)
{
	const struct range *range = argument;
	int file = open("file", O_RDWR);

	return set_lock(file, range->command, range->type, range->start, range->length) ? errno : 0;
}

static int other(short type, off_t start, off_t length)
{
	return in_child(try_lock, &(struct range){type, start, length, F_SETLK});
}

static void process_locks(int file)
{
	struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};

	succeeds(set_lock(file, F_SETLK, F_WRLCK, 100, 100));
	equals(other(F_RDLCK, 0, 100), 0);
	equals(other(F_RDLCK, 0, 101), EAGAIN);
	equals(other(F_WRLCK, 150, 1), EAGAIN);
	equals(other(F_WRLCK, 200, 0), 0);
	equals(other(F_WRLCK, 0, 0), EAGAIN);
	succeeds(set_lock(file, F_SETLK, F_UNLCK, 140, 20));
	equals(other(F_WRLCK, 140, 20), 0);
	equals(other(F_WRLCK, 139, 1), EAGAIN);
	equals(other(F_WRLCK, 160, 1), EAGAIN);
	succeeds(set_lock(file, F_SETLK, F_RDLCK, 100, 40));
	equals(other(F_RDLCK, 100, 40), 0);
	equals(other(F_WRLCK, 100, 40), EAGAIN);
	/* One's own locks are no hindrance. */
	succeeds(fcntl(file, F_GETLK, &query));
	equals(query.l_type, F_UNLCK);
	/* Closing any descriptor of the file drops them all. */
	must(close(open("file", O_RDONLY)));
	equals(other(F_WRLCK, 0, 0), 0);
}

RULE("fcntl locks by process, OFD locks by open file")
{
	make(REGULAR, "file");
	int file = open("file", O_RDWR), second = open("file", O_RDWR), reader = open("file", O_RDONLY);
	must(file);
	must(second);
	must(reader);
	process_locks(file);
	fails(set_lock(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
	fails(set_lock(file, F_SETLK, 99, 0, 1), EINVAL);
	fails(set_lock(file, F_SETLK, F_WRLCK, -1, 1), EINVAL);
	context("OFD");
	succeeds(set_lock(file, F_OFD_SETLK, F_WRLCK, 0, 100));
	fails(set_lock(second, F_OFD_SETLK, F_RDLCK, 0, 1), EAGAIN);
	succeeds(set_lock(second, F_OFD_SETLK, F_WRLCK, 100, 0));
	equals(other(F_RDLCK, 0, 1), EAGAIN);
	must(close(open("file", O_RDONLY)));
	equals(other(F_RDLCK, 0, 1), EAGAIN);
	must(close(file));
	equals(other(F_RDLCK, 0, 100), 0);
	equals(other(F_RDLCK, 100, 1), EAGAIN);
	must(close(second));
	equals(other(F_WRLCK, 0, 0), 0);
}
