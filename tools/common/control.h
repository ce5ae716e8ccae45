/*
 * What the daemon of a mount answers to mmfsctl: ioctls on the root directory of the mount. Whoever may open
 * that may ask. Shared by fs/fuse/ and tools/ctl/; a number tells the size of its struct, so that programs of
 * different versions do not misunderstand each other.
 */
#ifndef MMFS_CONTROL_H
#define MMFS_CONTROL_H

#include <assert.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define CONTROL_MAGIC 0x6c74636d /* "mctl", in each answer: others may use the same number of ioctl */

struct control_status {
	uint32_t magic;
	uint32_t read_only; /* 1: mounted so */
	uint32_t pid;
	uint32_t supervisor; /* its pid; 0: there is none, and the mount ends with the daemon */
	uint32_t restarts;   /* daemons that died and were followed by another */
	uint32_t upgrades;
	uint32_t failure;		/* errno that froze the image; 0: none */
	uint32_t scratch;		/* 1: changes stay in memory and end with the mount */
	uint64_t uptime_seconds;	/* of the mount */
	uint64_t daemon_uptime_seconds; /* of the process */
	uint64_t sealed, head, tail;	/* LSNs of the journal */
	char version[32];
	char image[4096];		      /* absolute path, cut if longer */
	char damage[256];		      /* found in the image last; "": none */
	char restart[256];		      /* why the last restart was, or an upgrade did not happen; "" */
	uint64_t scratch_used, scratch_limit; /* bytes of memory */
	uint8_t spare[232];
};
static_assert(sizeof(struct control_status) == 4960, "the same for programs of all architectures");

/* The daemon names what it counts, so that mmfsctl shows what it has never heard of. */
enum control_kind {
	CONTROL_REQUEST, /* requests of the kernel, by type, since the mount began */
	CONTROL_TOTAL,	 /* what the image did, since the daemon began */
	CONTROL_NOW,	 /* as it is now */
};

struct control_counter {
	char name[28]; /* letters, digits and _ */
	uint32_t kind; /* CONTROL_ */
	uint64_t value;
};
static_assert(sizeof(struct control_counter) == 40, "the same for programs of all architectures");

#define CONTROL_COUNTERS 128u

struct control_stats {
	uint32_t magic;
	uint32_t count;
	struct control_counter counters[CONTROL_COUNTERS];
};
static_assert(sizeof(struct control_stats) == 5128, "the same for programs of all architectures");

#define CONTROL_STATUS _IOR('M', 1, struct control_status)
#define CONTROL_STATS  _IOR('M', 2, struct control_stats)
/* Returns 0 when the installed program will take over, which it does as soon as no request is at hand. */
#define CONTROL_UPGRADE _IO('M', 3)

#endif
