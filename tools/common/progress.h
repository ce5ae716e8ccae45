/*
 * One line on a terminal about work that takes longer than a second: what, how many files, how many bytes,
 * and a bar where the end is known. It goes to standard error, and is nothing at all if that is no terminal.
 * A thread draws it, so that it comes also while the work waits for a disk or a daemon.
 * There is one such line in a program, drawn from the first count on; all calls come from one thread.
 *
 * Usual order: progress_start -> { progress_file, progress_bytes, progress_reach } -> progress_end.
 * What has no files: progress_start -> { progress_stage, progress_amount or progress_watch } -> progress_end.
 */
#ifndef MMFS_PROGRESS_H
#define MMFS_PROGRESS_H

#include <stdint.h>

/* `program` begins the line; both strings stay the caller's. Before this, all the others do nothing. */
void progress_start(const char *program, const char *what);
/* One more file, or whatever else has a name. */
void progress_file(void);
/* That many more bytes of their contents. */
void progress_bytes(uint64_t bytes);
/* How far the source has been read; total 0: nobody knows, there is no bar. */
void progress_reach(uint64_t done, uint64_t total);
/* That many bytes of `total`, of what has no files. */
void progress_amount(uint64_t done, uint64_t total);
/* Somebody else fills the file `descriptor` from its beginning, to about `total` bytes: how far that is. It
 * must stay open until progress_say or progress_end. */
void progress_watch(int descriptor, uint64_t total);
/* `what` is going on from now on; how far, in units that mean nothing to the reader. */
void progress_stage(const char *what, uint64_t done, uint64_t total);
/* Shows something else from now on: what is done when all files have been. */
void progress_say(const char *what);
/* Takes the line away, so that a message can be printed; the next of the calls above brings it back. */
void progress_hide(void);
void progress_end(void);

#endif
