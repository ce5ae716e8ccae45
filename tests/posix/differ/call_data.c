/* Calls on descriptors and what files contain. */
#include "differ.h"

#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define PAGE	    4096u
#define BUFFER_ROOM ((size_t)1 << 20)
#define VECTORS	    3

static _Alignas(PAGE) unsigned char buffer[BUFFER_ROOM];

long call_open(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int flags = (int)step->numbers[0];

	(void)outcome;
	/* never waits for the other end of a FIFO */
	int descriptor = openat(at_of(worker, step->at), worker->path, flags | O_CLOEXEC | O_NONBLOCK,
				(mode_t)step->numbers[1]);
	if (descriptor < 0)
		return -1;
	worker_set_slot(worker, step->slot, descriptor);
	return 0;
}

long call_close(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	if (worker->slots[step->slot].descriptor < 0) {
		errno = EBADF;
		return -1;
	}
	worker_close_slot(worker, step->slot);
	return 0;
}

long call_dup(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int descriptor = fcntl(descriptor_of(worker, step->slot), F_DUPFD_CLOEXEC, 0);

	(void)outcome;
	if (descriptor < 0)
		return -1;
	worker_set_slot(worker, step->slot2, descriptor);
	return 0;
}

long call_setfl(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int flags = (int)step->numbers[0] & (O_APPEND | O_DIRECT);

	(void)outcome;
	return fcntl(descriptor_of(worker, step->slot), F_SETFL, flags | O_NONBLOCK);
}

long call_umask(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	worker->mask = (mode_t)step->numbers[0] & 0777;
	return (long)umask(worker->mask);
}

/* ---- reading and writing ---- */

/*
 * Makes a transfer one that both sides have to take. False: it is not made. What goes through a FIFO is no
 * matter of the filesystem; and only O_DIRECT of whole pages is a promise. `offset` NULL: at the position.
 */
static bool fit(const struct worker *worker, int slot, size_t *length, off_t *offset)
{
	const struct slot *at = &worker->slots[slot];

	if (*length > BUFFER_ROOM)
		*length = BUFFER_ROOM;
	if (at->descriptor < 0)
		return true;
	if (at->type == S_IFIFO || at->type == S_IFCHR)
		return false;
	/* where getdents has left it is the filesystem's own */
	if (at->type == S_IFDIR)
		lseek(at->descriptor, 0, SEEK_SET);
	int flags = fcntl(at->descriptor, F_GETFL);
	if (flags < 0 || !(flags & O_DIRECT) || at->type != S_IFREG)
		return true;
	*length = (*length + PAGE - 1) / PAGE * PAGE;
	if (flags & O_APPEND) {
		struct stat status;
		if (fstat(at->descriptor, &status) || status.st_size % PAGE)
			return false;
	}
	if (!offset)
		return lseek(at->descriptor, 0, SEEK_CUR) % PAGE == 0;
	*offset = *offset / PAGE * PAGE;
	return true;
}

static void touch(struct worker *worker, uint64_t from, uint64_t length)
{
	worker->touched_from = from;
	worker->touched_length = length;
}

/* A write at the position ended there. */
static void touched_before(struct worker *worker, int slot, long written)
{
	off_t position = lseek(descriptor_of(worker, slot), 0, SEEK_CUR);

	if (written > 0 && position >= written)
		touch(worker, (uint64_t)(position - written), (uint64_t)written);
}

static long seen(struct outcome *outcome, ssize_t result)
{
	if (result > 0)
		outcome->data = hash_bytes(1, buffer, (size_t)result);
	return result;
}

/* Unequal parts of the buffer; whole pages if it is of whole pages. */
static void split(size_t length, struct iovec vectors[VECTORS])
{
	size_t unit = length % PAGE ? 1 : PAGE, part = length / unit / 3 * unit;
	size_t lengths[VECTORS] = {part, length - part - part / unit / 2 * unit, part / unit / 2 * unit};
	size_t at = 0;

	for (int i = 0; i < VECTORS; i++) {
		vectors[i] = (struct iovec){buffer + at, lengths[i]};
		at += lengths[i];
	}
}

long call_read(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t length = (size_t)step->numbers[0];

	if (!fit(worker, step->slot, &length, NULL))
		return SKIPPED;
	return seen(outcome, read(descriptor_of(worker, step->slot), buffer, length));
}

