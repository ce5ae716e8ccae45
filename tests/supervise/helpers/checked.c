/*
 * A workload in which the result of every system call is known beforehand: a process has a directory of its
 * own and a model of what is in it. A call that fails where it should succeed, or succeeds where it should
 * fail (because it was done twice, or not at all), ends the program with what and where.
 *
 *   checked DIRECTORY SEED SECONDS [LATE]   works; prints the number of calls
 *
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define FILES 24
#define OPEN  4
#define MOST  40000u /* bytes of a file */

struct contents {
	uint32_t size, links;
	bool has_xattr;
	uint32_t xattr;
	unsigned char bytes[MOST];
};

static struct contents *names[FILES]; /* what each name names; NULL: there is none */
static bool directories[FILES];
static struct {
	int descriptor;
	struct contents *contents;
} opened[OPEN];
static uint64_t state, calls;

static uint64_t pick(uint64_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % below;
}

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	int error = errno;
	va_list list;

	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, " (errno %d: %s; call %llu)\n", error, strerror(error), (unsigned long long)calls);
	exit(1);
}

/* The call must give this: 0 for success, else an errno. */
static void expect(long result, int wanted, const char *what, const char *name)
{
	int got = result < 0 ? errno : 0;

	calls++;
	if (got != wanted)
		wrong("%s %s: wanted %s", what, name, wanted ? strerror(wanted) : "success");
}

static const char *file_name(unsigned i)
{
	static char text[4][16];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "f%u", i);
	return text[turn];
}

static const char *directory_name(unsigned i)
{
	static char text[16];

	snprintf(text, sizeof(text), "d%u", i);
	return text;
}

static void drop(struct contents *contents)
{
	bool used = contents->links > 0;

	for (unsigned i = 0; i < OPEN; i++)
		used |= opened[i].contents == contents;
	if (!used)
		free(contents);
}

static void create(unsigned i)
{
	int descriptor = open(file_name(i), O_CREAT | O_EXCL | O_RDWR, 0644);

	expect(descriptor, names[i] ? EEXIST : 0, "create", file_name(i));
	if (names[i])
		return;
	names[i] = calloc(1, sizeof(*names[i]));
	names[i]->links = 1;
	close(descriptor);
}

static void remove_name(unsigned i)
{
	expect(unlink(file_name(i)), names[i] ? 0 : ENOENT, "unlink", file_name(i));
	if (!names[i])
		return;
	names[i]->links--;
	drop(names[i]);
	names[i] = NULL;
}

static void link_name(unsigned i, unsigned j)
{
	int wanted = !names[i] ? ENOENT : names[j] ? EEXIST : 0;

	expect(link(file_name(i), file_name(j)), wanted, "link", file_name(j));
	if (wanted)
		return;
	names[j] = names[i];
	names[j]->links++;
}

static void rename_name(unsigned i, unsigned j)
{
	struct contents *moved = names[i], *replaced = names[j];

	expect(rename(file_name(i), file_name(j)), moved ? 0 : ENOENT, "rename", file_name(i));
	if (!moved || moved == replaced)
		return;
	names[j] = moved;
	names[i] = NULL;
	if (replaced) {
		replaced->links--;
		drop(replaced);
	}
}

static void directory(unsigned i)
{
	if (pick(2)) {
		expect(mkdir(directory_name(i), 0755), directories[i] ? EEXIST : 0, "mkdir",
		       directory_name(i));
		directories[i] = true;
	} else {
		expect(rmdir(directory_name(i)), directories[i] ? 0 : ENOENT, "rmdir", directory_name(i));
		directories[i] = false;
	}
}

static void fill(unsigned char *bytes, size_t length)
{
	unsigned char byte = (unsigned char)pick(256);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)(byte + i * 7);
}

static void write_at(int descriptor, struct contents *contents, const char *name)
{
	uint32_t offset = (uint32_t)pick(MOST - 1), length = 1 + (uint32_t)pick(MOST - offset);
	static unsigned char bytes[MOST];

	if (length > 9000)
		length = 1 + length % 9000;
	fill(bytes, length);
	calls++;
	if (pwrite(descriptor, bytes, length, offset) != (ssize_t)length)
		wrong("write %s", name);
	memcpy(contents->bytes + offset, bytes, length);
	if (offset + length > contents->size)
		contents->size = offset + length;
}

static void append(unsigned i)
{
	static unsigned char bytes[600];
	uint32_t length = 1 + (uint32_t)pick(sizeof(bytes));
	struct contents *contents = names[i];

	if (!contents || contents->size + length > MOST)
		return;
	int descriptor = open(file_name(i), O_WRONLY | O_APPEND);
	expect(descriptor, 0, "open", file_name(i));
	fill(bytes, length);
	calls++;
	if (write(descriptor, bytes, length) != (ssize_t)length)
		wrong("append %s", file_name(i));
	memcpy(contents->bytes + contents->size, bytes, length);
	contents->size += length;
	close(descriptor);
}

static void change(unsigned i)
{
	struct contents *contents = names[i];

	if (!contents) {
		expect(open(file_name(i), O_RDWR), ENOENT, "open", file_name(i));
		return;
	}
	int descriptor = open(file_name(i), O_RDWR);
	expect(descriptor, 0, "open", file_name(i));
	write_at(descriptor, contents, file_name(i));
	if (pick(8) == 0)
		expect(fsync(descriptor), 0, "fsync", file_name(i));
	close(descriptor);
}

