/*
 * Worker threads. Who has a turn looks for the next request, polling for a moment before it sleeps, since
 * waking a sleeping thread costs more than most requests do. It keeps the turn while it handles a short
 * request; else it passes the turn on first. There is one turn as long as that is enough. A worker that finds
 * requests waiting time after time gives out another one, up to the number of processors; one that polls in
 * vain gives its own up, unless it is the last: so one worker at most polls where no requests come.
 *
 * Even a short request can come to wait: for an inode that a long one has locked, for a checkpoint, for the
 * disk. So there is a watcher, which sleeps while no requests come. A request for which the turn was kept and
 * that is still not done after 2.5 to 5 ms loses it to another worker; and when all workers have been at the
 * same requests for 10 ms while others wait, it starts one more (not with -o threads).
 */
#ifndef MMFS_WORKERS_H
#define MMFS_WORKERS_H

#include "daemon.h"
#include "handover.h"

/* Starts them. 0 or a negative errno. */
MUST_CHECK int workers_start(struct daemon *daemon);
/* An eventfd that becomes readable when the last one has ended. */
int workers_ended_descriptor(void);
/* Waits for their end, at most so long. */
bool workers_ended(int timeout_ms);
void workers_join(void);
/* Waits for the requests at hand; nobody takes another, and the threads go with the process. */
void workers_abandon(void);

/* Requests of a type that were read since the mount began (without a supervisor: since the daemon did).
 * `opcode` is below HANDOVER_REQUESTS; 0: all that are not. */
uint64_t workers_requests(unsigned opcode);
unsigned workers_count(void);

#endif
