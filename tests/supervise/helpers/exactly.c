/*
 * One call of each kind, while the daemon is ended at one point of its way: it must give what it gives
 * without that, and be done once. Run in an empty directory of a mount by mmfs-points
 * (tests/supervise/points).
 *
 *   exactly ORDERS some|all      every kind at every point (the daemon's MMFS_POINT_FILE is ORDERS), or at
 * those that matter most exactly ORDERS KIND POINT    this one
 *
 * Prints how many were tried. What is looked at afterwards is asked of the daemon, not of the kernel's cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FRAGMENTS 90 /* of a file whose truncation takes several records */
#define BLOCK	  4096

static const char *orders, *kind_name, *point_name;

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	int error = errno;
	va_list list;

	fprintf(stderr, "%s, killed at %s: ", kind_name, point_name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, " (errno %d: %s)\n", error, strerror(error));
	exit(1);
}

static void check(bool good, const char *what)
{
	if (!good)
		wrong("%s", what);
}

static void must(long result, const char *what)
{
	if (result < 0)
		wrong("%s", what);
}

/* ---- the tree ---- */

static struct statx look(const char *name)
{
	struct statx status;

	must(statx(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status),
	     name);
	return status;
}

static void is_file(const char *name, uint64_t size, unsigned links)
{
	struct statx status = look(name);

	if (status.stx_size != size || status.stx_nlink != links)
		wrong("%s: %llu bytes, %u links", name, (unsigned long long)status.stx_size,
		      status.stx_nlink);
}

static void is_absent(const char *name)
{
	check(access(name, F_OK) && errno == ENOENT, "still there");
}

static void holds(const char *name, uint64_t offset, const char *text)
{
	char bytes[64] = "";
	int descriptor = open(name, O_RDONLY | O_DIRECT);

	must(descriptor, name);
	must(pread(descriptor, bytes, strlen(text), (off_t)offset), name);
	close(descriptor);
	if (strcmp(bytes, text) != 0)
		wrong("%s: '%s' at %llu", name, bytes, (unsigned long long)offset);
}

static void put(const char *name, const char *text)
{
	int descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	must(descriptor, name);
	check(write(descriptor, text, strlen(text)) == (ssize_t)strlen(text), "write");
	close(descriptor);
}

static int held = -1; /* a descriptor from before the call */

#include "exactly_kinds.h"

static const struct {
	const char *name, *point;
	bool at_record;
	unsigned times;
	bool rare; /* for some kinds only, unless asked for all */
} points[] = {
    {"read", "read", false, 1, false},
    {"record-next", "record-next", true, 1, false},
    {"record-held", "record-held", true, 1, true},
    {"record-done", "record-done", true, 1, false},
    {"reply-next", "reply-next", false, 1, false},
    {"reply-next-twice", "reply-next", false, 2, true},
    {"reply-done", "reply-done", false, 1, true},
};
#define KINDS	   (sizeof(kinds) / sizeof(kinds[0]))
#define POINTS	   (sizeof(points) / sizeof(points[0]))
#define RARE_KINDS 8

/* ---- running ---- */

static void order(const struct kind *kind, unsigned point, unsigned skip)
{
	char other[4096];

	snprintf(other, sizeof(other), "%s.new", orders);
	FILE *file = fopen(other, "we");
	if (!file)
		wrong("%s", other);
	fprintf(file, "%s %u %u %u %u %d\n", points[point].point, kind->requests[0], kind->requests[1], skip,
		points[point].times, SIGKILL);
	if (fclose(file) || rename(other, orders))
		wrong("%s", orders);
}

static void try(const struct kind *kind, unsigned point, unsigned skip)
{
	static const char *const names[] = {"new", "old", "other", "source"};
	static char text[64];

	snprintf(text, sizeof(text), "%s, record %u", points[point].name, skip + 1);
	kind_name = kind->name;
	point_name = text;
	if (kind->before)
		kind->before();
	order(kind, point, skip);
	kind->act();
	/* The last point comes after the call may have returned. */
	for (unsigned i = 0; i < 1000 && access(orders, F_OK) == 0; i++)
		usleep(5000);
	check(access(orders, F_OK) < 0, "this point was not reached");
	if (kind->after)
		kind->after();
	else
		is_file("new", 4, 1);
	if (held >= 0)
		close(held);
	held = -1;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (unlink(names[i]) && rmdir(names[i]) && errno != ENOENT)
			wrong("removing %s", names[i]);
	}
}

/* How many records of this kind are to be struck at this point; of one without records it is the request. */
static unsigned strikes(unsigned kind, unsigned point, bool all)
{
	unsigned records = kinds[kind].records;

	if (points[point].rare && !all && kind % RARE_KINDS)
		return 0;
	if (!points[point].at_record)
		return 1;
	return all || records < 2 ? records : 2;
}

int main(int count, char **arguments)
{
	unsigned tried = 0;

	if (count != 3 && count != 4)
		return 2;
	bool all = !strcmp(arguments[2], "all"), one = count == 4;
	orders = arguments[1];
	for (unsigned kind = 0; kind < KINDS; kind++) {
		if (one && strcmp(kinds[kind].name, arguments[2]) != 0)
			continue;
		for (unsigned point = 0; point < POINTS; point++) {
			bool left_out = one && strcmp(points[point].name, arguments[3]) != 0;
			unsigned times = left_out ? 0 : strikes(kind, point, all || one);

			for (unsigned skip = 0; skip < times; skip++, tried++)
				try(&kinds[kind], point, skip);
		}
	}
	printf("%u deaths\n", tried);
	return tried ? 0 : 2;
}
