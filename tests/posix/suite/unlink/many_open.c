#include "../suite.h"

#define FILES 100

RULE("a hundred unlinked files stay apart")
{
	int files[FILES];
	char name[16];
	bool right = true;

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		files[i] = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
		must(files[i]);
		must(unlink(name));
		fill(files[i], 0, 1000 + i * 100, (unsigned char)i);
	}
	for (int i = 0; i < FILES; i++) {
		struct stat status;
		must(fstat(files[i], &status));
		right = right && status.st_size == 1000 + i * 100 && status.st_nlink == 0;
		right = right && filled(files[i], 0, status.st_size, (unsigned char)i);
	}
	check(right);
	for (int i = 0; i < FILES; i += 2)
		must(close(files[i]));
	for (int i = 1; i < FILES; i += 2)
		right = right && filled(files[i], 0, 1000 + i * 100, (unsigned char)i);
	check(right);
}
