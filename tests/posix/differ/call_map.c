/* Mappings that stay while other calls are made. */
#include "differ.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define PAGE	    4096u
#define BUFFER_ROOM ((size_t)1 << 18)

static unsigned char buffer[BUFFER_ROOM];
static sigjmp_buf no_page;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(no_page, 1);
}

int copy_mapped(void *to, const void *from, size_t length)
{
	struct sigaction action = {.sa_handler = on_bus_error, .sa_flags = SA_NODEFER}, old;
	volatile int result = 0;

	sigaction(SIGBUS, &action, &old);
	if (sigsetjmp(no_page, 1) == 0) {
		memcpy(to, from, length);
	} else {
		errno = EFAULT;
		result = -1;
	}
	sigaction(SIGBUS, &old, NULL);
	return result;
}

static struct mapping *mapping_of(struct worker *worker, const struct step *step)
{
	return &worker->mappings[(uint64_t)step->numbers[0] % MAPPINGS];
}

static void unmap(struct mapping *mapping)
{
	if (mapping->memory)
		munmap(mapping->memory, mapping->length);
	if (mapping->reader >= 0)
		close(mapping->reader);
	*mapping = (struct mapping){.memory = NULL, .reader = -1};
}

void mappings_start(struct worker *worker)
{
	for (unsigned i = 0; i < MAPPINGS; i++)
		worker->mappings[i] = (struct mapping){.memory = NULL, .reader = -1};
}

static void settle(struct worker *worker, const struct mapping *mapping)
{
	worker_as_root(worker, true);
	view_settle(worker, mapping->reader);
	worker_as_root(worker, false);
}

long call_map(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct mapping *mapping = mapping_of(worker, step);
	const struct slot *slot = &worker->slots[step->slot];
	bool writable = step->numbers[1] & PROT_WRITE;
	off_t offset = step->numbers[2] / PAGE * PAGE;
	size_t length = (size_t)step->numbers[3] % BUFFER_ROOM + 1;

	(void)outcome;
	void *memory = mmap(NULL, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
			    slot->descriptor, offset);
	if (memory == MAP_FAILED)
		return -1;
	unmap(mapping);
	*mapping =
	    (struct mapping){memory, length, offset, writable, fcntl(slot->reader, F_DUPFD_CLOEXEC, 0)};
	if (mapping->reader < 0) {
		unmap(mapping);
		return SKIPPED;
	}
	return 0;
}

bool fit_mapped(int descriptor, off_t from, size_t *length)
{
	struct stat status;

	if (fstat(descriptor, &status))
		return true;
	off_t end = (status.st_size + PAGE - 1) / PAGE * PAGE;
	if (from >= end)
		return true;
	if (from >= status.st_size)
		return false;
	if (from + (off_t)*length > status.st_size)
		*length = (size_t)(status.st_size - from);
	return true;
}

/* Which bytes of the mapping. */
static void part_of(const struct mapping *mapping, const struct step *step, size_t *ret_at,
		    size_t *ret_length)
{
	*ret_at = (uint64_t)step->numbers[1] % mapping->length;
	*ret_length = (uint64_t)step->numbers[2] % (mapping->length - *ret_at) + 1;
}

long call_load(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const struct mapping *mapping = mapping_of(worker, step);
	size_t at, length;

	if (!mapping->memory)
		return SKIPPED;
	part_of(mapping, step, &at, &length);
	if (copy_mapped(buffer, mapping->memory + at, length))
		return -1;
	outcome->data = hash_bytes(1, buffer, length);
	return 0;
}

long call_store(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const struct mapping *mapping = mapping_of(worker, step);
	size_t at, length;

	(void)outcome;
	if (!mapping->memory || !mapping->writable)
		return SKIPPED;
	part_of(mapping, step, &at, &length);
	if (!fit_mapped(mapping->reader, mapping->offset + (off_t)at, &length))
		return SKIPPED;
	view_loosen(worker, mapping->reader, true);
	view_taint(worker, mapping->reader);
	fill_pattern((uint64_t)step->numbers[3], buffer, length);
	return copy_mapped(mapping->memory + at, buffer, length);
}

long call_msync(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const struct mapping *mapping = mapping_of(worker, step);
	int flags = (int)step->numbers[1];

	(void)outcome;
	if (!mapping->memory)
		return SKIPPED;
	int result = msync(mapping->memory, mapping->length, flags);
	int error = errno;
	if (!result && flags & MS_SYNC)
		settle(worker, mapping);
	errno = error;
	return result;
}

/* What was stored and not synced stays in the file. */
long call_munmap(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct mapping *mapping = mapping_of(worker, step);

	(void)outcome;
	if (!mapping->memory)
		return SKIPPED;
	if (step->numbers[1])
		settle(worker, mapping);
	unmap(mapping);
	return 0;
}
