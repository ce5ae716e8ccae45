/* See control.h. */
#include "control.h"
#include "handover.h"
#include "supervisor.h"

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
	    .failure = (uint32_t)abs(image_failure(image)),
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
