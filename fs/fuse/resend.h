/*
 * Requests that an earlier daemon of this mount has read and not answered: the kernel sends them again, with
 * the top bit of `unique` set, ahead of all others. One whose last record is in the ring has happened, and is
 * answered from that record; any other one is handled as if it were new (R17).
 *
 *   resend_begin, before the kernel is asked to send again; resend_asked
 *   resend_read, as each request is read (by one thread at a time); resend_answer
 *   resend_over_descriptor becomes readable when it is known of all of them whether they have happened, and
 *   those that have are answered; then resend_end
 */
#ifndef MMFS_RESEND_H
#define MMFS_RESEND_H

#include "daemon.h"

struct fuse_in_header;

MUST_CHECK int resend_begin(struct daemon *daemon);
/* It was, and has done so. */
void resend_asked(int descriptor);
/* There may be such requests still: one thread at a time may read. */
bool resend_reads(void);
/* descriptor: where there may be more requests to read. */
void resend_read(const struct fuse_in_header *request, int descriptor);
/* True: it is answered already, there is nothing to do. */
bool resend_answer(struct daemon *daemon, const struct fuse_in_header *request);
/* -1 if there was no earlier daemon. */
int resend_over_descriptor(void);
/* Lets go of the records that the answers needed. Then a thread finishes what the daemon that died has left:
 * truncates, and unlinked files that nobody has open. */
void resend_end(struct daemon *daemon);
/* Ends that thread, as soon as it has done a step. */
void resend_settle_end(struct daemon *daemon);

#endif
