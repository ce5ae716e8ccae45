/* What the files of the exerciser share: one process, its file, and the model of it. */
#ifndef MMFS_EXERCISE_H
#define MMFS_EXERCISE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE	      4096u
#define SIZE_MAX_FILE (512u * 1024) /* of a file that is not shared */
#define REGION	      (192u * 1024) /* of a shared one, for each process */
#define LENGTH_MAX    (72u * 1024)  /* of one operation */
#define LINES	      24	    /* of the log that a failure shows */
#define PROCESSES_MAX 16u

struct options {
	uint64_t seed, from, steps;
	unsigned processes, only; /* only: the process to replay */
	bool shared, replay;
	const char *state, *directory;
};
extern struct options options;

struct exercise {
	unsigned process;
	char path[300], state[300];
	int file, append, direct;
	bool cache_is_data; /* of the filesystem: see step_seek */
	uint8_t *map;	    /* the whole file and what it may become */
	uint8_t *model;	    /* bytes behind the size are zeros */
	uint64_t size;	    /* of the file, as it should be */
	uint64_t low, high; /* where this process works */
	uint64_t step, random;
	uint8_t *bytes; /* aligned room for an operation */
	char lines[LINES][120];
};

/* Ends the process with a message if anything is not as it should be. */
void do_step(struct exercise *e);
void open_all(struct exercise *e);
void close_all(struct exercise *e);
void compare_all(struct exercise *e);
void note(struct exercise *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
