/*
 * What was acknowledged must be there: `acknowledged work DIR LOG SEED` makes random operations, one system
 * call each, in DIR and keeps in LOG (on the host, a shared mapping) the number of the operation that was
 * begun and of the last one that returned; it ends when the mount's daemon dies. `acknowledged check DIR LOG
 * SEED` makes the same operations on a model in memory, and compares DIR with it. Of the one operation that
 * was begun but had not returned, either outcome is right.
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

enum { NAMES = 200, ROOM = 65536, PIECE = 20000 };
enum kind { CREATE, WRITE, APPEND, TRUNCATE, RENAME, UNLINK, LINK, CHMOD, XATTR, KINDS };

struct log {
	volatile uint64_t begun, done;
};

struct node {
	uint8_t *bytes;
	size_t length;
	mode_t mode;
	uint32_t attribute; /* value of user.n; 0: none */
	unsigned links;
};

struct operation {
	enum kind kind;
	unsigned name, other;
	size_t offset, length;
	uint32_t value;
};

static struct node *names[NAMES]; /* the model: what each name stands for */
static int directory;

static uint32_t random_next(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(x >> 32);
}

static const char *name_of(unsigned number)
{
	static char text[2][32];
	static int turn;
	turn = !turn;
	snprintf(text[turn], sizeof(text[0]), "name-%u", number);
	return text[turn];
}

static void fill(uint8_t *bytes, size_t length, uint32_t value)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)((value = value * 1664525u + 1013904223u) >> 24);
}

/* The next operation that the model allows, so that each one succeeds. */
static struct operation choose(uint64_t *state)
{
	for (;;) {
		struct operation o = {.kind = random_next(state) % KINDS,
				      .name = random_next(state) % NAMES,
				      .other = random_next(state) % NAMES,
				      .offset = random_next(state) % (ROOM - PIECE),
				      .length = 1 + random_next(state) % PIECE,
				      .value = 1 + random_next(state) % 1000000};
		const struct node *node = names[o.name];
		if (o.kind == CREATE ? node != NULL : node == NULL)
			continue;
		if (o.kind == APPEND && node->length + o.length > ROOM)
			continue;
		if (o.kind == LINK && names[o.other])
			continue;
		if (o.kind == RENAME && names[o.other] == node)
			continue;
		return o;
	}
}

static void drop(struct node *node)
{
	if (node && --node->links == 0) {
		free(node->bytes);
		free(node);
	}
}

static void model_store(struct node *node, size_t offset, const struct operation *o)
{
	if (node->length < offset)
		memset(node->bytes + node->length, 0, offset - node->length);
	fill(node->bytes + offset, o->length, o->value);
	if (node->length < offset + o->length)
		node->length = offset + o->length;
}

static void model_truncate(struct node *node, size_t length)
{
	if (length > node->length)
		memset(node->bytes + node->length, 0, length - node->length);
	node->length = length;
}

static struct node *model_create(void)
{
	struct node *node = calloc(1, sizeof(*node));
	if (!node || !(node->bytes = malloc(ROOM)))
		err(2, "memory");
	node->mode = 0644;
	node->links = 1;
	return node;
}

static void model(const struct operation *o)
{
	struct node *node = names[o->name];
	switch (o->kind) {
	case CREATE:
		names[o->name] = model_create();
		break;
	case WRITE:
		model_store(node, o->offset, o);
		break;
	case APPEND:
		model_store(node, node->length, o);
		break;
	case TRUNCATE:
		model_truncate(node, o->offset);
		break;
	case RENAME:
		drop(names[o->other]);
		names[o->other] = node;
		names[o->name] = NULL;
		break;
	case UNLINK:
		drop(node);
		names[o->name] = NULL;
		break;
	case LINK:
		names[o->other] = node;
		node->links++;
		break;
	case CHMOD:
		node->mode = 0600 | (o->value & 0177);
		break;
	default:
		node->attribute = o->value;
	}
}

/* Opening changes nothing; the write is the operation. */
static int store(const struct operation *o, int flags)
{
	static uint8_t bytes[PIECE];
	int file = openat(directory, name_of(o->name), O_WRONLY | flags);
	if (file < 0)
		return -1;
	fill(bytes, o->length, o->value);
	ssize_t written = flags & O_APPEND ? write(file, bytes, o->length)
					   : pwrite(file, bytes, o->length, (off_t)o->offset);
	int error = errno;
	close(file);
	errno = error;
	/* The kernel may make two requests of a write: a kill in between shortens it. */
	struct stat status;
	if (written >= 0 && (size_t)written != o->length) {
		if (fstatat(directory, "nothing", &status, 0) == 0 || errno == ENOENT)
			errx(1, "a short write, and the daemon lives");
		return -1;
	}
	return written < 0 ? -1 : 0;
}

static int cut(const struct operation *o)
{
	int file = openat(directory, name_of(o->name), O_WRONLY);
	if (file < 0)
		return -1;
	int result = ftruncate(file, (off_t)o->offset), error = errno;
	close(file);
	errno = error;
	return result;
}

