#include "memory.h"

#include <stdlib.h>

struct memory_fault memory_fault;

static bool memory_fails(void)
{
	if (memory_fault.hit)
		return memory_fault.sticky;
	if (memory_fault.nth == 0 || --memory_fault.nth > 0)
		return false;
	memory_fault.hit = true;
	return true;
}

void *engine_malloc(size_t size)
{
	return memory_fails() ? NULL : malloc(size);
}

void *engine_calloc(size_t count, size_t size)
{
	return memory_fails() ? NULL : calloc(count, size);
}

void *engine_realloc(void *old, size_t size)
{
	return memory_fails() ? NULL : realloc(old, size);
}
