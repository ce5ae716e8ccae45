#include "../suite.h"

RULE("posix_fallocate makes room and grows a file, never shrinks or changes it")
{
	make_file("file", 0644, 0, 0, "contents");
	int file = open("file", O_RDWR);
	must(file);
	equals(posix_fallocate(file, 0, 5), 0);
	equals(size_of("file"), 8);
	check(holds_text("file", "contents"));
	equals(posix_fallocate(file, 100000, 1000), 0);
	equals(size_of("file"), 101000);
	check(filled(file, 8, 101000, 0));
	equals(posix_fallocate(file, 0, 200000), 0);
	equals(size_of("file"), 200000);
	check(blocks_of("file") >= 200000 / 512);
	check(filled(file, 8, 200000, 0));
	char text[8];
	equals(pread(file, text, 8, 0), 8);
	check(memcmp(text, "contents", 8) == 0);
	watch("file", MTIME | CTIME);
	timed(equals(posix_fallocate(file, 0, 300000), 0));
	equals(posix_fallocate(file, -1, 10), EINVAL);
	equals(posix_fallocate(file, 0, 0), EINVAL);
	equals(posix_fallocate(file, 0, -1), EINVAL);
	equals(posix_fallocate(file, INT64_MAX, 1), EFBIG);
	equals(posix_fallocate(file, 1, INT64_MAX), EFBIG);
	equals(posix_fallocate(-1, 0, 1), EBADF);
	int reader = open("file", O_RDONLY);
	must(reader);
	equals(posix_fallocate(reader, 0, 1), EBADF);
	make(FIFO, "fifo");
	int fifo = open("fifo", O_RDWR);
	must(fifo);
	equals(posix_fallocate(fifo, 0, 1), ESPIPE);
	equals(size_of("file"), 300000);
	as(USER, GROUP, equals(posix_fallocate(file, 0, 400000), 0));
	equals(size_of("file"), 400000);
}
