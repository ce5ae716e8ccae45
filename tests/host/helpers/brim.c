/*
 * A filesystem filled to the brim. `brim fill DIR LOG` makes one small operation after the other, each one
 * system call, until every kind that needs space has said ENOSPC many times in a row; no other error is
 * allowed, and what needs no space has to succeed. `brim delete DIR LOG` takes every third name away again,
 * which has to succeed, too. LOG, a mapped file outside of DIR, says of each operation whether it was begun,
 * done or refused. `brim check DIR LOG`: what was done is there, what was refused left nothing, and of the
 * one that was begun when the daemon was killed either is right.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OPERATIONS = 400000, PIECE = 8192, RECORD = 100, LONG = 3000, REFUSALS = 12 };
enum kind { CREATE, MKDIR, SYMLINK, LINK, XATTR, WRITE, APPEND, RENAME, CHMOD, TRUNCATE, KINDS };
enum state { UNKNOWN, BEGUN, DONE, REFUSED, DELETING, DELETED };

struct entry {
	uint8_t state;
	uint32_t count; /* WRITE, APPEND: bytes that were written; RENAME: the CREATE whose file it took */
};

struct log {
	uint32_t used;
	uint32_t mode; /* of "base", as last acknowledged */
	uint32_t mode_before;
	struct entry entries[OPERATIONS];
};

static struct log *entries;
static int directory;
static uint8_t bytes[PIECE];
static char text[LONG + 1];

/* Every number has its kind, so a log says what was done. */
static enum kind kind_of(uint32_t number)
{
	return number % KINDS;
}

static const char *name_of(uint32_t number)
{
	static char name[2][256];
	static int turn;
	static const char *const words[KINDS] = {"file", "directory", "symlink", "link", "-",
						 "-",	 "-",	      "renamed", "-",	 "-"};
	turn = !turn;
	int length = snprintf(name[turn], sizeof(name[0]), "%s-%u", words[kind_of(number)], number);
	if (kind_of(number) == RENAME) /* longer than before, so that it takes room */
		memset(name[turn] + length, 'x', 200 - (size_t)length);
	name[turn][kind_of(number) == RENAME ? 200 : length] = 0;
	return name[turn];
}

static const uint8_t *pattern(uint32_t number, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)('a' + (number * 31 + i * 7) % 26);
	return bytes;
}

static const char *long_text(uint32_t number)
{
	memcpy(text, pattern(number, LONG), LONG);
	text[LONG] = 0;
	return text;
}

static const char *attribute(uint32_t number)
{
	static char name[32];
	snprintf(name, sizeof(name), "user.%u", number);
	return name;
}

static int open_in(const char *name, int flags)
{
	int file = openat(directory, name, flags | O_CLOEXEC, 0644);
	if (file < 0 && errno != ENOTCONN && errno != ECONNABORTED)
		err(1, "%s", name);
	return file;
}

static int closing(int file, ssize_t result)
{
	int error = errno;
	if (file >= 0)
		close(file);
	errno = error;
	return result < 0 ? -1 : 0;
}

static int do_write(uint32_t number)
{
	bool append = kind_of(number) == APPEND;
	size_t length = append ? RECORD : PIECE;
	int file = open_in(append ? "appended" : "pieces", O_WRONLY | (append ? O_APPEND : 0));
	if (file < 0)
		return -1;
	ssize_t count = append ? write(file, pattern(number, length), length)
			       : pwrite(file, pattern(number, length), length, (off_t)number / KINDS * PIECE);
	if (count > 0)
		entries->entries[number].count = (uint32_t)count;
	return closing(file, count);
}

static int do_attribute(uint32_t number)
{
	int file = open_in("base", O_RDONLY);
	if (file < 0)
		return -1;
	return closing(file, fsetxattr(file, attribute(number), long_text(number), LONG, XATTR_CREATE));
}

/* The newest file that has its first name yet; 0: none. */
static uint32_t newest_file(uint32_t number)
{
	for (uint32_t i = number; i-- > 1;)
		if (kind_of(i) == CREATE && entries->entries[i].state == DONE)
			return i;
	return 0;
}

static int do_rename(uint32_t number)
{
	uint32_t from = newest_file(number);
	entries->entries[number].count = from;
	if (!from) {
		errno = ENOSPC; /* nothing to do: as if refused */
		return -1;
	}
	entries->entries[from].state = DELETING;
	int result = renameat(directory, name_of(from), directory, name_of(number));
	if (result == 0 || errno == ENOSPC)
		entries->entries[from].state = result == 0 ? DELETED : DONE;
	return result;
}

