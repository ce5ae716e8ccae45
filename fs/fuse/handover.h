/*
 * What one daemon of a mount leaves to the next, in memory that the supervisor keeps (a memfd):
 *
 *   | struct handover (64 KiB) | lookup counts (fs/lookup.c) |
 *
 * Filled in by the first daemon before the mount is ready; later ones only read it, but for `progress`.
 */
#ifndef MMFS_HANDOVER_H
#define MMFS_HANDOVER_H

#include "../fs.h"

#include <stdatomic.h>

#define HANDOVER_VERSION    3u
#define HANDOVER_OPTION	    "handover-version" /* of mmfs: prints HANDOVER_VERSION */
#define HANDOVER_INIT_BYTES 256u
#define HANDOVER_WORKERS    64u /* that count requests: no more than IMAGE_REQUESTS */
#define HANDOVER_SUSPECTS   128u
#define HANDOVER_REQUESTS   64u /* types: opcodes below that, and 0 for all others */

/* Of each worker; only its thread changes it. */
struct handover_worker {
	_Alignas(64) atomic_uint_fast64_t requests[HANDOVER_REQUESTS]; /* how many it has read */
	atomic_uint_fast64_t at; /* `unique` of the one that it is at; 0: none (suspects.h) */
};

/* A request that was at work in the last deaths of daemons, so many in a row. */
struct handover_suspect {
	uint64_t unique; /* 0: nothing here */
	uint32_t crashes, kills;
};

struct handover {
	uint32_t version;	  /* HANDOVER_VERSION; another one cannot be taken over */
	uint32_t restarts;	  /* daemons that died and were followed by another */
	uint32_t upgrades;	  /* programs that took over from another */
	uint64_t size;		  /* bytes of the memory, this part included */
	uint64_t connection;	  /* random: tells the requests of one mount from those of another (R17) */
	uint64_t mounted_device;  /* st_dev of the mount */
	uint64_t mounted_seconds; /* when it was mounted, by handover_now */
	bool open_elided;	  /* what INIT and the first OPEN agreed on with the kernel */
	bool opendir_elided;
	atomic_bool ready;    /* it was mounted, and answered */
	atomic_bool progress; /* a request was answered since the last restart */
	uint32_t init_length; /* the kernel's INIT request, for each libfuse session to begin with */
	uint8_t init[HANDOVER_INIT_BYTES];
	struct image_held held; /* records of requests that are not answered (R17) */
	struct handover_worker workers[HANDOVER_WORKERS];
	struct handover_suspect suspects[HANDOVER_SUSPECTS];
	char last_error[256];  /* why the last restart was, or an upgrade failed; "" */
	char image_path[4096]; /* absolute, for a program that takes over; "": too long */
	char mountpoint[4096];
};
static_assert(sizeof(struct handover) <= 65536, "its part");

/* Makes the memory. *ret_descriptor is its memfd. -ENOMEM etc.: then there is no supervisor. */
MUST_CHECK int handover_make(struct handover **ret_handover, int *ret_descriptor);
/* Gives it back. */
void handover_drop(struct handover *handover, int descriptor);
/* Maps what another program has made. -EPROTO: of another version. */
MUST_CHECK int handover_open(int descriptor, struct handover **ret_handover);
/* The part for lookup counts. */
void handover_lookups(struct handover *handover, struct fs_lookup_memory *ret_memory);
/* Seconds of a clock that goes on while the machine sleeps and is never set. */
uint64_t handover_now(void);
/* Does the kernel that sent this INIT send unanswered requests again (6.9 and later)? */
bool handover_kernel_resends(const struct handover *handover);

#endif
