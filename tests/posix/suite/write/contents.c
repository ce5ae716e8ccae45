#include "../suite.h"

#define SIZE (3 << 20)

/* A small generator: the same sequence at every run. */
static unsigned next(unsigned *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

RULE("a thousand writes, truncations and reads agree with memory")
{
	unsigned char *model = calloc(1, SIZE), *seen = malloc(SIZE), piece[70000];
	unsigned seed = 20240229, size = 0;
	bool right = true;
	int file = open("file", O_RDWR | O_CREAT, 0644);

	must(file);
	for (int i = 0; i < 1000 && right; i++) {
		unsigned at = next(&seed) % (SIZE - sizeof(piece)), length = next(&seed) % sizeof(piece);
		switch (next(&seed) % 4) {
		case 0:
			right = ftruncate(file, at) == 0;
			if (at < size)
				memset(model + at, 0, size - at);
			size = at;
			break;
		case 1: {
			unsigned expected = at >= size ? 0 : size - at < length ? size - at : length;
			ssize_t got = pread(file, seen, length, at);
			right = got == (ssize_t)expected && memcmp(seen, model + at, expected) == 0;
			break;
		}
		default:
			for (unsigned j = 0; j < length; j++)
				piece[j] = (unsigned char)next(&seed);
			right = pwrite(file, piece, length, at) == (ssize_t)length;
			memcpy(model + at, piece, length);
			if (length && at + length > size)
				size = at + length;
		}
	}
	check(right);
	equals(size_of("file"), size);
	equals(pread(file, seen, SIZE, 0), size);
	check(memcmp(seen, model, size) == 0);
	must(fsync(file));
	check(holds("file", model, size));
	free(model);
	free(seen);
}