static int do_chmod(uint32_t number)
{
	entries->mode_before = entries->mode;
	entries->mode = 0600 | number % 077;
	return fchmodat(directory, "base", entries->mode, 0);
}

static int do_truncate(uint32_t number)
{
	int file = open_in("sparse", O_WRONLY);
	return file < 0 ? -1 : closing(file, ftruncate(file, (off_t)number << 20));
}

static int perform(uint32_t number)
{
	switch (kind_of(number)) {
	case CREATE: {
		int file = openat(directory, name_of(number), O_WRONLY | O_CREAT | O_EXCL, 0644);
		return closing(file, file);
	}
	case MKDIR:
		return mkdirat(directory, name_of(number), 0755);
	case SYMLINK:
		return symlinkat(long_text(number), directory, name_of(number));
	case LINK:
		return linkat(directory, "base", directory, name_of(number), 0);
	case XATTR:
		return do_attribute(number);
	case WRITE:
	case APPEND:
		return do_write(number);
	case RENAME:
		return do_rename(number);
	case CHMOD:
		return do_chmod(number);
	default:
		return do_truncate(number);
	}
}

static bool needs_space(enum kind kind)
{
	return kind != CHMOD && kind != TRUNCATE;
}

static bool all_refuse(const unsigned refused[KINDS])
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (needs_space(kind) && refused[kind] < REFUSALS)
			return false;
	return true;
}

static int fill(void)
{
	unsigned refused[KINDS] = {0}, done = 0;
	static const char *const files[] = {"base", "pieces", "appended", "sparse"};

	/* Those that others are made on; they are there from the start. */
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !entries->used; i++)
		close(open_in(files[i], O_WRONLY | O_CREAT));
	if (!entries->used) {
		entries->used = 1;
		entries->mode = 0644;
	}
	while (!all_refuse(refused)) {
		uint32_t number = entries->used;
		if (number == OPERATIONS)
			errx(1, "%u operations, and still not full", number);
		entries->entries[number].state = BEGUN;
		entries->used = number + 1;
		if (perform(number) == 0) {
			entries->entries[number].state = DONE;
			refused[kind_of(number)] = 0;
			done++;
		} else if (errno == ENOSPC && needs_space(kind_of(number))) {
			entries->entries[number].state = REFUSED;
			refused[kind_of(number)]++;
		} else if (errno == ENOTCONN || errno == ECONNABORTED) {
			printf("killed after %u operations\n", done);
			return 0;
		} else {
			err(1, "operation %u, kind %d", number, kind_of(number));
		}
	}
	printf("full after %u operations\n", done);
	return 0;
}

static int delete_one(uint32_t number)
{
	switch (kind_of(number)) {
	case CREATE:
	case SYMLINK:
	case LINK:
	case RENAME:
		return unlinkat(directory, name_of(number), 0);
	case MKDIR:
		return unlinkat(directory, name_of(number), AT_REMOVEDIR);
	case XATTR: {
		int file = open_in("base", O_RDONLY);
		return file < 0 ? -1 : closing(file, fremovexattr(file, attribute(number)));
	}
	default:
		return 0;
	}
}

/* Whatever else is full: this works. */
static int delete (void)
{
	unsigned deleted = 0;

	for (uint32_t number = 1; number < entries->used; number++) {
		enum kind kind = kind_of(number);
		if (entries->entries[number].state != DONE || kind == WRITE || kind == APPEND ||
		    !needs_space(kind) || number / KINDS % 3)
			continue;
		entries->entries[number].state = DELETING;
		if (delete_one(number)) {
			if (errno == ENOTCONN || errno == ECONNABORTED)
				break;
			err(1, "deleting number %u, kind %d", number, kind);
		}
		entries->entries[number].state = DELETED;
		deleted++;
	}
	printf("%u deleted\n", deleted);
	return 0;
}

/* ---- check ---- */

