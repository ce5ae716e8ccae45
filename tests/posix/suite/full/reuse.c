#include "../suite.h"

RULE("room that was freed can be used at once, over and over")
{
	int whole = 0;

	for (int i = 0; i < 6; i++) {
		int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
		char bytes[65536];
		long long done = 0;
		memset(bytes, 'a' + i, sizeof(bytes));
		must(file);
		while (done < 8 << 20) {
			ssize_t written = write(file, bytes, sizeof(bytes));
			if (written <= 0)
				break;
			done += written;
		}
		whole += done == 8 << 20 && filled(file, 0, done, (unsigned char)('a' + i));
		must(close(file));
	}
	equals(whole, 6);
}
