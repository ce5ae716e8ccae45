/* Every reading operation of the core library, on whatever can be reached and on what cannot. */
#include "damage.h"

#include "../../sim/power.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define READ_MAX 20000u

struct walker {
	struct fs *fs;
	struct found *found;
	struct answers *answers;
	uint64_t random;
	uint64_t directory; /* being listed */
	int64_t middle;	    /* some cookie of it */
	unsigned entries;
	int sink; /* where pieces are written to, so that somebody looks at their bytes */
};

/* What an operation may say of an image that is what it should be, or of a request that is not. */
static bool is_usual(int64_t error)
{
	static const int usual[] = {ENOENT, ESTALE,  ENOTDIR, EISDIR, EINVAL, EEXIST,	  ENOTEMPTY,
				    EMLINK, ENODATA, ERANGE,  ENXIO,  ENOSPC, EFBIG,	  E2BIG,
				    EPERM,  ENODEV,  EROFS,   ELOOP,  EBUSY,  EOPNOTSUPP, ENAMETOOLONG};

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (error == -usual[i])
			return true;
	return error >= 0;
}

int64_t answer(struct answers *answers, struct fs *fs, const char *call, uint64_t inode, int64_t result)
{
	answers->calls++;
	if (result == -EUCLEAN || result == -EIO) {
		if (!answers->damaged)
			snprintf(answers->what, sizeof(answers->what), "%s of %llu says %s: %.120s", call,
				 (unsigned long long)inode, strerror(-(int)result),
				 fs ? image_damage(fs_image(fs)) : "");
		answers->damaged = true;
	} else if (!is_usual(result) && !answers->wrong[0]) {
		snprintf(answers->wrong, sizeof(answers->wrong), "%s of %llu says %s", call,
			 (unsigned long long)inode, strerror(-(int)result));
	}
	return result;
}

#define ASK(walker, call, inode, result) answer((walker)->answers, (walker)->fs, call, inode, result)

static void wrong(struct walker *walker, const char *what, uint64_t inode)
{
	/* that something does not fit together is damage, unless it was called clean */
	if (!walker->answers->damaged)
		snprintf(walker->answers->what, sizeof(walker->answers->what), "%s of %llu", what,
			 (unsigned long long)inode);
	walker->answers->damaged = true;
}

/* ---- what was found ---- */

static bool found_known(const struct found *found, uint64_t inode)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->inodes[i] == inode)
			return true;
	return false;
}

static void found_inode(struct found *found, uint64_t inode, uint32_t mode)
{
	if (found->count == FOUND_MAX || found_known(found, inode))
		return;
	found->inodes[found->count] = inode;
	found->modes[found->count++] = mode;
}

static int take_entry(void *context, const struct fs_dirent *entry)
{
	struct walker *walker = context;
	struct found *found = walker->found;
	struct found_name *name = &found->names[found->name_count];

	if (++walker->entries % 7 == 0)
		walker->middle = entry->cookie;
	if (entry->cookie <= 0 || entry->name_length == 0 || entry->name_length > FS_NAME_MAX)
		wrong(walker, "an impossible entry", walker->directory);
	if (found->name_count == FOUND_MAX || walker->entries > FOUND_MAX)
		return 1;
	if (entry->name_length <= 2 && !memcmp(entry->name, "..", entry->name_length))
		return 0;
	name->directory = walker->directory;
	name->inode = entry->inode;
	name->length = (uint8_t)entry->name_length;
	memcpy(name->name, entry->name, entry->name_length);
	found->name_count++;
	return 0;
}

static int count_entry(void *context, const struct fs_dirent *entry)
{
	struct walker *walker = context;

	(void)entry;
	return ++walker->entries > FOUND_MAX;
}

static void look_up(struct walker *walker, const struct found_name *name)
{
	struct fs_name given = {.bytes = name->name, .length = name->length};
	struct fs_attr attr;
	int64_t result =
	    ASK(walker, "lookup", name->directory, fs_lookup(walker->fs, name->directory, given, &attr));

	if (result) {
		wrong(walker, "a name that is listed and not found, in the directory", name->directory);
		return;
	}
	if (attr.inode != name->inode)
		wrong(walker, "a name that leads to two inodes, in the directory", name->directory);
	found_inode(walker->found, attr.inode, attr.mode);
	fs_forget(walker->fs, attr.inode, 1);
}

