#include "../suite.h"

RULE("a descriptor allows what it was opened for")
{
	char byte = 'x';
	make_file("file", 0666, 0, 0, "text");
	int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY), path = open("file", O_PATH);
	int directory = open(".", O_RDONLY);
	must(reader);
	must(writer);
	must(path);
	must(directory);
	fails(write(reader, &byte, 1), EBADF);
	fails(pwrite(reader, &byte, 1, 0), EBADF);
	fails(ftruncate(reader, 0), EINVAL);
	fails(read(writer, &byte, 1), EBADF);
	fails(pread(writer, &byte, 1, 0), EBADF);
	fails(read(path, &byte, 1), EBADF);
	fails(write(path, &byte, 1), EBADF);
	fails(ftruncate(path, 0), EBADF);
	fails(fsync(path), EBADF);
	fails(lseek(path, 0, SEEK_SET), EBADF);
	fails(read(directory, &byte, 1), EISDIR);
	fails(write(directory, &byte, 1), EBADF);
	fails(ftruncate(directory, 0), EINVAL);
	succeeds(fsync(directory));
	succeeds(fdatasync(directory));
	check(holds_text("file", "text"));
	struct stat status;
	succeeds(fstat(path, &status));
	equals(status.st_size, 4);
}
