#include "flags.h"

RULE("a file without a name may become immutable; it goes with its last descriptor")
{
	make(REGULAR, "file");
	int file = open("file", O_RDWR), flags = 0;

	must(unlink("file"));
	must(ioctl(file, FS_IOC_GETFLAGS, &flags));
	flags |= FS_IMMUTABLE_FL;
	succeeds(ioctl(file, FS_IOC_SETFLAGS, &flags));
	fails(fchmod(file, 0600), EPERM);
	succeeds(close(file));
}
