/* Users, files and times: what rules are made of. */
#include "suite.h"

#include <dirent.h>
#include <grp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

/* ---- users ---- */

void become_root(void)
{
	int error = errno;

	must(setresuid(0, 0, 0));
	must(setresgid(0, 0, 0));
	must(setgroups(0, NULL));
	suite_user_text("");
	errno = error;
}

void become(uid_t uid, gid_t gid, gid_t extra)
{
	char text[32];

	become_root();
	/* The saved ids stay root's: that is the way back. */
	must(setgroups(extra ? 1 : 0, &extra));
	must(setresgid(gid, gid, 0));
	must(setresuid(uid, uid, 0));
	snprintf(text, sizeof(text), extra ? "as %u:%u+%u: " : "as %u:%u: ", uid, gid, extra);
	suite_user_text(text);
}

void become_related(enum relation relation)
{
	switch (relation) {
	case OWNER:
		become(USER, GROUP, 0);
		break;
	case IN_GROUP:
		become(OTHER_USER, GROUP, 0);
		break;
	case IN_EXTRA_GROUP:
		become(OTHER_USER, OTHER_GROUP, GROUP);
		break;
	default:
		become(OTHER_USER, OTHER_GROUP, 0);
	}
}

const char *relation_name(enum relation relation)
{
	static const char *const names[] = {"owner", "group", "supplementary group", "other"};

	return names[relation];
}

mode_t mode_for(enum relation relation, mode_t bits)
{
	if (relation == OWNER)
		return bits << 6;
	return relation == STRANGER ? bits : bits << 3;
}

/* ---- files ---- */

const char *type_name(enum type type)
{
	static const char *const names[] = {"file",   "directory", "fifo", "block device", "character device",
					    "socket", "symlink"};

	return names[type];
}

mode_t type_mode(enum type type)
{
	static const mode_t modes[] = {S_IFREG, S_IFDIR, S_IFIFO, S_IFBLK, S_IFCHR, S_IFSOCK, S_IFLNK};

	return modes[type];
}

void make(enum type type, const char *path)
{
	/* There is no driver for these numbers. */
	dev_t device = makedev(239, 1);

	switch (type) {
	case DIRECTORY:
		must(mkdir(path, 0755));
		break;
	case SYMLINK:
		must(symlink("nowhere", path));
		break;
	default:
		must(mknod(path, type_mode(type) | 0644, type == BLOCK || type == CHARACTER ? device : 0));
	}
}

void make_for(enum type type, const char *path, uid_t uid, gid_t gid)
{
	make(type, path);
	must(lchown(path, uid, gid));
}

void make_file(const char *path, mode_t mode, uid_t uid, gid_t gid, const char *contents)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	must(file);
	must(write(file, contents, strlen(contents)));
	must(fchown(file, uid, gid));
	must(fchmod(file, mode));
	must(close(file));
}

void make_directory(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	must(mkdir(path, 0700));
	must(chown(path, uid, gid));
	must(chmod(path, mode));
}

/* Asks for no attributes: of a large directory that would be most of the work. */
static void remove_at(int at, const char *name)
{
	if (unlinkat(at, name, 0) == 0 || errno != EISDIR)
		return;
	int file = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *directory = file < 0 ? NULL : fdopendir(file);
	if (directory) {
		for (struct dirent *entry; (entry = readdir(directory));)
			if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
				remove_at(file, entry->d_name);
		closedir(directory);
	}
	unlinkat(at, name, AT_REMOVEDIR);
}

void remove_tree(const char *path)
{
	remove_at(AT_FDCWD, path);
}

bool exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

#define FIELD(name, value)                                                                                   \
	long long name(const char *path)                                                                     \
	{                                                                                                    \
		struct stat status;                                                                          \
		return lstat(path, &status) ? -1 : (long long)(value);                                       \
	}

FIELD(mode_of, status.st_mode & 07777)
FIELD(format_of, status.st_mode &S_IFMT)
FIELD(uid_of, status.st_uid)
FIELD(gid_of, status.st_gid)
FIELD(links_of, status.st_nlink)
FIELD(size_of, status.st_size)
FIELD(inode_of, status.st_ino)
FIELD(blocks_of, status.st_blocks)

