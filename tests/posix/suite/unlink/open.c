#include "../suite.h"

RULE("an unlinked file lives as long as it is open")
{
	struct stat status;
	char text[16];

	make_file("file", 0644, USER, GROUP, "first");
	int file = open("file", O_RDWR), other = open("file", O_RDONLY);
	must(file);
	must(other);
	succeeds(unlink("file"));
	succeeds(fstat(file, &status));
	equals(status.st_nlink, 0);
	equals(status.st_size, 5);
	equals(pread(file, text, sizeof(text), 0), 5);
	check(memcmp(text, "first", 5) == 0);
	equals(pwrite(file, " and more", 9, 5), 9);
	equals(pread(other, text, sizeof(text), 0), 14);
	check(memcmp(text, "first and more", 14) == 0);
	succeeds(ftruncate(file, 100000));
	check(filled(other, 14, 100000, 0));
	fill(file, 50000, 150000, 'x');
	check(filled(other, 50000, 150000, 'x'));
	succeeds(fsync(file));
	succeeds(fchmod(file, 0600));
	succeeds(fchown(file, 0, 0));
	succeeds(futimens(file, NULL));
	must(fstat(other, &status));
	equals(status.st_mode, S_IFREG | 0600);
	equals(status.st_uid, 0);
	equals(status.st_size, 150000);
	/* A new file of that name is another one. */
	make_file("file", 0644, 0, 0, "second");
	check(holds_text("file", "second"));
	check(inode_of("file") != (long long)status.st_ino);
	equals(pread(other, text, 5, 0), 5);
	check(memcmp(text, "first", 5) == 0);
	/* Opened again through /proc. */
	int again = open(text_of("/proc/self/fd/%d", other), O_RDWR);
	check(again >= 0);
	equals(pwrite(again, "F", 1, 0), 1);
	equals(pread(file, text, 1, 0), 1);
	equals(text[0], 'F');
	must(close(again));
	must(close(file));
	equals(pread(other, text, 1, 50000), 1);
	equals(text[0], 'x');
	must(close(other));
}
