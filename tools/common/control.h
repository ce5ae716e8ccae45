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

/* What an image is: of a mounted one the daemon tells it, else whoever opens the image. */
struct control_info {
	uint32_t magic;
	uint32_t format_version;
	uint32_t read_only;  /* 1: mounted so */
	uint32_t fixed_size; /* 1: on a device, or a file that cannot be truncated */
	uint32_t clean, failed;
	uint8_t uuid[16];
	char label[64];
	uint64_t created_seconds; /* since 1970 */
	uint64_t size;		  /* bytes: of the file */
	uint64_t limit;		  /* bytes; 0: as far as the host has room */
	uint64_t journal;	  /* bytes */
	uint64_t used, free;	  /* bytes in the filesystem */
	uint64_t inodes;
	uint8_t spare[64];
};
static_assert(sizeof(struct control_info) == 224, "the same for programs of all architectures");

struct control_size {
	uint32_t magic;
	uint32_t error; /* LIMIT: EBUSY if there is more in use: `least` tells how much. Else 0 */
	uint64_t bytes; /* TRIM: given back; LIMIT: the new limit, 0: none; GROW: size before */
	uint64_t size;	/* of the file, now */
	uint64_t least; /* LIMIT: the least that it could be now */
	uint64_t spare;
};
static_assert(sizeof(struct control_size) == 40, "the same for programs of all architectures");

struct control_label {
	char label[64]; /* NUL-terminated */
};

/* As struct fs_compaction, from which the next step goes on. */
struct control_compaction {
	uint32_t magic;
	uint32_t more; /* 1: call it again */
	uint32_t stage, round;
	uint64_t end, above_blocks, moved_blocks, total_moved, inode, logical, type;
	uint64_t size; /* bytes of the file, now */
};
static_assert(sizeof(struct control_compaction) == 80, "the same for programs of all architectures");

/* A copy of the image as it is at one moment is written into an empty file that the caller has open. */
struct control_backup {
	uint32_t magic;
	int32_t descriptor;	      /* the caller's, open for reading and writing */
	uint32_t cloned;	      /* 1: by FICLONE */
	uint32_t passes;	      /* over what had changed */
	uint64_t copied;	      /* bytes */
	uint64_t frozen_microseconds; /* so long, changes had to wait */
	uint64_t spare[4];
};
static_assert(sizeof(struct control_backup) == 64, "the same for programs of all architectures");

#define CONTROL_INFO _IOR('M', 4, struct control_info)
/* Everything that was acknowledged is durable when it returns. */
#define CONTROL_SYNC _IO('M', 5)
/* Those that follow are for root and the user who mounted: -EPERM. */
#define CONTROL_TRIM	_IOR('M', 6, struct control_size)
#define CONTROL_GROW	_IOR('M', 7, struct control_size)
#define CONTROL_LIMIT	_IOWR('M', 8, struct control_size)
#define CONTROL_LABEL	_IOW('M', 9, struct control_label)
#define CONTROL_COMPACT _IOWR('M', 10, struct control_compaction)
#define CONTROL_BACKUP	_IOWR('M', 11, struct control_backup)

#endif
