/*
 * A directory read while it changes. In which order names come is the filesystem's own, and so is whether one
 * is seen that comes or goes meanwhile. But each that stays is seen once, and only once, also after seekdir
 * to where telldir has been: that is what is counted here, and what both sides must agree on (on 0).
 */
#include "differ.h"

#include <dirent.h>

#define ENTRIES_ROOM 4096u

static void stream_close(struct stream *stream)
{
	if (stream->descriptor >= 0)
		close(stream->descriptor);
	*stream = (struct stream){.descriptor = -1};
}

void stream_start(struct worker *worker)
{
	worker->stream.descriptor = -1;
	stream_close(&worker->stream);
}

/* Names of steps are short or of one letter, so the first tells enough. */
static unsigned name_bit(const char *name)
{
	return 1u << (name[0] >= 'a' && name[0] <= 'z' ? name[0] - 'a' : name[0] == 'L' ? 26 : 27);
}

static unsigned last_name(const char *path)
{
	size_t end = strlen(path), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	return name_bit(path + start);
}

void stream_note(struct worker *worker, const struct step *step)
{
	unsigned bits = last_name(step->path) | last_name(step->path2);

	for (unsigned i = 0; i < WORKERS; i++)
		worker->shared->removed[worker->side][i] |= bits;
}

static struct stream_name *name_find(struct stream *stream, const char *name)
{
	for (unsigned i = 0; i < stream->count; i++) {
		if (!strcmp(stream->names[i].name, name))
			return &stream->names[i];
	}
	if (stream->count == STREAM_NAMES)
		return NULL;
	struct stream_name *added = &stream->names[stream->count++];
	*added = (struct stream_name){.seen = 0};
	snprintf(added->name, sizeof(added->name), "%s", name);
	return added;
}

/* Takes `most` names from where the stream stands; false at its end. */
static bool take(int directory, struct stream *stream, unsigned most, bool counts)
{
	_Alignas(8) char entries[ENTRIES_ROOM];
	ssize_t length = getdents64(directory, entries, sizeof(entries));

	for (ssize_t at = 0; at < length && most; most--) {
		const struct dirent64 *entry = (const void *)(entries + at);
		struct stream_name *name = name_find(stream, entry->d_name);
		if (name && counts)
			name->seen++;
		else if (name)
			name->first = true;
		at += entry->d_reclen;
		if (at < length && most == 1)
			lseek(directory, entry->d_off, SEEK_SET);
	}
	return length > 0;
}

/* How many names that stayed were not seen once; or that came, were seen more than once. */
static uint64_t wrong(const struct worker *worker, const struct stream *stream)
{
	unsigned removed = worker->shared->removed[worker->side][worker->index];
	uint64_t count = 0;

	for (unsigned i = 0; i < stream->count; i++) {
		const struct stream_name *name = &stream->names[i];
		if (!(removed & name_bit(name->name)))
			count += name->seen > 1 || (name->first && name->seen != 1);
	}
	return count;
}

long call_dir_begin(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct stream *stream = &worker->stream;

	(void)outcome;
	if (worker->slots[step->slot].descriptor < 0) {
		errno = EBADF;
		return -1;
	}
	stream_close(stream);
	worker_as_root(worker, true);
	int directory = openat(descriptor_of(worker, step->slot), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	worker_as_root(worker, false);
	if (directory < 0)
		return -1;
	while (take(directory, stream, UINT32_MAX, false))
		continue;
	lseek(directory, 0, SEEK_SET);
	stream->descriptor = directory;
	worker->shared->removed[worker->side][worker->index] = 0;
	return 0;
}

/* Reads some, or (0) all that is left. */
long call_dir_next(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct stream *stream = &worker->stream;
	unsigned most = (unsigned)step->numbers[0] % 4;
	bool more;

	if (stream->descriptor < 0)
		return SKIPPED;
	do
		more = take(stream->descriptor, stream, most ? most : UINT32_MAX, true);
	while (more && !most);
	if (!more)
		outcome->data = wrong(worker, stream);
	return 0;
}

long call_dir_tell(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct stream *stream = &worker->stream;

	(void)step;
	(void)outcome;
	if (stream->descriptor < 0)
		return SKIPPED;
	stream->told = true;
	stream->position = lseek(stream->descriptor, 0, SEEK_CUR);
	for (unsigned i = 0; i < STREAM_NAMES; i++)
		stream->names[i].seen_then = i < stream->count ? stream->names[i].seen : 0;
	return 0;
}

long call_dir_seek(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct stream *stream = &worker->stream;
	struct stat status;

	(void)step;
	(void)outcome;
	if (stream->descriptor < 0 || !stream->told || fstat(stream->descriptor, &status) || !status.st_nlink)
		return SKIPPED;
	if (lseek(stream->descriptor, stream->position, SEEK_SET) < 0)
		return -1;
	for (unsigned i = 0; i < stream->count; i++)
		stream->names[i].seen = stream->names[i].seen_then;
	return 0;
}
