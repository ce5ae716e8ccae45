/* mapped FILE: maps it for writing, makes it immutable, stores; exits 0 if msync says that it cannot be
 * written and the file still has its old byte. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	int file = count == 2 ? open(arguments[1], O_RDWR) : -1, flags = 0;
	char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	if (file < 0 || memory == MAP_FAILED || ioctl(file, FS_IOC_GETFLAGS, &flags)) {
		perror("mapped");
		return 1;
	}
	flags |= FS_IMMUTABLE_FL;
	if (ioctl(file, FS_IOC_SETFLAGS, &flags)) {
		perror("flags");
		return 1;
	}
	memory[0] = 'X';
	if (msync(memory, 4096, MS_SYNC) == 0) {
		fprintf(stderr, "msync succeeded\n");
		return 1;
	}
	if (errno != EPERM && errno != EIO) {
		perror("msync");
		return 1;
	}
	return 0;
}
