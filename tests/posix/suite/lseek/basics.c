#include "../suite.h"

RULE("SEEK_SET, SEEK_CUR, SEEK_END")
{
	char byte;

	make_file("file", 0644, 0, 0, "0123456789");
	int file = open("file", O_RDWR), copy = dup(file), other = open("file", O_RDONLY);
	must(file);
	must(copy);
	must(other);
	equals(lseek(file, 4, SEEK_SET), 4);
	equals(read(file, &byte, 1), 1);
	equals(byte, '4');
	equals(lseek(file, 0, SEEK_CUR), 5);
	equals(lseek(file, 2, SEEK_CUR), 7);
	equals(lseek(file, -3, SEEK_CUR), 4);
	equals(lseek(file, -1, SEEK_END), 9);
	equals(read(file, &byte, 1), 1);
	equals(byte, '9');
	equals(read(file, &byte, 1), 0);
	equals(lseek(file, 100, SEEK_END), 110);
	equals(read(file, &byte, 1), 0);
	fails(lseek(file, -1, SEEK_SET), EINVAL);
	fails(lseek(file, -111, SEEK_CUR), EINVAL);
	fails(lseek(file, -11, SEEK_END), EINVAL);
	fails(lseek(file, 0, 99), EINVAL);
	fails(lseek(-1, 0, SEEK_SET), EBADF);
	equals(lseek(copy, 0, SEEK_CUR), 110);
	equals(lseek(other, 0, SEEK_CUR), 0);
	equals(write(file, "x", 1), 1);
	equals(size_of("file"), 111);
	check(filled(file, 10, 110, 0));
	make(FIFO, "fifo");
	int fifo = open("fifo", O_RDWR);
	must(fifo);
	fails(lseek(fifo, 0, SEEK_SET), ESPIPE);
	fails(pread(fifo, &byte, 1, 0), ESPIPE);
}
