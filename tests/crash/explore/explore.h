/*
 * The crash explorer: runs scripts on a simulated store and, at every event, recovers what a kill -9 or a
 * power cut could leave and compares it with the model.
 *
 *   main.c      options, which workloads, the report
 *   workload.c  a workload's steps and its text, which is the first half of a replay ID
 *   explore.c   one workload: record, play back, recurse
 *   state.c     one state: recover, check, and what happens afterwards
 *   resend.c    after a kill: the request that was not answered is sent again (R17)
 *   base.c      the image that scripts start from; crashes while an image is made
 *   shrink.c    makes a failing random workload smaller
 *
 * A replay ID reads SALT:WORKLOAD@EVENT.NUMBER[/EVENT.NUMBER[/...]]: the state with that number when so many
 * events had happened; behind each slash the same in the run that went on from the state before it.
 */
#ifndef MMFS_EXPLORE_H
#define MMFS_EXPLORE_H

#include "../../sim/power.h"
#include "../../sim/step.h"
#include "../../sim/verify.h"

#define EXPLORE_MAP_SIZE (UINT64_C(192) << 20)
#define EXPLORE_DEPTH	 3u
#define ACE_MAX		 3u
#define REMOVED_MAX	 1024u

enum workload_kind { WORKLOAD_MAKE, WORKLOAD_ACE, WORKLOAD_RANDOM, WORKLOAD_DIRECTED };

struct workload {
	enum workload_kind kind;
	uint64_t seed;		   /* RANDOM */
	unsigned count;		   /* steps */
	unsigned steps[ACE_MAX];   /* ACE */
	unsigned script;	   /* DIRECTED */
	bool removed[REMOVED_MAX]; /* RANDOM: left out */
};

/* "make", "ace-3-17", "directed-NAME", "random-SEED-COUNT", "random-SEED-COUNT-xHEX" (bits of the steps left
 * out). */
void workload_text(const struct workload *workload, char *text, size_t room);
bool workload_parse(const char *text, struct workload *ret_workload);
/* Step `index` of those not left out; false: there is none. */
bool workload_step(const struct workload *workload, unsigned index, struct step *ret_step);
bool workload_wants_small_image(const struct workload *workload);
bool workload_wants_device(const struct workload *workload);
uint64_t workload_hash(const struct workload *workload);

typedef bool (*step_source)(const void *context, unsigned index, struct step *ret_step);

/* What a run at some depth needs; kept to be used again. */
struct level {
	struct store_sim *recorder; /* the script runs on it */
	struct store_sim *cache;    /* the page cache, event by event */
	struct store_sim *kill;	    /* equal to cache but while a state is tried */
	struct power *power;
};

struct place {
	size_t event;
	unsigned number;
};

struct explorer {
	struct level levels[EXPLORE_DEPTH];
	struct store_sim *base; /* a clean image with the base tree */
	struct model_state *base_state;
	uint64_t salt;
	double deadline;
	uint64_t states, workloads, failures;
	bool quiet;	     /* report nothing: shrinking */
	bool first_only;     /* one failure is enough */
	bool last_step_only; /* look at crashes in the last step only */
	bool verbose;
	/* replay */
	struct place filter[EXPLORE_DEPTH];
	unsigned filter_count;
	/* of the first failure in this workload */
	unsigned told; /* failures reported */
	bool failed;
	size_t failed_step;
	char failed_why[512];
};

/* One script on one level. */
struct run {
	struct explorer *explorer;
	struct level *level;
	unsigned depth;
	struct history *history; /* states 0..first are from before */
	size_t first;		 /* state at the start of the script */
	size_t *marks;		 /* events when step i had returned; [0]: when it was opened */
	uint64_t *marks_held;	 /* what the image held for step i - 1 before that was answered */
	size_t mark_count;
	step_source source; /* of the script */
	const void *source_context;
	const struct workload *workload; /* at depth 0; NULL deeper */
	uint64_t seed;
	uint64_t session; /* number of the boot that this run is in */
	unsigned sample;  /* 0: every state; else about one of so many */
	uint64_t *seen;	  /* hashes of power states tried */
	size_t seen_count, seen_capacity;
	struct place path[EXPLORE_DEPTH]; /* of this run: path[0..depth-1] */
};

/* A state that is to be tried. */
struct attempt {
	struct run *run;
	struct place place;
	bool kill;
	uint64_t length;	    /* kill: bytes of event `place.event` stored; 0: none */
	struct power_choice choice; /* power */
	size_t acknowledged;
};

int explorer_open(struct explorer *explorer);
void explorer_close(struct explorer *explorer);
/* Every power cut while an image is made leaves no image, or an empty one. */
void explore_make(struct explorer *explorer);
/* Explores one; failures are counted and reported. */
void explore_workload(struct explorer *explorer, const struct workload *workload);
bool explore_time_is_up(const struct explorer *explorer);
/* Runs `steps` on run->level, whose recorder and power are set, and tries states. */
void explore_run(struct run *run, step_source source, const void *context, struct session_disk *session);
void explore_session(uint64_t number, struct session_disk *ret_session);

void state_try(const struct attempt *attempt);
/* The image of an attempt, until it is undone. */
struct store_sim *state_build(const struct attempt *attempt);
void state_undo(const struct attempt *attempt);
void state_report(const struct run *run, const struct place *place, size_t acknowledged, const char *why);

/* The connection of which every step is a request. */
#define EXPLORE_CONNECTION UINT64_C(0xabcdef)
/* After a kill: a daemon goes on, and the request that was not answered is sent again. It must have exactly
 * one effect, and the result that it would have had. */
void resend_try(const struct attempt *attempt);

void shrink(struct explorer *explorer, const struct workload *workload);
double explore_seconds(void);
void explore_reset(uint64_t seed);

#endif