bool holds(const char *path, const void *bytes, size_t length)
{
	char *seen = malloc(length + 1);
	int file = open(path, O_RDONLY);
	ssize_t got = file >= 0 && seen ? read(file, seen, length + 1) : -1;
	bool same = got == (ssize_t)length && memcmp(seen, bytes, length) == 0;

	if (file >= 0)
		close(file);
	free(seen);
	return same;
}

bool holds_text(const char *path, const char *text)
{
	return holds(path, text, strlen(text));
}

bool filled(int file, off_t from, off_t to, unsigned char byte)
{
	unsigned char bytes[65536];

	while (from < to) {
		size_t length = to - from < (off_t)sizeof(bytes) ? (size_t)(to - from) : sizeof(bytes);
		if (pread(file, bytes, length, from) != (ssize_t)length)
			return false;
		for (size_t i = 0; i < length; i++)
			if (bytes[i] != byte)
				return false;
		from += (off_t)length;
	}
	return true;
}

void fill(int file, off_t from, off_t to, unsigned char byte)
{
	unsigned char bytes[65536];

	memset(bytes, byte, sizeof(bytes));
	while (from < to) {
		size_t length = to - from < (off_t)sizeof(bytes) ? (size_t)(to - from) : sizeof(bytes);
		ssize_t written = pwrite(file, bytes, length, from);
		must(written);
		from += written;
	}
}

/* ---- texts ---- */

static char *next_text(void)
{
	static char texts[4][8192];
	static unsigned next;

	return texts[next++ % 4];
}

const char *text_of(const char *format, ...)
{
	char *text = next_text();
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, 8192, format, arguments);
	va_end(arguments);
	return text;
}

const char *name_of_length(size_t length)
{
	char *text = next_text();

	memset(text, 'n', length);
	text[length] = 0;
	return text;
}

const char *path_of_length(size_t length, const char *name)
{
	char *text = next_text();
	size_t front = length - strlen(name);

	/* an odd length needs a double slash */
	for (size_t i = 0; i < front; i++)
		text[i] = i % 2 ? '/' : '.';
	if (front % 2)
		text[front - 1] = '/';
	strcpy(text + front, name);
	return text;
}

int in_child(int (*function)(void *), void *argument)
{
	int status;

	fflush(stdout);
	pid_t child = fork();
	must(child);
	if (child == 0) {
		alarm(60);
		_exit(function(argument));
	}
	must(waitpid(child, &status, 0));
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- times ---- */

#define WATCHES 8

static struct watched {
	char path[64];
	int file;
	unsigned which;
	struct stat before;
} watched[WATCHES];
static unsigned watched_count;

void watch(const char *path, unsigned which)
{
	struct watched *one = &watched[watched_count++];

	snprintf(one->path, sizeof(one->path), "%s", path);
	one->which = which;
	one->file = open(path, O_PATH | O_NOFOLLOW);
	must(one->file);
}

void tick(void)
{
	struct timespec first, now, pause = {.tv_nsec = 3000000};

	/* The coarse clock moves a few hundred times a second: two of its steps. */
	clock_gettime(CLOCK_REALTIME_COARSE, &first);
	for (int steps = 0; steps < 2;) {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (now.tv_sec != first.tv_sec || now.tv_nsec != first.tv_nsec)
			steps++;
		first = now;
	}
}

void suite_watch_begin(void)
{
	for (unsigned i = 0; i < watched_count; i++)
		must(fstat(watched[i].file, &watched[i].before));
	tick();
}

static void check_time(int line, const struct watched *one, const char *name, struct timespec before,
		       struct timespec after, bool moves)
{
	bool moved =
	    after.tv_sec > before.tv_sec || (after.tv_sec == before.tv_sec && after.tv_nsec > before.tv_nsec);
	bool same = after.tv_sec == before.tv_sec && after.tv_nsec == before.tv_nsec;

	errno = 0;
	suite_check(line, text_of("%s of %s %s", name, one->path, moves ? "moves" : "stays"),
		    moves ? moved : same);
}

void suite_watch_end(int line)
{
	for (unsigned i = 0; i < watched_count; i++) {
		const struct watched *one = &watched[i];
		struct stat after;

		must(fstat(one->file, &after));
		check_time(line, one, "mtime", one->before.st_mtim, after.st_mtim, one->which & MTIME);
		check_time(line, one, "ctime", one->before.st_ctim, after.st_ctim, one->which & CTIME);
		if (one->which & ATIME)
			check_time(line, one, "atime", one->before.st_atim, after.st_atim, true);
		close(one->file);
	}
	watched_count = 0;
}
