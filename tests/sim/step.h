/*
 * Scripts: steps that are run on a filesystem in a simulated store and on the model at the same time. The
 * history keeps the model's state after every step, so that what a crash left can be compared with each.
 */
#ifndef MMFS_STEP_H
#define MMFS_STEP_H

#include "model.h"
#include "store_sim.h"

#include "../../fs/fs.h"

enum step_kind {
	STEP_NONE, /* the state was found, not made */
	STEP_CREATE,
	STEP_MKDIR,
	STEP_SYMLINK,
	STEP_LINK,
	STEP_UNLINK,
	STEP_RMDIR,
	STEP_RENAME,
	STEP_EXCHANGE,
	STEP_WRITE,
	STEP_APPEND,
	STEP_TRUNCATE,
	STEP_PUNCH,
	STEP_ZERO_RANGE,
	STEP_FALLOCATE,
	STEP_FALLOCATE_KEEP,
	STEP_COPY,
	STEP_SETXATTR,
	STEP_REMOVEXATTR,
	STEP_CHMOD,
	STEP_FSYNC,
	STEP_FDATASYNC,
	STEP_SYNC, /* all metadata and new data */
	STEP_CHECKPOINT,
	STEP_TRIM,
	STEP_COMPACT,
	STEP_LIMIT, /* length: bytes, 0: none; seed: other than 0 if it is refused */
	STEP_LABEL, /* seed: number of the label, 0: none */
	STEP_GROW,  /* length: bytes that the device has now */
	STEP_REMOUNT,
	STEP_KINDS
};

struct step_path {
	unsigned count; /* of names from the root; 0: the root itself */
	uint32_t names[3];
};

struct step {
	enum step_kind kind;
	struct step_path a, b;
	uint64_t offset, length; /* bytes; COPY: from offset to offset2 */
	uint64_t offset2;
	uint32_t seed; /* of xattr values, targets; index of the xattr: seed % MODEL_XATTRS */
};

/* What a step did, for comparing. */
struct step_done {
	enum step_kind kind;
	uint64_t inode; /* whose contents it changed or synced; 0: none */
	bool partial;	/* it may take several records, so a crash may leave a part of it */
	bool shape;	/* it changed size or blocks of `inode` */
};

struct history {
	struct model_state **states; /* count + 1: [0] is before the first step */
	struct step_done *done;	     /* [i] led from state i to state i + 1 */
	size_t count, capacity;
	uint32_t allocations;
	uint32_t steps; /* counts on in histories made from this one */
	uint64_t highest_inode;
};

/* A mounted simulated image. */
struct mount {
	struct store_sim *sim;
	struct image_options options;
	struct fs_options fs_options;
	struct image *image;
	struct fs *fs;
	struct image_report report;
	int error; /* of a step that ended with one */
	/* Steps are requests of this connection, which are named in their records (R17); 0: they are not. */
	uint64_t connection;
	bool resends;		  /* and are sent again: what has happened is not done again */
	bool checkpoints_early;	  /* between a step's records and its reply */
	uint64_t held_unanswered; /* options.held->requests[0] before the last reply */
	unsigned requests;	  /* ended */
	bool fault_in_open;	  /* an injected fault struck while it was being opened */
};

/* The number in `unique` of request `index` (0, 1, ...) of step number `step` of a history. */
static inline uint64_t step_unique(uint32_t step, unsigned index)
{
	return ((uint64_t)step << 8) + 2 * (index + 1);
}

/* A request of the mount's connection begins. True: it was sent before and has happened, with this answer. */
bool mount_request_begins(struct mount *mount, uint64_t unique, struct request_answer *ret_answer);
/* It is answered. Returns `result`, or the error of what was done before the answer. */
ssize_t mount_request_ends(struct mount *mount, ssize_t result);

int mount_open(struct mount *mount);
/* Unmounts in order. */
int mount_close(struct mount *mount);
int mount_again(struct mount *mount);
int mount_compact(struct mount *mount);
int mount_trim(struct mount *mount);
/* As kill -9 would. */
void mount_drop(struct mount *mount);

struct history *history_new(struct model_state *base); /* takes it */
void history_free(struct history *history);
/* States 0..last are shared (copied by reference), later ones left out. */
struct history *history_copy(const struct history *history, size_t first, size_t last);
void history_push(struct history *history, struct model_state *state, struct step_done done);
static inline struct model_state *history_last(const struct history *history)
{
	return history->states[history->count];
}

/* LIMIT, LABEL and GROW (settings.c); 0; 1: it did not do what it should. */
int settings_run(struct mount *mount, struct model_state *state, const struct step *step);

/*
 * Runs one step on both. The history grows by one state, that after the step. 0; 1: the filesystem failed
 * where the model did not or the other way round, mount->error tells with what (the state is the model's, as
 * if it had worked).
 */
int step_run(struct mount *mount, struct history *history, const struct step *step);

/* "write A/foo 0 4096": for messages. */
void step_text(const struct step *step, char *text, size_t room);

/* The bytes that step number `step` writes. */
void step_bytes(uint32_t step, uint64_t offset, uint8_t *bytes, size_t length);

/* ---- making scripts (script.c) ---- */

unsigned script_ace_count(void);
/* One of the steps over the small name space, 0..script_ace_count()-1. */
struct step script_ace_step(unsigned index);
/* The steps that make the tree on which those work: 0 behind the last. */
bool script_base_step(unsigned index, struct step *ret_step);
/* Step `index` of the long random script with this seed: does not depend on the others. */
struct step script_random_step(uint64_t seed, unsigned index);
/* That script wants the image limited to SCRIPT_SMALL_IMAGE bytes, so that blocks are used again soon. */
#define SCRIPT_SMALL_IMAGE (UINT64_C(22) << 20)
bool script_wants_small_image(uint64_t seed);

/* Scripts with a purpose (directed.c), by number; false: no more steps. */
unsigned script_directed_count(void);
const char *script_directed_name(unsigned script);
bool script_directed_step(unsigned script, unsigned index, struct step *ret_step);
bool script_directed_small(unsigned script);  /* wants SCRIPT_SMALL_IMAGE */
bool script_directed_device(unsigned script); /* wants an image on a device of SCRIPT_DEVICE bytes */
#define SCRIPT_DEVICE (UINT64_C(40) << 20)
unsigned script_directed_from(unsigned script); /* the step from which on crashes are of interest */
/* With a file of that many bytes there, little room for data is left in the small image. */
#define SCRIPT_FULL_BYTES (UINT64_C(4170) << 12)

#endif
