/* The steps: each does something to the file and the same to the model, or compares them. */
#include "exercise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* splitmix64 */
static uint64_t mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

static uint64_t pick(struct exercise *e, uint64_t below)
{
	e->random = mix(e->random);
	return e->random % below;
}

/* ---- what was done, and what went wrong ---- */

void note(struct exercise *e, const char *format, ...)
{
	char *line = e->lines[e->step % LINES];
	int used = snprintf(line, sizeof(e->lines[0]), "%llu: ", (unsigned long long)e->step);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + used, sizeof(e->lines[0]) - (size_t)used, format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static _Noreturn void failed(struct exercise *e, const char *format,
								   ...)
{
	va_list arguments;

	flockfile(stdout);
	printf("FAILURE --replay %llu:%u:%llu --processes %u%s: ", (unsigned long long)options.seed,
	       e->process, (unsigned long long)e->step, options.processes, options.shared ? " --shared" : "");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	for (uint64_t step = e->step < LINES ? 0 : e->step - LINES + 1; step <= e->step; step++)
		printf("    %s\n", e->lines[step % LINES]);
	fflush(stdout);
	_exit(1);
}

static void must(struct exercise *e, const char *call, int64_t result)
{
	if (result < 0)
		failed(e, "%s: %s", call, strerror(errno));
}

static void compare(struct exercise *e, const char *what, const uint8_t *bytes, uint64_t offset,
		    uint64_t length)
{
	uint64_t at = 0, end;

	if (!memcmp(bytes, e->model + offset, length))
		return;
	while (bytes[at] == e->model[offset + at])
		at++;
	for (end = at; end < length && bytes[end] != e->model[offset + end]; end++)
		;
	failed(e, "%s at %llu, %llu bytes: bytes %llu to %llu are wrong: %#x, not %#x", what,
	       (unsigned long long)offset, (unsigned long long)length, (unsigned long long)(offset + at),
	       (unsigned long long)(offset + end - 1), bytes[at], e->model[offset + at]);
}

/* ---- the model ---- */

static void fill(struct exercise *e, uint8_t *bytes, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(e->step * 29 + i / 7 + 1);
}

static void model_grow(struct exercise *e, uint64_t size)
{
	if (size > e->size)
		e->size = size;
}

static void model_put(struct exercise *e, uint64_t offset, uint64_t length)
{
	memcpy(e->model + offset, e->bytes, length);
	model_grow(e, offset + length);
}

static void model_zero(struct exercise *e, uint64_t offset, uint64_t length)
{
	if (offset < e->size)
		memset(e->model + offset, 0, length < e->size - offset ? length : e->size - offset);
}

/* ---- ranges ---- */

struct range {
	uint64_t offset, length;
};

/* Somewhere where this process works; often at the file's end, or along pages. */
static struct range any_range(struct exercise *e)
{
	struct range range = {.offset = e->low + pick(e, e->high - e->low)};
	uint64_t near = e->size < e->high ? e->size : e->high - 1;

	if (!options.shared && !pick(e, 5))
		range.offset = near > 50 ? near - pick(e, 50) : near;
	else if (!options.shared && pick(e, 3) && e->size)
		range.offset %= e->size;
	if (!pick(e, 4))
		range.offset &= ~(uint64_t)(PAGE - 1);
	range.length = 1 + pick(e, pick(e, 3) ? 9000 : LENGTH_MAX);
	if (!pick(e, 4))
		range.length = (range.length + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	if (range.length > e->high - range.offset)
		range.length = e->high - range.offset;
	return range;
}

/* The part of a range within the file; false: there is none. */
static bool within(const struct exercise *e, struct range *range)
{
	if (range->offset >= e->size)
		return false;
	if (range->length > e->size - range->offset)
		range->length = e->size - range->offset;
	return true;
}

static struct range page_range(struct exercise *e)
{
	struct range range = any_range(e);

	range.offset &= ~(uint64_t)(PAGE - 1);
	range.length = (range.length + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	if (range.length > e->high - range.offset)
		range.length = e->high - range.offset;
	return range;
}

#define R(range) (unsigned long long)(range).offset, (unsigned long long)(range).length

/* ---- steps ---- */

static void read_with(struct exercise *e, const char *what, int file, struct range range)
{
	struct range part = range;
	ssize_t got;

	note(e, "%s %llu+%llu", what, R(range));
	got = pread(file, e->bytes, range.length, (off_t)range.offset);
	must(e, what, got);
	if (!within(e, &part))
		part.length = 0;
	if ((uint64_t)got != part.length)
		failed(e, "%s gave %zd bytes, not %llu", what, got, (unsigned long long)part.length);
	compare(e, what, e->bytes, range.offset, part.length);
}

static void write_with(struct exercise *e, const char *what, int file, struct range range)
{
	ssize_t done;

	note(e, "%s %llu+%llu", what, R(range));
	fill(e, e->bytes, range.length);
	done = pwrite(file, e->bytes, range.length, (off_t)range.offset);
	must(e, what, done);
	if ((uint64_t)done != range.length)
		failed(e, "%s took %zd bytes", what, done);
	model_put(e, range.offset, range.length);
}

static void step_read(struct exercise *e)
{
	read_with(e, "read", e->file, any_range(e));
}

static void step_write(struct exercise *e)
{
	write_with(e, "write", e->file, any_range(e));
}

static void step_direct_read(struct exercise *e)
{
	read_with(e, "direct read", e->direct, page_range(e));
}

static void step_direct_write(struct exercise *e)
{
	write_with(e, "direct write", e->direct, page_range(e));
}

static void step_append(struct exercise *e)
{
	struct range range = {.offset = e->size, .length = 1 + pick(e, 6000)};

	if (range.offset + range.length > e->high)
		return;
	note(e, "append %llu+%llu", R(range));
	fill(e, e->bytes, range.length);
	must(e, "append", write(e->append, e->bytes, range.length));
	model_put(e, range.offset, range.length);
}

static void step_truncate(struct exercise *e)
{
	uint64_t size = pick(e, 2) && e->size ? pick(e, e->size) : pick(e, e->high + 1);

	note(e, "truncate %llu -> %llu", (unsigned long long)e->size, (unsigned long long)size);
	must(e, "truncate", ftruncate(e->file, (off_t)size));
	if (size < e->size)
		memset(e->model + size, 0, e->size - size);
	e->size = size;
}

static void allocate(struct exercise *e, const char *what, int mode)
{
	struct range range = any_range(e);

	note(e, "%s %llu+%llu", what, R(range));
	must(e, what, fallocate(e->file, mode, (off_t)range.offset, (off_t)range.length));
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		model_zero(e, range.offset, range.length);
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		model_grow(e, range.offset + range.length);
}

static void step_punch(struct exercise *e)
{
	allocate(e, "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static void step_zero(struct exercise *e)
{
	if (pick(e, 2))
		allocate(e, "zero", FALLOC_FL_ZERO_RANGE);
	else
		allocate(e, "zero keeping the size", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
}

static void step_fallocate(struct exercise *e)
{
	if (pick(e, 2))
		allocate(e, "fallocate", 0);
	else
		allocate(e, "fallocate keeping the size", FALLOC_FL_KEEP_SIZE);
}

/* Through the mapping that is there all the time, or through one just for this. */
static uint8_t *map_range(struct exercise *e, struct range range, bool *ret_own)
{
	uint64_t start = range.offset & ~(uint64_t)(PAGE - 1);
	uint8_t *map;

	*ret_own = pick(e, 2);
	if (!*ret_own)
		return e->map + range.offset;
	map = mmap(NULL, range.offset - start + range.length, PROT_READ | PROT_WRITE, MAP_SHARED, e->file,
		   (off_t)start);
	must(e, "mmap", map == MAP_FAILED ? -1 : 0);
	return map + (range.offset - start);
}

static void unmap_range(struct exercise *e, uint8_t *at, struct range range)
{
	uint64_t before = range.offset & (PAGE - 1);

	must(e, "munmap", munmap(at - before, before + range.length));
}

static void step_map_read(struct exercise *e)
{
	struct range range = any_range(e);
	uint8_t *at;
	bool own;

	if (!within(e, &range))
		return;
	note(e, "read mapped %llu+%llu", R(range));
	at = map_range(e, range, &own);
	compare(e, "mapped memory", at, range.offset, range.length);
	if (own)
		unmap_range(e, at, range);
}

static void step_map_write(struct exercise *e)
{
	struct range range = any_range(e);
	uint64_t sync = pick(e, 4), before;
	uint8_t *at;
	bool own;

	if (!within(e, &range))
		return;
	note(e, "write mapped %llu+%llu%s", R(range), sync == 0 ? ", msync" : "");
	at = map_range(e, range, &own);
	before = range.offset & (PAGE - 1);
	fill(e, e->bytes, range.length);
	memcpy(at, e->bytes, range.length);
	model_put(e, range.offset, range.length);
	if (sync <= 1)
		must(e, "msync", msync(at - before, before + range.length, sync ? MS_ASYNC : MS_SYNC));
	if (own)
		unmap_range(e, at, range);
}

static void step_copy(struct exercise *e)
{
	struct range from = any_range(e), to = any_range(e);
	off_t from_at, to_at;

	if (!within(e, &from))
		return;
	to.length = from.length;
	if (to.offset + to.length > e->high ||
	    (from.offset < to.offset + to.length && to.offset < from.offset + from.length))
		return;
	note(e, "copy %llu+%llu to %llu", R(from), (unsigned long long)to.offset);
	from_at = (off_t)from.offset;
	to_at = (off_t)to.offset;
	for (uint64_t left = from.length; left;) {
		ssize_t done = copy_file_range(e->file, &from_at, e->file, &to_at, left, 0);

		must(e, "copy_file_range", done);
		if (!done)
			failed(e, "copy_file_range ends %llu bytes early", (unsigned long long)left);
		left -= (uint64_t)done;
	}
	memcpy(e->model + to.offset, e->model + from.offset, from.length);
	model_grow(e, to.offset + to.length);
}

static void step_sync(struct exercise *e)
{
	note(e, "sync");
	must(e, "sync", pick(e, 2) ? fsync(e->file) : fdatasync(e->file));
	/* what is clean now may be dropped, so that reads ask the filesystem again */
	if (pick(e, 2))
		posix_fadvise(e->file, 0, 0, POSIX_FADV_DONTNEED);
}

/* Where the filesystem says that there is nothing, there are zeros. */
static void step_seek(struct exercise *e)
{
	uint64_t at = options.shared ? e->low : 0, end = options.shared ? e->high : e->size;

	/* a page that is dirty in a mapping need not count as data before it is written */
	must(e, "fsync", fsync(e->file));
	note(e, "seek");
	while (at < end) {
		off_t data = lseek(e->file, (off_t)at, SEEK_DATA);

		if (data < 0 && errno != ENXIO)
			must(e, "SEEK_DATA", data);
		if (data < 0 || (uint64_t)data > end)
			data = (off_t)end;
		for (; at < (uint64_t)data; at++)
			if (e->model[at])
				failed(e, "byte %llu is %#x and in a hole", (unsigned long long)at,
				       e->model[at]);
		if (at == end)
			break;
		off_t hole = lseek(e->file, data, SEEK_HOLE);
		must(e, "SEEK_HOLE", hole);
		/* on ext4 zeros in the page cache count as data, or not, as it is with the page */
		if (e->cache_is_data && hole == data)
			hole++;
		if (hole <= data || (!options.shared && (uint64_t)hole > e->size))
			failed(e, "data at %lld, the next hole at %lld", (long long)data, (long long)hole);
		at = (uint64_t)hole;
	}
}

static void check_size(struct exercise *e)
{
	struct stat status;

	must(e, "fstat", fstat(e->file, &status));
	if ((uint64_t)status.st_size != e->size)
		failed(e, "the size is %lld, not %llu", (long long)status.st_size,
		       (unsigned long long)e->size);
}

/* ---- opening, comparing, all of it ---- */

static int open_as(struct exercise *e, int flags)
{
	int file = open(e->path, flags | O_CLOEXEC);

	must(e, "open", file);
	return file;
}

void open_all(struct exercise *e)
{
	struct statfs system;

	e->file = open_as(e, O_RDWR);
	e->append = open_as(e, O_WRONLY | O_APPEND);
	e->direct = open_as(e, O_RDWR | O_DIRECT);
	must(e, "fstatfs", fstatfs(e->file, &system));
	e->cache_is_data = system.f_type == EXT4_SUPER_MAGIC;
	e->map = mmap(NULL, SIZE_MAX_FILE + REGION * PROCESSES_MAX, PROT_READ | PROT_WRITE, MAP_SHARED,
		      e->file, 0);
	must(e, "mmap", e->map == MAP_FAILED ? -1 : 0);
}

void close_all(struct exercise *e)
{
	must(e, "munmap", munmap(e->map, SIZE_MAX_FILE + REGION * PROCESSES_MAX));
	must(e, "close", close(e->file) | close(e->append) | close(e->direct));
}

void compare_all(struct exercise *e)
{
	struct range range = {.offset = e->low};

	check_size(e);
	note(e, "read all");
	for (; range.offset < e->high; range.offset += LENGTH_MAX) {
		range.length = e->high - range.offset < LENGTH_MAX ? e->high - range.offset : LENGTH_MAX;
		if (within(e, &range))
			read_with(e, "read", e->file, range);
	}
}

static void step_reopen(struct exercise *e)
{
	close_all(e);
	open_all(e);
	note(e, "reopen");
	compare_all(e);
}

typedef void (*step_function)(struct exercise *e);
static const step_function any_steps[] = {step_read,	    step_read,	       step_write,     step_write,
					  step_direct_read, step_direct_write, step_punch,     step_zero,
					  step_map_read,    step_map_write,    step_map_write, step_copy,
					  step_direct_read, step_direct_write};
static const step_function own_steps[] = {step_append, step_truncate, step_truncate, step_fallocate};
static const step_function rare_steps[] = {step_sync, step_seek, step_sync, step_reopen};

#define PICK(e, steps) (steps)[pick(e, sizeof(steps) / sizeof((steps)[0]))]

void do_step(struct exercise *e)
{
	e->random = mix(mix(options.seed + e->process) ^ e->step);
	note(e, "nothing");
	if (!pick(e, 12))
		PICK(e, rare_steps)(e);
	else if (!options.shared && !pick(e, 4))
		PICK(e, own_steps)(e);
	else
		PICK(e, any_steps)(e);
	if (e->step % 16 == 0)
		check_size(e);
	if (options.replay)
		puts(e->lines[e->step % LINES]);
}
