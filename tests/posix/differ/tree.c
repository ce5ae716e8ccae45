/* A whole tree as text, a line for each name, sorted. */
#include "differ.h"

#include <dirent.h>
#include <stdarg.h>

#define READ_WHOLE ((uint64_t)4 << 20) /* a file up to this size is read, holes and all */
#define DEPTH_MOST 200u
#define MAP_ROOM   512u /* of a map of many pieces, the beginning */

struct link {
	uint64_t inode;
	unsigned group;
};

struct walk {
	struct worker *worker;
	char *text;
	size_t used;
	char path[8192];
	struct link *links; /* files with several names, numbered as they are met */
	size_t link_count;
	unsigned depth;
};

static void tell(struct walk *walk, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(walk->text + walk->used, REPORT_ROOM - walk->used, format, arguments);
	va_end(arguments);
	if (length > 0 && walk->used + (size_t)length < REPORT_ROOM)
		walk->used += (size_t)length;
}

static unsigned link_group(struct walk *walk, uint64_t inode)
{
	for (size_t i = 0; i < walk->link_count; i++) {
		if (walk->links[i].inode == inode)
			return walk->links[i].group;
	}
	walk->links = realloc(walk->links, (walk->link_count + 1) * sizeof(*walk->links));
	walk->links[walk->link_count] = (struct link){inode, (unsigned)walk->link_count + 1};
	return (unsigned)++walk->link_count;
}

static bool hash_range(int file, uint64_t from, uint64_t to, uint64_t *hash)
{
	static char bytes[1 << 18];

	while (from < to) {
		size_t room = to - from < sizeof(bytes) ? (size_t)(to - from) : sizeof(bytes);
		ssize_t got = pread(file, bytes, room, (off_t)from);
		if (got < 0)
			return false;
		if (got == 0)
			break;
		*hash = hash_block(*hash, from, bytes, (size_t)got);
		from += (uint64_t)got;
	}
	return true;
}

/* The hash of the data that SEEK_DATA finds, and where it lies, as text. False: they contradict themselves.
 */
