/* See control.h. */
#include "control.h"
#include "handover.h"
#include "sibling.h"
#include "supervisor.h"
#include "workers.h"

#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t begun_seconds; /* of CLOCK_BOOTTIME */

void control_begin(struct daemon *daemon)
{
	begun_seconds = handover_now();
	if (daemon->handover && !daemon->goes_on)
		daemon->handover->mounted_seconds = begun_seconds;
}

void control_status(const struct daemon *daemon, struct control_status *ret_status)
{
	const struct handover *handover = daemon->handover;
	struct image *image = daemon->image;
	struct image_stats stats;
	uint64_t now = handover_now();

	image_stats(image, &stats);
	*ret_status = (struct control_status){
	    .magic = CONTROL_MAGIC,
	    .read_only = daemon->options->read_only,
	    .pid = (uint32_t)getpid(),
	    .supervisor = supervisor_lives(daemon) ? (uint32_t)getppid() : 0,
	    .restarts = handover ? handover->restarts : 0,
	    .upgrades = handover ? handover->upgrades : 0,
	    .failure = (uint32_t)abs(image_failure(image)),
	    .scratch = daemon->options->scratch,
	    .scratch_used = stats.scratch_used,
	    .scratch_limit = stats.scratch_limit,
	    .uptime_seconds = now - (handover ? handover->mounted_seconds : begun_seconds),
	    .daemon_uptime_seconds = now - begun_seconds,
	    .sealed = image_sealed(image),
	    .tail = stats.ring_tail,
	    .head = stats.ring_tail + stats.ring_used,
	    .version = MMFS_VERSION,
	};
	snprintf(ret_status->image, sizeof(ret_status->image), "%s", daemon->image_path);
	snprintf(ret_status->damage, sizeof(ret_status->damage), "%s", image_damage(image));
	if (handover)
		snprintf(ret_status->restart, sizeof(ret_status->restart), "%s", handover->last_error);
}

/* ---- counters ---- */

/* INIT comes before there are counters. 0: others. */
static const char *const request_names[HANDOVER_REQUESTS] = {
    [0] = "other",
    [FUSE_LOOKUP] = "lookup",
    [FUSE_FORGET] = "forget",
    [FUSE_GETATTR] = "getattr",
    [FUSE_SETATTR] = "setattr",
    [FUSE_READLINK] = "readlink",
    [FUSE_SYMLINK] = "symlink",
    [FUSE_MKNOD] = "mknod",
    [FUSE_MKDIR] = "mkdir",
    [FUSE_UNLINK] = "unlink",
    [FUSE_RMDIR] = "rmdir",
    [FUSE_RENAME] = "rename",
    [FUSE_LINK] = "link",
    [FUSE_OPEN] = "open",
    [FUSE_READ] = "read",
    [FUSE_WRITE] = "write",
    [FUSE_STATFS] = "statfs",
    [FUSE_RELEASE] = "release",
    [FUSE_FSYNC] = "fsync",
    [FUSE_SETXATTR] = "setxattr",
    [FUSE_GETXATTR] = "getxattr",
    [FUSE_LISTXATTR] = "listxattr",
    [FUSE_REMOVEXATTR] = "removexattr",
    [FUSE_FLUSH] = "flush",
    [FUSE_INIT] = "init",
    [FUSE_OPENDIR] = "opendir",
    [FUSE_READDIR] = "readdir",
    [FUSE_RELEASEDIR] = "releasedir",
    [FUSE_FSYNCDIR] = "fsyncdir",
    [FUSE_GETLK] = "getlk",
    [FUSE_SETLK] = "setlk",
    [FUSE_SETLKW] = "setlkw",
    [FUSE_ACCESS] = "access",
    [FUSE_CREATE] = "create",
    [FUSE_INTERRUPT] = "interrupt",
    [FUSE_BMAP] = "bmap",
    [FUSE_DESTROY] = "destroy",
    [FUSE_IOCTL] = "ioctl",
    [FUSE_POLL] = "poll",
    [FUSE_NOTIFY_REPLY] = "notify_reply",
    [FUSE_BATCH_FORGET] = "batch_forget",
    [FUSE_FALLOCATE] = "fallocate",
    [FUSE_READDIRPLUS] = "readdirplus",
    [FUSE_RENAME2] = "rename2",
    [FUSE_LSEEK] = "lseek",
    [FUSE_COPY_FILE_RANGE] = "copy_file_range",
    [FUSE_SETUPMAPPING] = "setupmapping",
    [FUSE_REMOVEMAPPING] = "removemapping",
    [FUSE_SYNCFS] = "syncfs",
    [SIBLING_TMPFILE] = "tmpfile",
    [SIBLING_STATX] = "statx",
    [SIBLING_COPY_FILE_RANGE_64] = "copy_file_range_64",
};

static void add(struct control_stats *stats, enum control_kind kind, const char *name, uint64_t value)
{
	struct control_counter *counter = &stats->counters[stats->count++];

	snprintf(counter->name, sizeof(counter->name), "%s", name);
	counter->kind = kind;
	counter->value = value;
}

/* Those without a name are counted, too. */
static void add_requests(struct control_stats *stats)
{
	uint64_t others = 0;

	for (unsigned i = 1; i < HANDOVER_REQUESTS; i++) {
		if (request_names[i])
			add(stats, CONTROL_REQUEST, request_names[i], workers_requests(i));
		else
			others += workers_requests(i);
	}
	add(stats, CONTROL_REQUEST, request_names[0], others + workers_requests(0));
}

void control_stats(const struct daemon *daemon, struct control_stats *ret_stats)
{
	struct image_stats image;

	image_stats(daemon->image, &image);
	*ret_stats = (struct control_stats){.magic = CONTROL_MAGIC};
	add_requests(ret_stats);
	add(ret_stats, CONTROL_TOTAL, "journal_records", image.records);
	add(ret_stats, CONTROL_TOTAL, "journal_bytes", image.record_bytes);
	add(ret_stats, CONTROL_TOTAL, "seals", image.seals);
	add(ret_stats, CONTROL_TOTAL, "checkpoints", image.checkpoints);
	add(ret_stats, CONTROL_TOTAL, "syncs", image.syncs);
	add(ret_stats, CONTROL_TOTAL, "punched_blocks", image.punched_blocks);
	add(ret_stats, CONTROL_TOTAL, "cache_drops", image.cache_drops);
	add(ret_stats, CONTROL_NOW, "journal_used_bytes", image.ring_used);
	add(ret_stats, CONTROL_NOW, "overlay_bytes", image.overlay_bytes);
	add(ret_stats, CONTROL_NOW, "known_inodes", fs_known_inodes(daemon->fs));
	add(ret_stats, CONTROL_NOW, "workers", workers_count());
}
