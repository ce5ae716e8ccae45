/*
 * The engine's memory, in the programs built with mutants: there malloc, calloc and realloc of backend/ and
 * fs/ are the functions here (tests/meson.build renames them), which can be told to fail. The model and the
 * simulated store keep the C library's.
 */
#ifndef MMFS_MEMORY_H
#define MMFS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The nth call (1: the next one; 0: none) finds no memory, and so do all later ones if `sticky`. Calls may
 * come from one thread only. */
struct memory_fault {
	uint64_t nth;
	bool sticky;
	bool hit; /* set when a call failed */
};
extern struct memory_fault memory_fault;

void *engine_malloc(size_t size);
void *engine_calloc(size_t count, size_t size);
void *engine_realloc(void *old, size_t size);

#endif