static bool hash_data(int file, uint64_t size, uint64_t *ret_hash, char map[MAP_ROOM])
{
	uint64_t hash = 0, at = 0;
	size_t used = 0;

	while (at < size) {
		off_t data = lseek(file, (off_t)at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		off_t hole = data < 0 ? -1 : lseek(file, data, SEEK_HOLE);
		if (data < (off_t)at || hole <= data || hole > (off_t)size)
			return false;
		if (!hash_range(file, (uint64_t)data, (uint64_t)hole, &hash))
			return false;
		if (used < MAP_ROOM)
			used += (size_t)snprintf(map + used, MAP_ROOM - used, " %#llx-%#llx",
						 (unsigned long long)data, (unsigned long long)hole);
		at = (uint64_t)hole;
	}
	*ret_hash = hash;
	return true;
}

static void tell_contents(struct walk *walk, int file, uint64_t size)
{
	uint64_t hash = 0, data = 0;
	char map[MAP_ROOM] = " nothing";

	/* from the filesystem, not from the kernel's memory */
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	if (!hash_data(file, size, &data, map)) {
		tell(walk, " SEEK_DATA and SEEK_HOLE contradict (%s)", strerrorname_np(errno));
		return;
	}
	if (size <= READ_WHOLE && (!hash_range(file, 0, size, &hash) || hash != data))
		tell(walk, " a hole holds %016llx, not %016llx", (unsigned long long)hash,
		     (unsigned long long)data);
	tell(walk, " data %016llx", (unsigned long long)data);
	/* what has made holes is known while it happens */
	if (walk->worker->shared->epoch_count && !view_tainted(walk->worker, file))
		tell(walk, " map%s", map);
}

static int compare_names(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

static char **names_of(int directory, size_t *ret_count)
{
	DIR *stream = fdopendir(dup(directory));
	char **names = NULL;
	size_t count = 0;

	for (struct dirent *entry; stream && (entry = readdir(stream));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		names = realloc(names, (count + 1) * sizeof(*names));
		names[count++] = strdup(entry->d_name);
	}
	if (stream)
		closedir(stream);
	if (count)
		qsort(names, count, sizeof(*names), compare_names);
	*ret_count = count;
	return names;
}

static void walk_one(struct walk *walk, int directory, const char *name);

static void walk_directory(struct walk *walk, int directory)
{
	size_t count, length = strlen(walk->path);
	char **names = names_of(directory, &count);

	for (size_t i = 0; i < count; i++) {
		if (walk->depth < DEPTH_MOST && length + strlen(names[i]) + 2 < sizeof(walk->path)) {
			sprintf(walk->path + length, "/%s", names[i]);
			walk->depth++;
			walk_one(walk, directory, names[i]);
			walk->depth--;
			walk->path[length] = 0;
		}
		free(names[i]);
	}
	free(names);
}

static void tell_time(struct walk *walk, const char *name, const struct statx_timestamp *time)
{
	uint64_t value = view_time(walk->worker->shared, time->tv_sec, time->tv_nsec);

	/* without epochs: only what was set by utimensat */
	if (value >> 63)
		tell(walk, " %s %lld.%09u", name, (long long)time->tv_sec, time->tv_nsec);
	else if (value)
		tell(walk, " %s in epoch %llu", name, (unsigned long long)value);
}

static void tell_attributes(struct walk *walk, const struct statx *status)
{
	tell(walk, "%s: %06o %u:%u links %u", walk->path, status->stx_mode, status->stx_uid, status->stx_gid,
	     status->stx_nlink);
	if (status->stx_nlink > 1 && !S_ISDIR(status->stx_mode))
		tell(walk, " (file %u)", link_group(walk, status->stx_ino));
	if (S_ISBLK(status->stx_mode) || S_ISCHR(status->stx_mode))
		tell(walk, " device %u:%u", status->stx_rdev_major, status->stx_rdev_minor);
	if (!S_ISDIR(status->stx_mode))
		tell(walk, " size %llu", (unsigned long long)status->stx_size);
	tell_time(walk, "atime", &status->stx_atime);
	tell_time(walk, "mtime", &status->stx_mtime);
	tell_time(walk, "ctime", &status->stx_ctime);
}

static void tell_link(struct walk *walk, int directory, const char *name)
{
	char target[PATH_ROOM + 1];
	ssize_t length = readlinkat(directory, name, target, PATH_ROOM);

	tell(walk, " -> %.*s", (int)(length < 0 ? 0 : length), target);
}

/* What was stored to a mapping is written now, so that SEEK_DATA knows of it and the times are known. */
static void settle(struct walk *walk, int directory, const char *name)
{
	int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);

	if (file < 0)
		return;
	if (view_is_loose(walk->worker, file))
		view_settle(walk->worker, file);
	close(file);
}

static void walk_one(struct walk *walk, int directory, const char *name)
{
	struct statx status;
	int file = -1;

	if (walk->worker->shared->loose_count[walk->worker->side])
		settle(walk, directory, name);
	if (statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status)) {
		tell(walk, "%s: %s\n", walk->path, strerrorname_np(errno));
		return;
	}
	tell_attributes(walk, &status);
	if (S_ISLNK(status.stx_mode))
		tell_link(walk, directory, name);
	if (S_ISREG(status.stx_mode) || S_ISDIR(status.stx_mode)) {
		file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
		if (file < 0)
			tell(walk, " open: %s", strerrorname_np(errno));
		else
			tell(walk, " flags %x xattrs %016llx", flags_of(file),
			     (unsigned long long)view_xattrs(NULL, file));
	}
	if (S_ISREG(status.stx_mode) && file >= 0)
		tell_contents(walk, file, status.stx_size);
	tell(walk, "\n");
	if (S_ISDIR(status.stx_mode) && file >= 0)
		walk_directory(walk, file);
	if (file >= 0)
		close(file);
}

void tree_report(struct worker *worker)
{
	struct walk walk = {.worker = worker, .text = worker->shared->report[worker->side], .path = "."};

	walk_one(&walk, AT_FDCWD, ".");
	worker->shared->report_length[worker->side] = walk.used;
	free(walk.links);
}
