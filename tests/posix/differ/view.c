/* What is looked at after a call, as root. */
#include "differ.h"

#include <sys/xattr.h>

#define AROUND 4096u /* bytes before and behind those written that are looked at too */
#define DAY    86400

uint64_t hash_number(uint64_t hash, uint64_t number)
{
	hash = (hash ^ number) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t word = 0;

	hash = hash_number(hash, length);
	for (; length >= 8; length -= 8, at += 8) {
		memcpy(&word, at, 8);
		hash = hash_number(hash, word);
	}
	word = 0;
	memcpy(&word, at, length);
	return hash_number(hash, word);
}

uint64_t hash_block(uint64_t hash, uint64_t offset, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t words[64];

	while (length) {
		size_t part = sizeof(words) - offset % sizeof(words);
		if (part > length)
			part = length;
		memset(words, 0, sizeof(words));
		memcpy((char *)words + offset % sizeof(words), at, part);
		uint64_t any = 0;
		for (size_t i = 0; i < 64; i++)
			any |= words[i];
		if (any)
			hash += hash_number(hash_bytes(1, words, sizeof(words)), offset / sizeof(words));
		offset += part;
		at += part;
		length -= part;
	}
	return hash;
}

void fill_pattern(uint64_t seed, void *bytes, size_t length)
{
	unsigned char *at = bytes;
	uint64_t word = hash_number(17, seed) | 1;

	for (; length >= 8; length -= 8, at += 8) {
		word ^= word << 13;
		word ^= word >> 7;
		word ^= word << 17;
		memcpy(at, &word, 8);
	}
	memcpy(at, &word, length);
}

/* ---- files whose holes may lie elsewhere ---- */

static uint64_t status_key(const struct statx *status)
{
	uint64_t birth = status->stx_mask & STATX_BTIME
			     ? hash_number((uint64_t)status->stx_btime.tv_sec, status->stx_btime.tv_nsec)
			     : 0;

	return hash_number(birth, status->stx_ino);
}

static uint64_t inode_key(int descriptor)
{
	struct statx status;

	if (statx(descriptor, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status))
		return 0;
	return status_key(&status);
}

bool view_tainted(const struct worker *worker, int descriptor)
{
	const struct shared *shared = worker->shared;
	uint64_t key = inode_key(descriptor);

	for (unsigned i = 0; i < shared->tainted_count[worker->side]; i++) {
		if (shared->tainted[worker->side][i] == key)
			return true;
	}
	return false;
}

void view_taint(const struct worker *worker, int descriptor)
{
	struct shared *shared = worker->shared;
	unsigned *count = &shared->tainted_count[worker->side];

	if (!view_tainted(worker, descriptor) && *count < TAINTED_MOST)
		shared->tainted[worker->side][(*count)++] = inode_key(descriptor);
}

/* ---- files whose times are not known ---- */

static unsigned loose_place(const struct worker *worker, uint64_t key)
{
	const struct shared *shared = worker->shared;
	unsigned i = 0;

	while (i < shared->loose_count[worker->side] && shared->loose[worker->side][i] != key)
		i++;
	return i;
}

bool view_is_loose(const struct worker *worker, int descriptor)
{
	unsigned count = worker->shared->loose_count[worker->side];

	return count && loose_place(worker, inode_key(descriptor)) < count;
}

void view_loosen(const struct worker *worker, int descriptor, bool loose)
{
	struct shared *shared = worker->shared;
	unsigned *count = &shared->loose_count[worker->side];
	uint64_t key = inode_key(descriptor);
	unsigned place = loose_place(worker, key);

	if (loose && place == *count && *count < LOOSE_MOST)
		shared->loose[worker->side][(*count)++] = key;
	else if (!loose && place < *count)
		shared->loose[worker->side][place] = shared->loose[worker->side][--*count];
}

void view_settle(const struct worker *worker, int descriptor)
{
	if (!fsync(descriptor) && !futimens(descriptor, NULL))
		view_loosen(worker, descriptor, false);
}

/* ---- attributes ---- */

static bool earlier(struct timespec one, int64_t seconds, uint32_t nanoseconds)
{
	return one.tv_sec < seconds || (one.tv_sec == seconds && (uint32_t)one.tv_nsec <= nanoseconds);
}