static bool exists(uint32_t number)
{
	struct stat status;
	char target[LONG + 1];

	if (fstatat(directory, name_of(number), &status, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			err(1, "%s", name_of(number));
		return false;
	}
	if (kind_of(number) == SYMLINK &&
	    (readlinkat(directory, name_of(number), target, sizeof(target)) != LONG ||
	     memcmp(target, long_text(number), LONG) != 0))
		errx(1, "%s has another target", name_of(number));
	return true;
}

static bool attribute_there(int base, uint32_t number)
{
	char value[LONG + 1];
	ssize_t length = fgetxattr(base, attribute(number), value, sizeof(value));

	if (length < 0 && errno != ENODATA)
		err(1, "%s", attribute(number));
	if (length >= 0 && (length != LONG || memcmp(value, long_text(number), LONG) != 0))
		errx(1, "%s has another value", attribute(number));
	return length >= 0;
}

/* Everything of the piece that was acknowledged, and zeros where nothing was. */
static void check_piece(int file, uint32_t number, const struct entry *entry)
{
	static uint8_t seen[PIECE];
	ssize_t length = pread(file, seen, PIECE, (off_t)number / KINDS * PIECE);
	uint32_t count = entry->state == DONE ? entry->count : 0;

	if (length < 0)
		err(1, "pieces");
	memset(seen + length, 0, PIECE - (size_t)length);
	if (memcmp(seen, pattern(number, PIECE), count) != 0)
		errx(1, "piece %u is not as it was written", number);
	for (uint32_t i = count; i < PIECE && entry->state != BEGUN; i++)
		if (seen[i])
			errx(1, "piece %u: byte %u was never written", number, i);
}

static void check_appended(void)
{
	static uint8_t seen[RECORD];
	int file = open_in("appended", O_RDONLY);

	for (uint32_t number = 1; number < entries->used; number++) {
		const struct entry *entry = &entries->entries[number];
		if (kind_of(number) != APPEND || entry->state != DONE)
			continue;
		if (read(file, seen, entry->count) != (ssize_t)entry->count ||
		    memcmp(seen, pattern(number, entry->count), entry->count) != 0)
			errx(1, "appended record %u is not there", number);
	}
	closing(file, 0);
}

static void check_mode(void)
{
	struct stat status;

	if (fstatat(directory, "base", &status, 0))
		err(1, "base");
	bool pending = entries->used > 1 && kind_of(entries->used - 1) == CHMOD &&
		       entries->entries[entries->used - 1].state == BEGUN;
	if ((status.st_mode & 07777) != entries->mode &&
	    !(pending && (status.st_mode & 07777) == entries->mode_before))
		errx(1, "base has mode %o", status.st_mode);
}

static void check_one(int base, int pieces, uint32_t number)
{
	const struct entry *entry = &entries->entries[number];
	enum kind kind = kind_of(number);

	if (kind == WRITE) {
		check_piece(pieces, number, entry);
		return;
	}
	if (kind == APPEND || !needs_space(kind))
		return;
	bool there = kind == XATTR ? attribute_there(base, number) : exists(number);
	if (entry->state != BEGUN && entry->state != DELETING && there != (entry->state == DONE))
		errx(1, "number %u, kind %d, is %s", number, kind, there ? "there" : "not there");
}

/* Every name in the directory is one that was made. */
static void check_names(void)
{
	DIR *listing = fdopendir(dup(directory));
	unsigned number;

	if (!listing)
		err(1, "list");
	for (struct dirent *entry; (entry = readdir(listing));) {
		const char *dash = strchr(entry->d_name, '-');
		if (!dash)
			continue;
		if (sscanf(dash, "-%u", &number) != 1 || number >= entries->used ||
		    strcmp(entry->d_name, name_of(number)) != 0)
			errx(1, "a name that nobody made: %s", entry->d_name);
	}
	closedir(listing);
}

static int check(void)
{
	int base = open_in("base", O_RDONLY), pieces = open_in("pieces", O_RDONLY);

	for (uint32_t number = 1; number < entries->used; number++)
		check_one(base, pieces, number);
	closing(base, 0);
	closing(pieces, 0);
	check_appended();
	check_mode();
	check_names();
	return 0;
}

int main(int count, char **argument)
{
	if (count != 4)
		errx(2, "usage: brim fill|delete|check DIR LOG");
	directory = open(argument[2], O_RDONLY | O_DIRECTORY);
	int file = open(argument[3], O_RDWR | O_CREAT, 0644);
	if (directory < 0 || file < 0 || ftruncate(file, sizeof(struct log)))
		err(1, "%s, %s", argument[2], argument[3]);
	entries = mmap(NULL, sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (entries == MAP_FAILED)
		err(1, "mmap");
	if (strcmp(argument[1], "fill") == 0)
		return fill();
	return strcmp(argument[1], "delete") == 0 ? delete () : check();
}
