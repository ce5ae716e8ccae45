/*
 * Worker threads. One at a time has the turn: it looks for the next request, polling for a moment before it
 * sleeps, since waking a sleeping thread costs more than most requests do. It keeps the turn while it handles
 * a short request, unless others keep waiting behind; else it passes the turn on first.
 */
#ifndef MMFS_WORKERS_H
#define MMFS_WORKERS_H

#include "daemon.h"

/* Starts them. 0 or a negative errno. */
MUST_CHECK int workers_start(struct daemon *daemon);
/* An eventfd that becomes readable when the last one has ended. */
int workers_ended_descriptor(void);
/* Waits for their end, at most so long. */
bool workers_ended(int timeout_ms);
void workers_join(void);
/* Waits for the requests at hand; nobody takes another, and the threads go with the process. */
void workers_abandon(void);

#endif
