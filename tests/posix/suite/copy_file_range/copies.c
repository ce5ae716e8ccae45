#include "../suite.h"

#define LENGTH (1 << 20)

static ssize_t copy_all(int from, loff_t *from_at, int to, loff_t *to_at, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t copied = copy_file_range(from, from_at, to, to_at, length - done, 0);
		if (copied < 0)
			return copied;
		if (copied == 0)
			break;
		done += (size_t)copied;
	}
	return (ssize_t)done;
}

RULE("between files and within one; offsets, ends, holes, times")
{
	int from = open("from", O_RDWR | O_CREAT, 0644), to = open("to", O_RDWR | O_CREAT, 0644);
	loff_t at, to_at;

	must(from);
	must(to);
	fill(from, 0, LENGTH, 'a');
	fill(from, LENGTH, 2 * LENGTH, 'b');
	equals(copy_all(from, NULL, to, NULL, 2 * LENGTH), 2 * LENGTH);
	equals(size_of("to"), 2 * LENGTH);
	equals(lseek(from, 0, SEEK_CUR), 2 * LENGTH);
	equals(lseek(to, 0, SEEK_CUR), 2 * LENGTH);
	check(filled(to, 0, LENGTH, 'a') && filled(to, LENGTH, 2 * LENGTH, 'b'));
	equals(copy_file_range(from, NULL, to, NULL, 100, 0), 0);
	at = LENGTH - 1000;
	to_at = 5000;
	equals(copy_all(from, &at, to, &to_at, 2000), 2000);
	equals(at, LENGTH + 1000);
	equals(to_at, 7000);
	check(filled(to, 5000, 6000, 'a') && filled(to, 6000, 7000, 'b') && filled(to, 7000, LENGTH, 'a'));
	context("short at the end");
	at = 2 * LENGTH - 10;
	to_at = 4 * LENGTH;
	equals(copy_all(from, &at, to, &to_at, 100), 10);
	equals(size_of("to"), 4 * LENGTH + 10);
	check(filled(to, 2 * LENGTH, 4 * LENGTH, 0));
	check(filled(to, 4 * LENGTH, 4 * LENGTH + 10, 'b'));
	at = 9 * LENGTH;
	equals(copy_file_range(from, &at, to, NULL, 100, 0), 0);
	context("within one file");
	at = 0;
	to_at = LENGTH;
	equals(copy_all(from, &at, from, &to_at, LENGTH), LENGTH);
	check(filled(from, 0, 2 * LENGTH, 'a'));
	at = 0;
	to_at = 100;
	fails(copy_file_range(from, &at, from, &to_at, 1000, 0), EINVAL);
	context("holes");
	must(ftruncate(from, 0));
	must(ftruncate(from, 3 * LENGTH));
	fill(from, LENGTH, LENGTH + 5000, 'c');
	must(ftruncate(to, 0));
	fill(to, 0, LENGTH / 2, 'z');
	at = to_at = 0;
	watch("to", MTIME | CTIME);
	watch("from", 0);
	timed(equals(copy_all(from, &at, to, &to_at, 3 * LENGTH), 3 * LENGTH));
	equals(size_of("to"), 3 * LENGTH);
	check(filled(to, 0, LENGTH, 0) && filled(to, LENGTH, LENGTH + 5000, 'c'));
	check(filled(to, LENGTH + 5000, 3 * LENGTH, 0));
}
