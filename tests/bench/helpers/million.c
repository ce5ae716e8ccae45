/* `million DIR FILES`: FILES files of 100 bytes, 1000 to a directory. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **argument)
{
	char path[64], bytes[100];
	if (count != 3 || chdir(argument[1]))
		errx(2, "usage: million DIR FILES");
	memset(bytes, 'm', sizeof(bytes));
	for (int i = 0; i < atoi(argument[2]); i++) {
		if (i % 1000 == 0) {
			snprintf(path, sizeof(path), "directory-%d", i / 1000);
			if (mkdir(path, 0755))
				err(1, "%s", path);
		}
		snprintf(path, sizeof(path), "directory-%d/file-%d", i / 1000, i);
		int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (file < 0 || write(file, bytes, sizeof(bytes)) != sizeof(bytes) || close(file))
			err(1, "%s", path);
	}
	return 0;
}
