/* See handover.h. */
#include "handover.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES 65536u /* a multiple of every page size in use */
#define SIZE_MOST                                                                                            \
	(UINT64_C(1) << 36) /* address space only: counts of more inodes than memory has room for            \
			     */
#define SIZE_LEAST (UINT64_C(1) << 26)
/* Newer than the headers of older systems. */
#ifndef FUSE_INIT_EXT
#define FUSE_INIT_EXT (1u << 30)
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif
#define INIT_HAS_RESEND (1u << 7) /* FUSE_HAS_RESEND, bit 39: of flags2 */

static int map(int descriptor, uint64_t size, struct handover **ret_handover)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0);

	if (base == MAP_FAILED)
		return -errno;
	(void)madvise(base, size, MADV_DONTDUMP);
	*ret_handover = base;
	return 0;
}

/* Where the administrator forbids executable ones (sysctl vm.memfd_noexec), it has to be said that this is
 * none; kernels before 6.3 do not know of it. */
static int make_memory(void)
{
	int descriptor = memfd_create("mmfs-handover", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (descriptor < 0 && errno == EINVAL)
		descriptor = memfd_create("mmfs-handover", MFD_CLOEXEC);
	return descriptor;
}

/* Where address space is limited (ulimit -v) the image needs most of it. */
static uint64_t size_to_try(void)
{
	struct rlimit limit;
	uint64_t size = SIZE_MOST;

	if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return size;
	while (size > SIZE_LEAST && size > limit.rlim_cur / 16)
		size /= 2;
	return size;
}

int handover_make(struct handover **ret_handover, int *ret_descriptor)
{
	int descriptor = make_memory(), error = -ENOMEM;
	struct handover *handover = NULL;
	uint64_t size = size_to_try();

	if (descriptor < 0)
		return -errno;
	/* Limits of address space (ulimit -v) and file size (ulimit -f) may be in the way of so much. */
	for (; error && size >= SIZE_LEAST; size /= 2) {
		error = ftruncate(descriptor, (off_t)size) ? -errno : map(descriptor, size, &handover);
		if (!error)
			break;
	}
	if (error) {
		close(descriptor);
		return error;
	}
	handover->version = HANDOVER_VERSION;
	handover->size = size;
	*ret_handover = handover;
	*ret_descriptor = descriptor;
	return 0;
}

void handover_drop(struct handover *handover, int descriptor)
{
	munmap(handover, handover->size);
	close(descriptor);
}

int handover_open(int descriptor, struct handover **ret_handover)
{
	struct handover head;

	if (pread(descriptor, &head, sizeof(head), 0) != sizeof(head) || head.version != HANDOVER_VERSION ||
	    head.size < SIZE_LEAST || head.size > SIZE_MOST)
		return -EPROTO;
	return map(descriptor, head.size, ret_handover);
}

/* Pages of a memfd go back with MADV_REMOVE. */
static void clear(void *start, size_t length)
{
	if (madvise(start, length, MADV_REMOVE))
		memset(start, 0, length);
}

void handover_lookups(struct handover *handover, struct fs_lookup_memory *ret_memory)
{
	*ret_memory = (struct fs_lookup_memory){
	    .base = (uint8_t *)handover + HEAD_BYTES,
	    .size = handover->size - HEAD_BYTES,
	    .clear = clear,
	};
}

uint64_t handover_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

bool handover_kernel_resends(const struct handover *handover)
{
	const struct fuse_init_in *init = (const void *)(handover->init + sizeof(struct fuse_in_header));

	/* flags2 counts if FUSE_INIT_EXT is set. */
	return handover->init_length >= sizeof(struct fuse_in_header) + sizeof(*init) &&
	       (init->flags & FUSE_INIT_EXT) && (init->flags2 & INIT_HAS_RESEND);
}