static void walk_directory(struct walker *walker, uint64_t inode)
{
	static const char *const fixed[] = {".", "..", "no-such-name", "", "a/b"};
	size_t from = walker->found->name_count;
	struct fs_attr attr;

	walker->directory = inode;
	walker->entries = 0;
	walker->middle = 0;
	ASK(walker, "readdir", inode, fs_readdir(walker->fs, inode, 0, take_entry, walker));
	for (size_t i = from; i < walker->found->name_count; i++)
		look_up(walker, &walker->found->names[i]);
	ASK(walker, "readdir", inode, fs_readdir(walker->fs, inode, walker->middle, count_entry, walker));
	ASK(walker, "readdir", inode,
	    fs_readdir(walker->fs, inode, (int64_t)(random_next(&walker->random) >> 1), count_entry, walker));
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		struct fs_name name = {.bytes = fixed[i], .length = strlen(fixed[i])};
		if (!ASK(walker, "lookup", inode, fs_lookup(walker->fs, inode, name, &attr)))
			fs_forget(walker->fs, attr.inode, 1);
	}
}

/* ---- one inode ---- */

/* Room for exactly so much, so that a byte more is seen. */
static void *room_for(size_t length)
{
	void *room = malloc(length ? length : 1);

	if (!room)
		abort();
	return room;
}

static void read_xattrs(struct walker *walker, uint64_t inode)
{
	size_t length = 0, value_length;
	char *names, *value;

	if (ASK(walker, "listxattr", inode, fs_listxattr(walker->fs, inode, NULL, 0, true, &length)))
		return;
	names = room_for(length);
	if (ASK(walker, "listxattr", inode, fs_listxattr(walker->fs, inode, names, length, true, &length)))
		length = 0;
	for (size_t at = 0; at < length; at += strlen(names + at) + 1) {
		if (!memchr(names + at, 0, length - at)) {
			wrong(walker, "a list of xattrs without end", inode);
			break;
		}
		if (ASK(walker, "getxattr", inode,
			fs_getxattr(walker->fs, inode, names + at, NULL, 0, &value_length)))
			continue;
		value = room_for(value_length);
		ASK(walker, "getxattr", inode,
		    fs_getxattr(walker->fs, inode, names + at, value, value_length, &value_length));
		free(value);
	}
	free(names);
	ASK(walker, "getxattr", inode, fs_getxattr(walker->fs, inode, "user.none", NULL, 0, &length));
}

static int sink_pieces(void *context, const struct iovec *pieces, int count, size_t total)
{
	struct walker *walker = context;
	size_t sum = 0;

	for (int i = 0; i < count; i++)
		sum += pieces[i].iov_len;
	if (sum != total)
		return -EIO;
	if (lseek(walker->sink, 0, SEEK_SET) || writev(walker->sink, pieces, count) < 0)
		return -EIO;
	return 0;
}

static void read_at(struct walker *walker, uint64_t inode, uint64_t offset, size_t length)
{
	void *bytes = room_for(length);

	ASK(walker, "read", inode, fs_read_copy(walker->fs, inode, offset, bytes, length));
	ASK(walker, "read of pieces", inode, fs_read(walker->fs, inode, offset, length, sink_pieces, walker));
	free(bytes);
}

/* Data after data, each read from its start; what lies beyond the first ones is only sampled. */
static void read_contents(struct walker *walker, uint64_t inode, uint64_t size)
{
	uint64_t data = 0, hole = 0;

	for (unsigned i = 0; i < 40; i++) {
		if (ASK(walker, "seek", inode, fs_seek(walker->fs, inode, hole, SEEK_DATA, &data)))
			break;
		if (ASK(walker, "seek", inode, fs_seek(walker->fs, inode, data, SEEK_HOLE, &hole)))
			break;
		if (hole <= data) {
			wrong(walker, "data without length", inode);
			break;
		}
		read_at(walker, inode, data, hole - data < READ_MAX ? hole - data : READ_MAX);
	}
	read_at(walker, inode, 0, size < READ_MAX ? size : READ_MAX);
	read_at(walker, inode, size > 100 ? size - 100 : 0, 300);
	read_at(walker, inode, size ? random_next(&walker->random) % size : 0, 9000);
}

