/*
 * SIGBUS and SIGSEGV inside our mappings: the host is full, the image was cut under us, the disk fails, or
 * the mapping was frozen. A guarded copy turns such a fault into an errno. A fault in a registered mapping
 * outside a guarded copy (metadata being walked, the ring being read) maps a zero page there and sets
 * `*failed`, so that the checks of what was read find nonsense and say EIO; locks stay sane since nothing
 * jumps. Faults elsewhere get the default action.
 */
#ifndef MMFS_GUARD_H
#define MMFS_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Registers [base, base+size); at most 16 mappings at once. Installs the handlers if they are not in place. 0
 * or -errno. */
int guard_register(const void *base, size_t size, atomic_bool *failed);
void guard_unregister(const void *base);

/* memcpy, memset and reading that survive a fault on `to` or `from` inside a registered mapping. 0, -ENOSPC
 * or -EIO.
 */
int guard_copy(void *to, const void *from, size_t length);
int guard_zero(void *to, size_t length);
/* Reads something of each page, so that it is mapped. */
int guard_touch(const void *from, size_t length);

#endif
