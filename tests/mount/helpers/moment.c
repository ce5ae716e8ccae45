/*
 * Work whose every state can be told from others.
 *
 *   moment write DIRECTORY LOG          until it is killed
 *   moment check DIRECTORY LEAST MOST   is that one state, after at least so many steps and at most so many?
 *
 * Step n makes the file "n" with contents of its own, writes n into "first" in place, overwrites a block of
 * "large", deletes the file n - KEPT, and writes n into "second" in place. LOG holds the number of the last
 * step of which all was acknowledged.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT	     400u
#define LARGE_BLOCKS 2048u
#define BLOCK	     4096u

static size_t contents(uint64_t step, uint8_t *bytes)
{
	size_t length = 1 + step * 977 % 30000;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(step * 13 + i * 7 + (i >> 8));
	return length;
}

static void fill_block(uint64_t step, uint64_t *block)
{
	for (size_t i = 0; i < BLOCK / sizeof(*block); i++)
		block[i] = step * 1000003 + i;
}

static unsigned block_of(uint64_t step)
{
	return (unsigned)(step * 7919 % LARGE_BLOCKS);
}

static void put(int file, const void *bytes, size_t length, off_t offset)
{
	if (pwrite(file, bytes, length, offset) != (ssize_t)length)
		err(1, "write");
}

static int open_file(int directory, const char *name, int flags)
{
	int file = openat(directory, name, flags, 0644);
	if (file < 0)
		err(1, "%s", name);
	return file;
}

static void write_steps(int directory, const char *log_name)
{
	static uint8_t bytes[32768];
	static uint64_t block[BLOCK / sizeof(uint64_t)];
	int log = open_file(AT_FDCWD, log_name, O_WRONLY | O_CREAT);
	int first = open_file(directory, "first", O_WRONLY | O_CREAT);
	int second = open_file(directory, "second", O_WRONLY | O_CREAT);
	int large = open_file(directory, "large", O_WRONLY | O_CREAT);

	for (unsigned i = 0; i < LARGE_BLOCKS; i++)
		put(large, block, BLOCK, (off_t)i * BLOCK);
	for (uint64_t step = 1;; step++) {
		char name[32];
		snprintf(name, sizeof(name), "%llu", (unsigned long long)step);
		int file = open_file(directory, name, O_WRONLY | O_CREAT | O_EXCL);
		put(file, bytes, contents(step, bytes), 0);
		close(file);
		put(first, &step, sizeof(step), 0);
		fill_block(step, block);
		put(large, block, BLOCK, (off_t)block_of(step) * BLOCK);
		snprintf(name, sizeof(name), "%llu", (unsigned long long)step - KEPT);
		if (step > KEPT && unlinkat(directory, name, 0))
			err(1, "%s", name);
		put(second, &step, sizeof(step), 0);
		put(log, &step, sizeof(step), 0);
	}
}

static uint64_t get_number(int directory, const char *name)
{
	uint64_t number = 0;
	int file = open_file(directory, name, O_RDONLY);
	if (pread(file, &number, sizeof(number), 0) < 0)
		err(1, "%s", name);
	close(file);
	return number;
}

/* What the file of a step holds: 2: all of it, 1: less (it was being made), 0: there is none. */
static int look_at_file(int directory, uint64_t step)
{
	static uint8_t wanted[32768], got[32768 + 1];
	char name[32];
	snprintf(name, sizeof(name), "%llu", (unsigned long long)step);
	int file = openat(directory, name, O_RDONLY);
	if (file < 0)
		return 0;
	ssize_t length = read(file, got, sizeof(got));
	size_t whole = contents(step, wanted);
	close(file);
	if (length < 0 || (size_t)length > whole || memcmp(got, wanted, (size_t)length))
		errx(1, "%s: wrong contents", name);
	return (size_t)length == whole ? 2 : 1;
}

/* The last step that wrote each block, at or before `last`; `maybe`: a step that may have. */
static void check_large(int directory, uint64_t last, uint64_t maybe)
{
	static uint64_t wanted[BLOCK / sizeof(uint64_t)], got[BLOCK / sizeof(uint64_t)];
	static uint64_t steps[LARGE_BLOCKS];
	int large = open_file(directory, "large", O_RDONLY);
	for (uint64_t step = 1; step <= last; step++)
		steps[block_of(step)] = step;
	for (unsigned i = 0; i < LARGE_BLOCKS; i++) {
		memset(wanted, 0, sizeof(wanted));
		if (steps[i])
			fill_block(steps[i], wanted);
		if (pread(large, got, BLOCK, (off_t)i * BLOCK) != BLOCK)
			errx(1, "large: too short");
		if (memcmp(got, wanted, BLOCK) && block_of(maybe) == i)
			fill_block(maybe, wanted);
		if (memcmp(got, wanted, BLOCK))
			errx(1, "large: block %u is of another moment", i);
	}
}

static void check(int directory, uint64_t least, uint64_t most)
{
	uint64_t first = get_number(directory, "first"), second = get_number(directory, "second");
	if (first != second && first != second + 1)
		errx(1, "first says %llu, second %llu", (unsigned long long)first,
		     (unsigned long long)second);
	if (second < least || second > most)
		errx(1, "step %llu is not between %llu and %llu", (unsigned long long)second,
		     (unsigned long long)least, (unsigned long long)most);
	for (uint64_t step = second > KEPT ? second - KEPT + 1 : 1; step <= first; step++)
		if (look_at_file(directory, step) != 2 && !(step + KEPT == first && first != second))
			errx(1, "file %llu is not there", (unsigned long long)step);
	if (second > KEPT && look_at_file(directory, second - KEPT))
		errx(1, "file %llu is still there", (unsigned long long)(second - KEPT));
	if (look_at_file(directory, first + 1) && first != second)
		errx(1, "file %llu is there already", (unsigned long long)first + 1);
	if (look_at_file(directory, first + 2))
		errx(1, "file %llu is there already", (unsigned long long)first + 2);
	check_large(directory, second, second + 1);
	printf("%llu\n", (unsigned long long)second);
}

int main(int count, char **argument)
{
	if (count < 4)
		errx(2, "usage: moment write DIRECTORY LOG | check DIRECTORY LEAST MOST");
	int directory = open_file(AT_FDCWD, argument[2], O_RDONLY | O_DIRECTORY);
	if (!strcmp(argument[1], "write"))
		write_steps(directory, argument[3]);
	else if (count == 5)
		check(directory, strtoull(argument[3], NULL, 10), strtoull(argument[4], NULL, 10));
	return 0;
}