long call_pread(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t length = (size_t)step->numbers[0];
	off_t offset = step->numbers[1];

	if (!fit(worker, step->slot, &length, &offset))
		return SKIPPED;
	return seen(outcome, pread(descriptor_of(worker, step->slot), buffer, length, offset));
}

long call_readv(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t length = (size_t)step->numbers[0];
	struct iovec vectors[VECTORS];

	if (!fit(worker, step->slot, &length, NULL))
		return SKIPPED;
	split(length, vectors);
	return seen(outcome, readv(descriptor_of(worker, step->slot), vectors, VECTORS));
}

long call_write(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t length = (size_t)step->numbers[0];

	(void)outcome;
	if (!fit(worker, step->slot, &length, NULL))
		return SKIPPED;
	fill_pattern((uint64_t)step->numbers[1], buffer, length);
	ssize_t written = write(descriptor_of(worker, step->slot), buffer, length);
	if (written > 0)
		touched_before(worker, step->slot, written);
	return written;
}

long call_pwrite(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t length = (size_t)step->numbers[0];
	off_t offset = step->numbers[1];

	(void)outcome;
	if (!fit(worker, step->slot, &length, &offset))
		return SKIPPED;
	fill_pattern((uint64_t)step->numbers[2], buffer, length);
	ssize_t written = pwrite(descriptor_of(worker, step->slot), buffer, length, offset);
	if (written > 0)
		touch(worker, (uint64_t)offset, (uint64_t)written);
	return written;
}

long call_writev(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t length = (size_t)step->numbers[0];
	struct iovec vectors[VECTORS];

	(void)outcome;
	if (!fit(worker, step->slot, &length, NULL))
		return SKIPPED;
	fill_pattern((uint64_t)step->numbers[1], buffer, length);
	split(length, vectors);
	ssize_t written = writev(descriptor_of(worker, step->slot), vectors, VECTORS);
	if (written > 0)
		touched_before(worker, step->slot, written);
	return written;
}

long call_fsync(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int descriptor = descriptor_of(worker, step->slot);

	(void)outcome;
	if (worker->slots[step->slot].type == S_IFIFO)
		return SKIPPED;
	return step->numbers[0] ? fdatasync(descriptor) : fsync(descriptor);
}

/* Are [from, to) zeros? */
static bool zeros(int reader, off_t from, off_t to)
{
	while (from < to) {
		size_t length = to - from < (off_t)BUFFER_ROOM ? (size_t)(to - from) : BUFFER_ROOM;
		ssize_t got = pread(reader, buffer, length, from);
		if (got <= 0)
			return got == 0;
		if (hash_block(0, (uint64_t)from, buffer, (size_t)got))
			return false;
		from += got;
	}
	return true;
}

long call_lseek(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const struct slot *slot = &worker->slots[step->slot];
	off_t offset = step->numbers[0];
	int whence = (int)step->numbers[1];
	bool in_data = whence == SEEK_DATA || whence == SEEK_HOLE;

	/* FUSE does not know what has been stored and not yet written. */
	if (in_data && slot->reader >= 0 && view_is_loose(worker, slot->reader))
		return SKIPPED;
	/* Positions in directories are the filesystem's own. */
	if (slot->type == S_IFDIR && (offset || whence != SEEK_SET))
		return SKIPPED;
	off_t result = lseek(slot->descriptor, offset, whence);
	if (!in_data || slot->reader < 0 || !view_tainted(worker, slot->descriptor))
		return result;
	/* Where it is, is up to the filesystem; a hole must be one. The position is made the same. */
	int error = errno;
	outcome->loose = true;
	if (whence == SEEK_DATA && result >= 0 && result - offset < (off_t)(64 * BUFFER_ROOM))
		outcome->data = !zeros(slot->reader, offset, result);
	lseek(slot->descriptor, 0, SEEK_SET);
	errno = error;
	return result;
}

/* ---- space ---- */

long call_truncate(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return truncate(worker->path, step->numbers[0]);
}

long call_ftruncate(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	off_t size = step->numbers[0];
	int result = ftruncate(descriptor_of(worker, step->slot), size);

	(void)outcome;
	if (!result)
		touch(worker, (uint64_t)size, 0);
	return result;
}