static int set_attribute(const struct operation *o)
{
	char value[16];
	int file = openat(directory, name_of(o->name), O_RDONLY);
	if (file < 0)
		return -1;
	snprintf(value, sizeof(value), "%u", o->value);
	int result = fsetxattr(file, "user.n", value, strlen(value), 0), error = errno;
	close(file);
	errno = error;
	return result;
}

static int create(const struct operation *o)
{
	int file = openat(directory, name_of(o->name), O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (file < 0)
		return -1;
	close(file);
	return 0;
}

static int perform(const struct operation *o)
{
	switch (o->kind) {
	case CREATE:
		return create(o);
	case WRITE:
		return store(o, 0);
	case APPEND:
		return store(o, O_APPEND);
	case TRUNCATE:
		return cut(o);
	case RENAME:
		return renameat(directory, name_of(o->name), directory, name_of(o->other));
	case UNLINK:
		return unlinkat(directory, name_of(o->name), 0);
	case LINK:
		return linkat(directory, name_of(o->name), directory, name_of(o->other), 0);
	case CHMOD:
		return fchmodat(directory, name_of(o->name), 0600 | (o->value & 0177), 0);
	default:
		return set_attribute(o);
	}
}

static int work(struct log *log, uint64_t seed)
{
	uint64_t state = seed;
	for (;;) {
		struct operation o = choose(&state);
		log->begun = log->done + 1;
		if (perform(&o) < 0) {
			if (errno == ENOTCONN || errno == ECONNABORTED)
				break;
			err(1, "operation %llu, kind %d", (unsigned long long)log->begun, o.kind);
		}
		model(&o);
		log->done = log->begun;
	}
	printf("%llu operations acknowledged\n", (unsigned long long)log->done);
	return 0;
}

/* Is the file of this name as the model has it? loose: contents and size may be anything (a write in flight).
 */
static bool same(unsigned number, const struct node *node, bool loose)
{
	static uint8_t bytes[ROOM + 1];
	struct stat status;
	char value[16] = "", expected[16] = "";
	int file = openat(directory, name_of(number), O_RDONLY);
	if (file < 0)
		return errno == ENOENT && !node;
	ssize_t length = read(file, bytes, sizeof(bytes)), other = fgetxattr(file, "user.n", value, 15);
	int error = fstat(file, &status);
	close(file);
	if (!node || error || length < 0)
		return false;
	if (other < 0)
		value[0] = 0;
	if (node->attribute)
		snprintf(expected, sizeof(expected), "%u", node->attribute);
	if (strcmp(value, expected) != 0 || (status.st_mode & 07777) != node->mode ||
	    status.st_nlink != node->links)
		return false;
	return loose || ((size_t)length == node->length && memcmp(bytes, node->bytes, node->length) == 0);
}

static int differences(const struct node *loose, bool say)
{
	int count = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		if (same(i, names[i], names[i] && names[i] == loose))
			continue;
		count++;
		if (say)
			fprintf(stderr, "%s is not as it was acknowledged (%s)\n", name_of(i),
				names[i] ? "the model has it" : "the model has it not");
	}
	return count;
}

static void no_other_names(void)
{
	DIR *listing = fdopendir(dup(directory));
	unsigned number;
	if (!listing)
		err(1, "list");
	for (struct dirent *entry; (entry = readdir(listing));)
		if (entry->d_name[0] != '.' &&
		    (sscanf(entry->d_name, "name-%u", &number) != 1 || number >= NAMES))
			errx(1, "a name that nobody made: %s", entry->d_name);
	closedir(listing);
}

static int check(const struct log *log, uint64_t seed)
{
	uint64_t state = seed;
	for (uint64_t i = 0; i < log->done; i++) {
		struct operation o = choose(&state);
		model(&o);
	}
	no_other_names();
	bool pending = log->begun != log->done;
	struct operation o = {0};
	const struct node *loose = NULL;
	if (pending) {
		o = choose(&state);
		if (o.kind == WRITE || o.kind == APPEND)
			loose = names[o.name];
	}
	if (differences(loose, !pending) == 0)
		return 0;
	if (!pending)
		return 1;
	model(&o);
	if (differences(loose, true) == 0)
		return 0;
	fprintf(stderr, "in flight: operation %llu, kind %d of name-%u (and name-%u)\n",
		(unsigned long long)log->begun, o.kind, o.name, o.other);
	return 1;
}

int main(int count, char **argument)
{
	if (count != 5)
		errx(2, "usage: acknowledged work|check DIR LOG SEED");
	directory = open(argument[2], O_RDONLY | O_DIRECTORY);
	int file = open(argument[3], O_RDWR | O_CREAT, 0644);
	if (directory < 0 || file < 0 || ftruncate(file, sizeof(struct log)))
		err(1, "%s, %s", argument[2], argument[3]);
	struct log *log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (log == MAP_FAILED)
		err(1, "mmap");
	uint64_t seed = strtoull(argument[4], NULL, 0);
	return strcmp(argument[1], "work") == 0 ? work(log, seed) : check(log, seed);
}