uint64_t view_time(const struct shared *shared, int64_t seconds, uint32_t nanoseconds)
{
	unsigned low = 0, high = shared->epoch_count;
	int64_t first = high ? shared->epochs[0].tv_sec : time(NULL);

	if (seconds < first - DAY || seconds > first + DAY)
		return hash_number((uint64_t)seconds, nanoseconds) | UINT64_C(1) << 63;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (earlier(shared->epochs[middle], seconds, nanoseconds))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void fill_view(const struct shared *shared, const struct statx *status, struct view *ret)
{
	*ret = (struct view){
	    .taken = true,
	    .mode = status->stx_mode,
	    .uid = status->stx_uid,
	    .gid = status->stx_gid,
	    .links = status->stx_nlink,
	    .rdev_major = status->stx_rdev_major,
	    .rdev_minor = status->stx_rdev_minor,
	    .size = S_ISDIR(status->stx_mode) ? 0 : status->stx_size,
	    .atime = view_time(shared, status->stx_atime.tv_sec, status->stx_atime.tv_nsec),
	    .mtime = view_time(shared, status->stx_mtime.tv_sec, status->stx_mtime.tv_nsec),
	    .ctime = view_time(shared, status->stx_ctime.tv_sec, status->stx_ctime.tv_nsec),
	};
}

void view_take(const struct worker *worker, int at, const char *path, int flags, struct view *ret)
{
	struct statx status;

	const struct shared *shared = worker->shared;
	bool born = flags & AT_STATX_FORCE_SYNC && shared->features.btime;
	unsigned loose = shared->loose_count[worker->side];

	if (statx(at, path, flags, STATX_BASIC_STATS | (born || loose ? STATX_BTIME : 0), &status)) {
		*ret = (struct view){.taken = true, .error = errno};
		return;
	}
	fill_view(shared, &status, ret);
	if (born)
		ret->btime = view_time(shared, status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
	if (loose && loose_place(worker, status_key(&status)) < loose)
		ret->atime = ret->mtime = ret->ctime = 0;
}

/* Of the path, or of the descriptor if path is NULL; in whatever order they are listed. Never 0. */
uint64_t view_xattrs(const char *path, int descriptor)
{
	static char names[1 << 16], value[1 << 17];
	ssize_t length =
	    path ? llistxattr(path, names, sizeof(names)) : flistxattr(descriptor, names, sizeof(names));
	uint64_t hash = 1;

	if (length < 0)
		return hash_number(2, (uint64_t)errno);
	for (const char *name = names; name < names + length; name += strlen(name) + 1) {
		ssize_t size = path ? lgetxattr(path, name, value, sizeof(value))
				    : fgetxattr(descriptor, name, value, sizeof(value));
		hash += hash_bytes(hash_bytes(3, name, strlen(name)), value, size < 0 ? 0 : (size_t)size);
	}
	return hash | 1;
}

/* ---- a step ---- */

/* The directory that holds the path's last name. */
static void view_parent(const struct worker *worker, int at, const char *path, struct view *ret)
{
	char parent[4096];
	size_t length = strlen(path);

	while (length && path[length - 1] == '/')
		length--;
	while (length && path[length - 1] != '/')
		length--;
	while (length > 1 && path[length - 1] == '/')
		length--;
	memcpy(parent, path, length);
	parent[length] = 0;
	if (length)
		view_take(worker, at, parent, 0, ret);
	else
		view_take(worker, at, "", AT_EMPTY_PATH, ret);
}

static void view_slot(const struct worker *worker, int slot, bool xattrs, int force, struct view *ret)
{
	const struct slot *at = &worker->slots[slot];

	if (at->descriptor < 0)
		return;
	view_take(worker, at->descriptor, "", AT_EMPTY_PATH | force, ret);
	if (xattrs && at->reader >= 0)
		ret->xattrs = view_xattrs(NULL, at->reader);
}

static uint64_t contents_around(const struct worker *worker, int reader)
{
	static char bytes[1 << 18];
	uint64_t from = worker->touched_from > AROUND ? worker->touched_from - AROUND : 0, hash = 0;
	uint64_t end = worker->touched_from + worker->touched_length + AROUND;

	from -= from % 512;
	while (from < end) {
		size_t room = end - from < sizeof(bytes) ? (size_t)(end - from) : sizeof(bytes);
		ssize_t got = pread(reader, bytes, room, (off_t)from);
		if (got < 0)
			return hash_number(4, (uint64_t)errno);
		if (got == 0)
			break;
		hash = hash_block(hash, from, bytes, (size_t)got);
		from += (uint64_t)got;
	}
	return hash | 1;
}

static void view_slots(struct worker *worker, const struct step *step, int force, struct outcome *outcome)
{
	const struct call *call = &calls[step->call];
	int written = step->slot2 >= 0 ? step->slot2 : step->slot;
	bool xattrs = call->flags & CALL_XATTRS;

	if (step->slot >= 0) {
		view_slot(worker, step->slot, xattrs, force, &outcome->views[VIEW_SLOT]);
		outcome->position = -1;
		if (worker->slots[step->slot].type == S_IFREG)
			outcome->position = lseek(worker->slots[step->slot].descriptor, 0, SEEK_CUR);
	}
	if (step->slot2 >= 0)
		view_slot(worker, step->slot2, xattrs, force, &outcome->views[VIEW_SLOT2]);
	if (written >= 0 && (worker->touched_from || worker->touched_length) &&
	    worker->slots[written].reader >= 0)
		outcome->contents = contents_around(worker, worker->slots[written].reader);
}

void view_outcome(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	static unsigned count;
	const struct call *call = &calls[step->call];
	struct view *views = outcome->views;
	/* what the kernel knows, and now and then what the filesystem knows */
	int force = count++ % 4 ? 0 : AT_STATX_FORCE_SYNC;
	int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | force;

	if (strchr(call->arguments, 'p')) {
		int at = at_of(worker, step->at);
		view_take(worker, at, worker->path, flags, &views[VIEW_PATH]);
		view_parent(worker, at, worker->path, &views[VIEW_PARENT]);
		if (S_ISLNK(views[VIEW_PATH].mode))
			view_take(worker, at, worker->path, force, &views[VIEW_TARGET]);
		if (call->flags & CALL_XATTRS && step->at < 0 && *worker->path)
			views[VIEW_PATH].xattrs = view_xattrs(worker->path, -1);
	}
	if (strchr(call->arguments, 'q')) {
		int at = at_of(worker, step->at2);
		view_take(worker, at, worker->path2, flags, &views[VIEW_PATH2]);
		view_parent(worker, at, worker->path2, &views[VIEW_PARENT2]);
	}
	view_slots(worker, step, force, outcome);
}