long call_fallocate(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int mode = (int)step->numbers[0];
	off_t offset = step->numbers[1], length = step->numbers[2];
	int descriptor = descriptor_of(worker, step->slot);

	(void)outcome;
	if (worker->slots[step->slot].type == S_IFIFO)
		return SKIPPED;
	int result = fallocate(descriptor, mode, offset, length);
	if (result)
		return result;
	touch(worker, (uint64_t)offset, (uint64_t)length);
	struct stat status;
	bool punch = mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	if (!punch || fstat(descriptor, &status) || offset + length == status.st_size)
		view_taint(worker, descriptor);
	return 0;
}

/* ---- mappings ---- */

long call_map_read(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	off_t offset = step->numbers[0] / PAGE * PAGE;
	size_t length = (size_t)step->numbers[1] % BUFFER_ROOM + 1;
	void *mapped = mmap(NULL, length, PROT_READ, MAP_SHARED, descriptor_of(worker, step->slot), offset);

	if (mapped == MAP_FAILED)
		return -1;
	long result = copy_mapped(buffer, mapped, length);
	int error = errno;
	if (!result)
		outcome->data = hash_bytes(1, buffer, length);
	munmap(mapped, length);
	errno = error;
	return result;
}

long call_map_write(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	off_t offset = step->numbers[0];
	size_t length = (size_t)step->numbers[1] % (BUFFER_ROOM - PAGE) + 1, head = (size_t)offset % PAGE;
	void *mapped = mmap(NULL, head + length, PROT_READ | PROT_WRITE, MAP_SHARED,
			    descriptor_of(worker, step->slot), offset - (off_t)head);

	(void)outcome;
	if (mapped == MAP_FAILED)
		return -1;
	if (!fit_mapped(descriptor_of(worker, step->slot), offset, &length)) {
		munmap(mapped, head + length);
		return SKIPPED;
	}
	fill_pattern((uint64_t)step->numbers[2], buffer, length);
	long result = copy_mapped((char *)mapped + head, buffer, length);
	int error = errno;
	if (msync(mapped, head + length, MS_SYNC) && !result) {
		result = -1;
		error = errno;
	}
	munmap(mapped, head + length);
	view_taint(worker, descriptor_of(worker, step->slot));
	touch(worker, (uint64_t)offset, length);
	errno = error;
	return result;
}

/* ---- from file to file ---- */

/* Between files whose pages are copied by way of the kernel's memory. */
static bool indirect(const struct worker *worker, const struct step *step)
{
	int flags = fcntl(descriptor_of(worker, step->slot), F_GETFL),
	    flags2 = fcntl(descriptor_of(worker, step->slot2), F_GETFL);

	return (flags < 0 || !(flags & O_DIRECT)) && (flags2 < 0 || !(flags2 & O_DIRECT));
}

long call_copy_file_range(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	off_t from = step->numbers[0], to = step->numbers[1];
	size_t length = (size_t)step->numbers[2];
	int target = descriptor_of(worker, step->slot2);

	if (!indirect(worker, step) || !fit(worker, step->slot, &length, &from))
		return SKIPPED;
	ssize_t copied = copy_file_range(descriptor_of(worker, step->slot), &from, target, &to, length, 0);
	if (copied > 0) {
		view_taint(worker, target);
		touch(worker, (uint64_t)(to - copied), (uint64_t)copied);
	}
	outcome->data = hash_number((uint64_t)from, (uint64_t)to);
	return copied;
}

/* From slot to slot2, whose position counts. */
long call_sendfile(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	off_t from = step->numbers[0];
	size_t length = (size_t)step->numbers[1];
	int target = descriptor_of(worker, step->slot2);
	const struct slot *slot = &worker->slots[step->slot2];

	if (!indirect(worker, step) || !fit(worker, step->slot, &length, &from) ||
	    (slot->descriptor >= 0 && slot->type != S_IFREG))
		return SKIPPED;
	ssize_t sent = sendfile(target, descriptor_of(worker, step->slot), &from, length);
	if (sent > 0)
		touched_before(worker, step->slot2, sent);
	outcome->data = (uint64_t)from;
	return sent;
}
