/* Opening an image from a program: the lock, its messages, recovery, and what went wrong in one line. */
#ifndef MMFS_OPEN_IMAGE_H
#define MMFS_OPEN_IMAGE_H

#include "../../backend/backend.h"

struct open_image_options {
	bool read_only;
	bool scratch;		/* changes stay in memory */
	uint64_t scratch_bytes; /* how much; 0: half of the machine's */
	bool create;		/* make an image if the file does not exist or is empty (mode 0600) */
	bool quiet;		/* no notes about recovery */
	unsigned lock_wait_ms;	/* 30000 for mmfs; a note "waiting for ..." is printed when waiting starts */
	int locked;   /* a descriptor of lock_image's, which is closed with the image; 0: none, the path is
			 opened */
	bool created; /* with it: what lock_image told */
	void (*tell)(const char *line); /* instead of "PROGRAM: line" on stderr; NULL: there */
	bool no_lock;			/* go on where the host cannot lock files */
	const char *no_lock_option;	/* what sets no_lock, for the message; NULL: nothing does */
	struct image_make_options make;
	struct image_report *report; /* filled in, if not NULL */
	struct image_options image;  /* read_only and session are filled in by open_image */
};

/* Opens the image at `path`. On failure prints one line "PROGRAM: PATH: what; what to do" on stderr and
 * returns a negative errno. Names the holder (host, pid) of an image in use. *ret_made (may be NULL) tells
 * whether it was made. */
MUST_CHECK int open_image(const char *program, const char *path, const struct open_image_options *options,
			  struct image **ret_image, bool *ret_made);

/* Opens and locks the file only; open_image with the descriptor goes on from there, in this process or a
 * child. The same messages. */
MUST_CHECK int lock_image(const char *program, const char *path, const struct open_image_options *options,
			  int *ret_descriptor, bool *ret_created);

/*
 * The two halves of open_image, for programs that look at the store between them; the same messages.
 * open_store: opens and locks the file, whatever it holds. *ret_created (may be NULL): it did not exist.
 */
MUST_CHECK int open_store(const char *program, const char *path, const struct open_image_options *options,
			  struct store **ret_store, bool *ret_created);
/* Opens the image in a store, which belongs to the image from here on, also when this fails. */
MUST_CHECK int open_image_in(const char *program, const char *path, struct store *store,
			     const struct open_image_options *options, struct image **ret_image);
/* Makes an image in a store; what it holds is given up. The store stays the caller's. */
MUST_CHECK int make_image_in(const char *program, const char *path, struct store *store,
			     const struct image_make_options *make);

/* "64M", "10G", "4096": bytes with K M G T P (powers of 1024). 0 or -EINVAL, -ERANGE. */
MUST_CHECK int parse_size(const char *text, uint64_t *ret_bytes);

#endif
