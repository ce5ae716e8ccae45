#include "../suite.h"

#include <sys/sysmacros.h>

static void device(mode_t format, unsigned major_number, unsigned minor_number)
{
	struct stat status;

	context("%s %u:%u", format == S_IFBLK ? "block" : "character", major_number, minor_number);
	succeeds(mknod("device", format | 0600, makedev(major_number, minor_number)));
	succeeds(lstat("device", &status));
	equals(status.st_mode, format | 0600);
	equals(major(status.st_rdev), major_number);
	equals(minor(status.st_rdev), minor_number);
	equals(status.st_size, 0);
	equals(status.st_nlink, 1);
	succeeds(unlink("device"));
}

RULE("devices keep their numbers; only root makes them")
{
	static const unsigned numbers[][2] = {{0, 0},	{1, 3},	   {8, 255},	    {8, 256},	 {255, 65535},
					      {256, 0}, {4000, 1}, {4095, 1048575}, {239, 70000}};

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		device(S_IFCHR, numbers[i][0], numbers[i][1]);
		device(S_IFBLK, numbers[i][0], numbers[i][1]);
	}
	context("%s", "");
	make_directory("open", 0777, USER, GROUP);
	as(USER, GROUP, fails(mknod("open/device", S_IFCHR | 0600, makedev(1, 3)), EPERM));
	as(USER, GROUP, fails(mknod("open/device", S_IFBLK | 0600, makedev(1, 3)), EPERM));
	as(USER, GROUP, succeeds(mknod("open/socket", S_IFSOCK | 0600, 0)));
	as(USER, GROUP, succeeds(mknod("open/fifo", S_IFIFO | 0600, 0)));
	check(!exists("open/device"));
	fails(mknod("link", S_IFLNK | 0600, 0), EINVAL);
	fails(mknod("directory", S_IFDIR | 0600, 0), EPERM);
	fails(mknod("nothing", S_IFMT | 0600, 0), EINVAL);
	check(!exists("link"));
	check(!exists("directory"));
}