static void walk_inode(struct walker *walker, uint64_t inode)
{
	struct fs_attr attr;
	size_t length;
	char *target;

	if (ASK(walker, "getattr", inode, fs_getattr(walker->fs, inode, &attr)))
		return;
	if (attr.inode != inode)
		wrong(walker, "attributes of another inode", inode);
	read_xattrs(walker, inode);
	if (S_ISDIR(attr.mode)) {
		walk_directory(walker, inode);
	} else if (S_ISREG(attr.mode)) {
		read_contents(walker, inode, attr.size);
	} else if (S_ISLNK(attr.mode)) {
		target = room_for(attr.size < 5000 ? attr.size : 5000);
		ASK(walker, "readlink", inode,
		    fs_readlink(walker->fs, inode, target, attr.size < 5000 ? attr.size : 5000, &length));
		free(target);
	}
}

/* Whatever the number names: what has no name, what is no inode, the wrong type for the operation. */
static void walk_stray(struct walker *walker)
{
	static const uint64_t numbers[] = {0, 2, 15, INODE_LIMIT - 1, INODE_LIMIT, UINT64_MAX};
	struct answers strays = {0};
	struct fs_attr attr;
	uint64_t offset;
	size_t length;
	char bytes[64];

	for (unsigned i = 0; i < 60; i++) {
		uint64_t inode = i < 6 ? numbers[i] : FIRST_INODE + random_next(&walker->random) % 200;

		answer(&strays, NULL, "getattr", inode, fs_getattr(walker->fs, inode, &attr));
		answer(&strays, NULL, "readlink", inode,
		       fs_readlink(walker->fs, inode, bytes, sizeof(bytes), &length));
		answer(&strays, NULL, "read", inode,
		       fs_read_copy(walker->fs, inode, random_next(&walker->random) >> (i % 64), bytes,
				    sizeof(bytes)));
		answer(&strays, NULL, "seek", inode,
		       fs_seek(walker->fs, inode, random_next(&walker->random) >> (i % 64),
			       i % 2 ? SEEK_DATA : SEEK_HOLE, &offset));
		walker->entries = 0;
		answer(&strays, NULL, "readdir", inode,
		       fs_readdir(walker->fs, inode, 0, count_entry, walker));
	}
	/* what only these reach may be damaged, and clean all the same: an orphan, say */
	walker->answers->calls += strays.calls;
	if (!walker->answers->wrong[0])
		memcpy(walker->answers->wrong, strays.wrong, sizeof(strays.wrong));
}

void walk(struct fs *fs, uint64_t random, struct found *ret_found, struct answers *answers)
{
	struct walker walker = {.fs = fs, .found = ret_found, .answers = answers, .random = random};
	struct fs_statfs statfs;

	*ret_found = (struct found){.inodes = calloc(FOUND_MAX, sizeof(uint64_t)),
				    .modes = calloc(FOUND_MAX, sizeof(uint32_t)),
				    .names = calloc(FOUND_MAX, sizeof(struct found_name))};
	walker.sink = memfd_create("sink", MFD_CLOEXEC);
	if (!ret_found->inodes || !ret_found->modes || !ret_found->names || walker.sink < 0)
		abort();
	ASK(&walker, "statfs", 0, fs_statfs(fs, &statfs));
	found_inode(ret_found, ROOT_INODE, S_IFDIR);
	for (size_t i = 0; i < ret_found->count; i++)
		walk_inode(&walker, ret_found->inodes[i]);
	walk_stray(&walker);
	close(walker.sink);
}

void found_free(struct found *found)
{
	free(found->inodes);
	free(found->modes);
	free(found->names);
	*found = (struct found){0};
}
