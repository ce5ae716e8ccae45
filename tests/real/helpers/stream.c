/* A long stream of bytes that differ everywhere: `stream write FILE OFFSET LENGTH SEED`, `stream check ...`.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

/* splitmix64 of the position: each 8 bytes tell where they belong. */
static uint64_t word_at(uint64_t position, uint64_t seed)
{
	uint64_t x = position / 8 * UINT64_C(0x9e3779b97f4a7c15) + seed;
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static void make_piece(uint64_t *words, uint64_t position, uint64_t seed)
{
	for (unsigned i = 0; i < PIECE / 8; i++)
		words[i] = word_at(position + i * 8, seed);
}

static void write_piece(int file, const void *bytes, size_t length, uint64_t position)
{
	if (pwrite(file, bytes, length, (off_t)position) != (ssize_t)length)
		err(1, "write at %llu", (unsigned long long)position);
}

static void check_piece(int file, const void *bytes, size_t length, uint64_t position)
{
	static char seen[PIECE];
	if (pread(file, seen, length, (off_t)position) != (ssize_t)length)
		err(1, "read at %llu", (unsigned long long)position);
	if (memcmp(seen, bytes, length) != 0)
		errx(1, "other bytes than were written at or behind %llu", (unsigned long long)position);
}

int main(int count, char **argument)
{
	static uint64_t words[PIECE / 8];
	if (count != 6)
		errx(2, "usage: stream write|check FILE OFFSET LENGTH SEED");
	int check = strcmp(argument[1], "check") == 0;
	int file = open(argument[2], check ? O_RDONLY : O_WRONLY | O_CREAT, 0644);
	if (file < 0)
		err(1, "%s", argument[2]);
	uint64_t position = strtoull(argument[3], NULL, 0), end = position + strtoull(argument[4], NULL, 0);
	uint64_t seed = strtoull(argument[5], NULL, 0);
	while (position < end) {
		size_t length = end - position < PIECE ? end - position : PIECE;
		make_piece(words, position, seed);
		(check ? check_piece : write_piece)(file, words, length, position);
		position += length;
	}
	if (!check && fsync(file))
		err(1, "fsync");
	if (close(file))
		err(1, "close");
	return 0;
}
