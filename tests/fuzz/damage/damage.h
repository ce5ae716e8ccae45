/*
 * Damaged images: seeded mutations of small images, checksums made right again so that they get past them,
 * each through everything that reads or changes an image. Nothing may crash, hang, leak, or touch memory that
 * is not its own; and what fsck.mmfs calls clean must be so.
 *
 * The parent makes the base images and starts a worker process for each hundred mutants; a worker that dies,
 * or takes too long, names its mutant by what it left in the shared progress, and the next worker goes on
 * behind it. Everything about a mutant follows from its ID, SEED:NUMBER, and from the program that made the
 * base images.
 */
#ifndef MMFS_DAMAGE_H
#define MMFS_DAMAGE_H

#include "../../../fs/fs.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- base.c, populate.c: what is mutated ---- */

struct block_list {
	uint64_t *numbers;
	size_t count;
};

struct base {
	const char *name;
	uint64_t size; /* bytes */
	uint64_t zone_first, hash_seed;
	struct block_list used;			/* blocks that are not all zeros */
	uint8_t *bytes;				/* of these */
	struct block_list nodes, maps, records; /* of these: tree nodes, zones' maps, blocks of the ring */
};

/* All of them, made anew. Ends the program if that fails. */
const struct base *bases_make(unsigned *ret_count);
/* What getrandom gives from here on depends on the seed only. */
void base_random(uint64_t seed);
/* Makes the file hold the base image. */
void base_restore(const struct base *base, int file);

/* Fill a filesystem; end the program on an error. */
void populate_rich(struct fs *fs);
void populate_deep(struct fs *fs);
void populate_zones(struct fs *fs);
void populate_more(struct fs *fs, unsigned from);
/* Inodes without names, and truncates that are not finished. */
void populate_leftovers(struct fs *fs);
/* Moves the head of the journal to shortly before the ring's end. */
void populate_ring(struct fs *fs);
_Noreturn void base_failed(const char *what, int error);

/* ---- mutate.c, mutate_node.c, mutate_ring.c ---- */

struct mutant {
	const struct base *base;
	uint64_t random; /* state */
	uint8_t *bytes;	 /* of the image's file, mapped; base->size of them */
	char text[900];	 /* what was done to it */
};

/* Puts the mutant with this ID into the file. */
void mutate(struct mutant *mutant, const struct base *bases, unsigned base_count, uint64_t seed,
	    uint64_t number, int file);
/* The same base, and nothing done to it. */
void mutate_nothing(struct mutant *mutant, const struct base *base, int file);

uint64_t mutant_random(struct mutant *mutant, uint64_t below);
void mutant_note(struct mutant *mutant, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint8_t *mutant_block(const struct mutant *mutant, uint64_t block);
uint64_t mutant_any(struct mutant *mutant, const struct block_list *list);
/* Sets the field of `width` (1, 2, 4, 8) bytes to something that it should not be. */
void mutant_set(struct mutant *mutant, uint8_t *field, unsigned width);
/* The block's checksum becomes right. */
void mutant_seal(const struct mutant *mutant, uint64_t block);
void mutate_node(struct mutant *mutant);
void mutate_ring(struct mutant *mutant);

/* ---- walk.c, change.c: what reads and what changes it ---- */

/* What the core library said while it was used. */
struct answers {
	uint64_t calls;
	bool damaged;	 /* -EUCLEAN or -EIO */
	char what[200];	 /* the first of those */
	char wrong[200]; /* an error that no damage explains; "": none */
};

/* Notes the result of a call; returns it. */
int64_t answer(struct answers *answers, struct fs *fs, const char *call, uint64_t inode, int64_t result);

struct found_name {
	uint64_t directory, inode;
	uint8_t length;
	char name[255];
};

/* The tree, as far as it was walked. */
struct found {
	uint64_t *inodes;
	uint32_t *modes;
	size_t count;
	struct found_name *names;
	size_t name_count;
};
#define FOUND_MAX 3000

/* Calls every reading function for everything that can be reached, and for inodes that cannot. */
void walk(struct fs *fs, uint64_t random, struct found *ret_found, struct answers *answers);
void found_free(struct found *found);
/* Some changing operations of every kind. */
void change(struct fs *fs, uint64_t random, const struct found *found, struct answers *answers);

/* ---- check.c: one mutant through everything ---- */

enum phase {
	PHASE_MUTATE,
	PHASE_FSCK,
	PHASE_WALK,
	PHASE_CHANGE,
	PHASE_CHANGED,
	PHASE_REPAIR,
	PHASE_REPAIRED,
	PHASE_MOUNT,
	PHASES
};
extern const char *const phase_names[PHASES];

/* Shared by the parent and its worker. */
struct progress {
	uint64_t number;     /* of the mutant that is at work */
	uint64_t started_ms; /* when it began; 0: none is at work */
	uint64_t next;	     /* the first that was not begun */
	enum phase phase;
	char text[900]; /* mutant.text */
	const char *base;
	/* sums */
	uint64_t mutants, clean, refused, repaired, left, mounts, mounted, walked_damaged, calls;
};

struct checker {
	struct progress *progress;
	const struct base *bases;
	unsigned base_count;
	uint64_t seed;
	int file, out; /* the image; what was printed */
	char path[64]; /* of the image */
	bool verbose;
	bool worn_out;	      /* the mutant: one more write, and it is out of range */
	uint64_t mount_every; /* 0: never */
	const char *mmfs;     /* the program */
	const char *directory;
};

/* Ends the process, with a message, if anything is wrong. */
void check_mutant(struct checker *checker, uint64_t number);
/* A clean image, so that what is allocated once is. */
void check_warm_up(struct checker *checker);
_Noreturn void check_failed(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- mount.c ---- */

/* Mounts the file with the program `mmfs`, walks and changes it, unmounts. *ret_mounted: the mount was not
 * refused. NULL, or what went wrong. */
const char *mount_try(struct checker *checker, uint64_t random, bool *ret_mounted);

#endif
