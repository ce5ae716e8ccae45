/* What the two sides did, side by side. */
#include "differ.h"

#include <stdarg.h>

const char *const side_names[SIDES] = {"mmfs", "ext4"};

struct comparison {
	const struct outcome *outcomes[SIDES];
	struct difference *difference;
	size_t used;
};

static void tell(struct comparison *comparison, const char *format, ...)
{
	char *text = comparison->difference->text;
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(text + comparison->used,
			       sizeof(comparison->difference->text) - comparison->used, format, arguments);
	va_end(arguments);
	if (length > 0 && comparison->used + (size_t)length < sizeof(comparison->difference->text))
		comparison->used += (size_t)length;
}

static void field(struct comparison *comparison, const char *object, const char *name, const char *format,
		  uint64_t mmfs, uint64_t ext4)
{
	char text[2][64];

	if (mmfs == ext4)
		return;
	snprintf(text[0], sizeof(text[0]), format, (unsigned long long)mmfs);
	snprintf(text[1], sizeof(text[1]), format, (unsigned long long)ext4);
	tell(comparison, "  %s.%s: mmfs %s, ext4 %s\n", object, name, text[0], text[1]);
}

static void result_text(const struct outcome *outcome, char *text, size_t room)
{
	if (outcome->result == -1)
		snprintf(text, room, "%s", strerrorname_np(outcome->error));
	else if (outcome->result == SKIPPED)
		snprintf(text, room, "(not made)");
	else
		snprintf(text, room, "%lld", (long long)outcome->result);
}

static void waiter_text(uint64_t waiter, char *text, size_t room)
{
	snprintf(text, room, "%s",
		 waiter == 0   ? "nobody"
		 : waiter == 1 ? "still waits"
		 : waiter == 2 ? "has its lock"
			       : strerrorname_np((int)waiter - 2));
}

static void compare_waiters(struct comparison *comparison, uint64_t mmfs, uint64_t ext4)
{
	char text[2][32];

	if (mmfs == ext4)
		return;
	waiter_text(mmfs, text[0], sizeof(text[0]));
	waiter_text(ext4, text[1], sizeof(text[1]));
	tell(comparison, "  who waits: mmfs %s, ext4 %s\n", text[0], text[1]);
}

static void compare_results(struct comparison *comparison)
{
	const struct outcome *mmfs = comparison->outcomes[0], *ext4 = comparison->outcomes[1];
	char text[2][64];

	if (mmfs->loose || ext4->loose) {
		/* a hole that is none was found by the worker */
		field(comparison, "call", "data", "%llx", mmfs->data, 0);
		return;
	}
	if (mmfs->result != ext4->result || mmfs->error != ext4->error) {
		result_text(mmfs, text[0], sizeof(text[0]));
		result_text(ext4, text[1], sizeof(text[1]));
		tell(comparison, "  result: mmfs %s, ext4 %s\n", text[0], text[1]);
	}
	field(comparison, "call", "data", "%llx", mmfs->data, ext4->data);
	field(comparison, "slot", "contents", "%llx", mmfs->contents, ext4->contents);
	field(comparison, "slot", "position", "%lld", (uint64_t)mmfs->position, (uint64_t)ext4->position);
}

static void compare_views(struct comparison *comparison, unsigned index)
{
	static const char *const names[VIEWS] = {"path",    "parent", "target", "path2",
						 "parent2", "slot",   "slot2"};
	const struct view *mmfs = &comparison->outcomes[0]->views[index],
			  *ext4 = &comparison->outcomes[1]->views[index];
	const char *name = names[index];

	field(comparison, name, "seen", "%llu", mmfs->taken, ext4->taken);
	field(comparison, name, "errno", "%lld", (uint64_t)mmfs->error, (uint64_t)ext4->error);
	field(comparison, name, "mode", "0%llo", mmfs->mode, ext4->mode);
	field(comparison, name, "uid", "%llu", mmfs->uid, ext4->uid);
	field(comparison, name, "gid", "%llu", mmfs->gid, ext4->gid);
	field(comparison, name, "links", "%llu", mmfs->links, ext4->links);
	field(comparison, name, "size", "%llu", mmfs->size, ext4->size);
	field(comparison, name, "major", "%llu", mmfs->rdev_major, ext4->rdev_major);
	field(comparison, name, "minor", "%llu", mmfs->rdev_minor, ext4->rdev_minor);
	field(comparison, name, "atime", "of epoch %lld", mmfs->atime, ext4->atime);
	field(comparison, name, "mtime", "of epoch %lld", mmfs->mtime, ext4->mtime);
	field(comparison, name, "ctime", "of epoch %lld", mmfs->ctime, ext4->ctime);
	field(comparison, name, "btime", "of epoch %lld", mmfs->btime, ext4->btime);
	field(comparison, name, "xattrs", "%llx", mmfs->xattrs, ext4->xattrs);
}

bool compare_outcomes(const struct outcome *mmfs, const struct outcome *ext4, struct difference *ret)
{
	struct comparison comparison = {.outcomes = {mmfs, ext4}, .difference = ret};

	ret->text[0] = 0;
	compare_results(&comparison);
	compare_waiters(&comparison, mmfs->waiter, ext4->waiter);
	for (unsigned i = 0; i < VIEWS; i++)
		compare_views(&comparison, i);
	return !comparison.used;
}

static size_t line_length(const char *text)
{
	return strcspn(text, "\n");
}

/* The line without where its holes are. */
static size_t without_map(const char *line, size_t length)
{
	const char *map = memmem(line, length, " map", 4);

	return map ? (size_t)(map - line) : length;
}

/* Of files whose holes may differ on one side (an inode number used again), the map tells nothing. */
static bool lines_agree(const char *mmfs, const char *ext4)
{
	size_t lengths[2] = {line_length(mmfs), line_length(ext4)};

	if (lengths[0] == lengths[1] && !memcmp(mmfs, ext4, lengths[0]))
		return true;
	size_t shorter[2] = {without_map(mmfs, lengths[0]), without_map(ext4, lengths[1])};
	bool both_tell = shorter[0] < lengths[0] && shorter[1] < lengths[1];
	return !both_tell && shorter[0] == shorter[1] && !memcmp(mmfs, ext4, shorter[0]);
}

bool compare_reports(const struct shared *shared, struct difference *ret)
{
	struct comparison comparison = {.difference = ret};
	const char *texts[SIDES] = {shared->report[0], shared->report[1]};
	unsigned told = 0;

	ret->text[0] = 0;
	while ((*texts[0] || *texts[1]) && told < 4) {
		if (!lines_agree(texts[0], texts[1])) {
			told++;
			for (int side = 0; side < SIDES; side++)
				tell(&comparison, "  %s %.*s\n", side_names[side],
				     (int)line_length(texts[side]), texts[side]);
		}
		for (int side = 0; side < SIDES; side++) {
			texts[side] += line_length(texts[side]);
			texts[side] += *texts[side] == '\n';
		}
	}
	return told == 0;
}
