/*
 * Requests that end one daemon after another. The kernel sends again what a dead daemon was at, so a request
 * that makes the program crash would end the next one, and so on for ever, while others progress in between.
 * Each worker notes in the handover memory which request it is at. When a daemon has died, the supervisor
 * looks who was there in all of the last deaths: after three crashes in a row the request is answered EIO
 * instead of being run.
 *
 * SIGKILL comes from outside, at a moment that says little about the request at hand (though it may come for
 * the memory that a request takes), so it takes more of those.
 *
 *   worker: suspects_begin ... suspects_end     supervisor: suspects_note at each death     worker:
 * suspects_guilty
 */
#ifndef MMFS_SUSPECTS_H
#define MMFS_SUSPECTS_H

#include "handover.h"

/* In the thread of worker number `worker`. `unique`: without the bit that tells that it was sent again. */
void suspects_begin(struct handover *handover, unsigned worker, uint64_t unique);
void suspects_end(struct handover *handover, unsigned worker);

/* The daemon was ended by this signal, and no other has begun. Returns how many requests have just been found
 * guilty. */
unsigned suspects_note(struct handover *handover, int signal);
/* Is this request not to be run? Then how many daemons it has ended. */
unsigned suspects_guilty(const struct handover *handover, uint64_t unique);

#endif
