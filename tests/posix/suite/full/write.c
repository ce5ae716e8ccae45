#include "../suite.h"

#define PIECE 65536
#define MOST  (1 << 30)

static char bytes[PIECE];

/* Until there is no room: how much went in. */
static long long fill_up(int file)
{
	long long done = 0;
	ssize_t written;

	errno = 0;
	while (done < MOST && (written = write(file, bytes, PIECE)) > 0)
		done += written;
	return done;
}

RULE("ENOSPC to the writer; what is there stays, and can be changed, read and removed")
{
	make_file("before", 0644, 0, 0, "contents");
	make_file("overwritten", 0644, 0, 0, "old contents");
	make(DIRECTORY, "directory");
	memset(bytes, 'x', PIECE);
	int file = open("large", O_RDWR | O_CREAT, 0644);
	must(file);
	long long done = fill_up(file);
	check(errno == ENOSPC);
	check(done > 4 << 20);
	equals(size_of("large"), done);
	check(filled(file, 0, done, 'x'));
	fails(write(file, bytes, PIECE), ENOSPC);
	check(holds_text("before", "contents"));
	context("when full");
	int other = open("overwritten", O_RDWR);
	must(other);
	equals(pwrite(other, "new", 3, 0), 3);
	succeeds(fsync(other));
	check(holds_text("overwritten", "new contents"));
	equals(pwrite(file, "y", 1, 1000), 1);
	succeeds(chmod("before", 0600));
	succeeds(rename("before", "directory/renamed"));
	check(holds_text("directory/renamed", "contents"));
	succeeds(utimensat(AT_FDCWD, "large", NULL, 0));
	equals(posix_fallocate(other, 0, 64 << 20), ENOSPC);
	char text[12];
	equals(pread(other, text, 12, 0), 12);
	check(memcmp(text, "new contents", 12) == 0);
	succeeds(fsync(file));
	context("room again");
	succeeds(ftruncate(file, done / 2));
	succeeds(fsync(file));
	check(filled(file, 0, 1000, 'x') && filled(file, 1001, done / 2, 'x'));
	int again = open("again", O_RDWR | O_CREAT, 0644);
	must(again);
	fill(again, 0, done / 4, 'z');
	check(filled(again, 0, done / 4, 'z'));
	succeeds(unlink("large"));
	succeeds(close(file));
	succeeds(unlink("again"));
	succeeds(close(again));
	check(holds_text("directory/renamed", "contents"));
}
