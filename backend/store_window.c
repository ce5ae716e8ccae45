/* See store_window.h. */
#include "store_window.h"
#include "guard.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int window_map(int descriptor, uint64_t offset, uint64_t length, atomic_bool *failed,
	       struct store_window *ret_window)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t start = offset - offset % page;
	uint64_t end = (offset + length + page - 1) / page * page;
	void *base = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, (off_t)start);
	int error;

	if (base == MAP_FAILED)
		return -errno;
	(void)madvise(base, end - start, MADV_DONTDUMP);
	error = guard_register(base, end - start, failed);
	if (error < 0) {
		munmap(base, end - start);
		return error;
	}
	*ret_window = (struct store_window){.base = base, .start = start, .length = end - start};
	return 0;
}

void window_unmap(struct store_window *window)
{
	if (!window->base)
		return;
	guard_unregister(window->base);
	munmap(window->base, window->length);
	window->base = NULL;
}

void window_freeze(const struct store_window *window)
{
	if (window->base)
		(void)mprotect(window->base, window->length, PROT_READ);
}
