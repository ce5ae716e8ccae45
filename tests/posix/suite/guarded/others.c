#include "../flags/flags.h"

RULE("where opens are looked at, files without flags open as ever: data, seeking, locks, many at a time")
{
	char bytes[8];
	int files[64];

	make_file("file", 0644, 0, 0, "contents");
	for (int i = 0; i < 64; i++)
		files[i] = open("file", i % 2 ? O_RDWR : O_RDONLY);
	check(files[63] >= 0);
	equals(pwrite(files[1], "C", 1, 0), 1);
	equals(pread(files[0], bytes, 8, 0), 8);
	check(!memcmp(bytes, "Contents", 8));
	must(unlink("file"));
	equals(pread(files[62], bytes, 8, 0), 8);
	equals(ftruncate(files[3], 4), 0);
	equals(pread(files[0], bytes, 8, 0), 4);
	for (int i = 0; i < 64; i++)
		must(close(files[i]));
	int file = open("new", O_CREAT | O_EXCL | O_RDWR, 0400);
	equals(write(file, "x", 1), 1);
	as(USER, GROUP, fails(open("new", O_RDONLY), EACCES));
	close(file);
}