static void cut(unsigned i)
{
	uint32_t size = (uint32_t)pick(MOST);
	struct contents *contents = names[i];

	expect(truncate(file_name(i), size), contents ? 0 : ENOENT, "truncate", file_name(i));
	if (!contents)
		return;
	if (size < contents->size)
		memset(contents->bytes + size, 0, contents->size - size);
	contents->size = size;
}

static void map(unsigned i)
{
	struct contents *contents = names[i];

	if (!contents || !contents->size)
		return;
	int descriptor = open(file_name(i), O_RDWR);
	expect(descriptor, 0, "open", file_name(i));
	unsigned char *bytes = mmap(NULL, contents->size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	if (bytes == MAP_FAILED)
		wrong("mmap %s", file_name(i));
	for (unsigned n = 0; n < 4; n++) {
		uint32_t at = (uint32_t)pick(contents->size);
		bytes[at] = contents->bytes[at] = (unsigned char)pick(256);
	}
	expect(msync(bytes, contents->size, MS_SYNC), 0, "msync", file_name(i));
	munmap(bytes, contents->size);
	close(descriptor);
}

static void attribute(unsigned i)
{
	struct contents *contents = names[i];

	if (contents && contents->has_xattr && pick(3) == 0) {
		expect(removexattr(file_name(i), "user.v"), 0, "removexattr", file_name(i));
		contents->has_xattr = false;
		return;
	}
	uint32_t value = (uint32_t)pick(1u << 30);
	int flags = contents && contents->has_xattr ? XATTR_REPLACE : XATTR_CREATE;
	expect(setxattr(file_name(i), "user.v", &value, sizeof(value), flags), contents ? 0 : ENOENT,
	       "setxattr", file_name(i));
	if (!contents)
		return;
	contents->has_xattr = true;
	contents->xattr = value;
}

/* Files stay open while their names go. */
static void hold(unsigned i)
{
	unsigned place = (unsigned)pick(OPEN);
	struct contents *before = opened[place].contents;

	if (before) {
		close(opened[place].descriptor);
		opened[place].contents = NULL;
		drop(before);
	}
	if (!names[i])
		return;
	opened[place].descriptor = open(file_name(i), O_RDWR);
	expect(opened[place].descriptor, 0, "open", file_name(i));
	opened[place].contents = names[i];
}

/* ---- checks ---- */

static void check(int descriptor, const struct contents *contents, const char *name)
{
	static unsigned char bytes[MOST + 1];
	struct stat status;
	uint32_t value;

	expect(fstat(descriptor, &status), 0, "fstat", name);
	if (status.st_size != contents->size || status.st_nlink != contents->links)
		wrong("%s: size %lld, links %lu; wanted %u, %u", name, (long long)status.st_size,
		      (unsigned long)status.st_nlink, contents->size, contents->links);
	calls++;
	ssize_t length = pread(descriptor, bytes, sizeof(bytes), 0);
	if (length != contents->size)
		wrong("%s: %zd bytes read, wanted %u", name, length, contents->size);
	for (uint32_t i = 0; i < contents->size; i++) {
		if (bytes[i] != contents->bytes[i])
			wrong("%s: byte %u is %u, wanted %u", name, i, bytes[i], contents->bytes[i]);
	}
	ssize_t got = fgetxattr(descriptor, "user.v", &value, sizeof(value));
	expect(got, contents->has_xattr ? 0 : ENODATA, "getxattr", name);
	if (contents->has_xattr && value != contents->xattr)
		wrong("%s: another attribute", name);
}

static void check_name(unsigned i)
{
	struct stat status;

	if (!names[i]) {
		expect(stat(file_name(i), &status), ENOENT, "stat", file_name(i));
		return;
	}
	int descriptor = open(file_name(i), O_RDONLY);
	expect(descriptor, 0, "open", file_name(i));
	check(descriptor, names[i], file_name(i));
	close(descriptor);
}

static void check_all(void)
{
	struct stat status;

	for (unsigned i = 0; i < FILES; i++) {
		check_name(i);
		expect(stat(directory_name(i), &status), directories[i] ? 0 : ENOENT, "stat",
		       directory_name(i));
	}
	for (unsigned i = 0; i < OPEN; i++) {
		if (opened[i].contents)
			check(opened[i].descriptor, opened[i].contents, "an open file");
	}
}

static void step(void)
{
	unsigned i = (unsigned)pick(FILES), j = (unsigned)pick(FILES);

	switch (pick(14)) {
	case 0:
	case 1:
		create(i);
		break;
	case 2:
		remove_name(i);
		break;
	case 3:
		rename_name(i, j);
		break;
	case 4:
		link_name(i, j);
		break;
	case 5:
		directory(i);
		break;
	case 6:
	case 7:
		change(i);
		break;
	case 8:
		append(i);
		break;
	case 9:
		cut(i);
		break;
	case 10:
		map(i);
		break;
	case 11:
		attribute(i);
		break;
	case 12:
		hold(i);
		break;
	default:
		check_name(i);
		break;
	}
	if (opened[j % OPEN].contents && pick(8) == 0)
		write_at(opened[j % OPEN].descriptor, opened[j % OPEN].contents, "an open file");
}

int main(int count, char **arguments)
{
	if (count != 4 || chdir(arguments[1])) {
		fprintf(stderr, "usage: checked DIRECTORY SEED SECONDS\n");
		return 2;
	}
	time_t end = time(NULL) + atol(arguments[3]);
	state = strtoull(arguments[2], NULL, 10);
	for (uint64_t steps = 0; time(NULL) < end; steps++) {
		step();
		if (steps % 500 == 499)
			check_all();
	}
	check_all();
	printf("%llu calls\n", (unsigned long long)calls);
	return 0;
}
