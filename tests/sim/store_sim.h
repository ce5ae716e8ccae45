/*
 * The simulated store: the second implementation of backend/store.h, in memory. It can record every store,
 * size change, reservation, punch and sync, can be told to fail, and remembers which pages changed, so that
 * a copy can be brought back to the state of another at the cost of the pages touched.
 *
 *   store_sim_new -> { store_sim_open -> image_open ... image_close or image_drop } any number of times
 *                 -> store_sim_free
 *
 * What is in it survives closing the store: reopening is what a restart of the daemon finds in the page
 * cache. What a power cut would leave is worked out from the log, see power.h.
 */
#ifndef MMFS_STORE_SIM_H
#define MMFS_STORE_SIM_H

#include "../../backend/store.h"

#include <pthread.h>
#include <stdatomic.h>

#define SIM_PAGE 4096u

enum sim_kind {
	SIM_WRITE,
	SIM_SET_SIZE,
	SIM_RESERVE,
	SIM_PUNCH,
	SIM_SYNC_RANGE,
	SIM_SYNC_ALL,
	SIM_SYNC_FAILED, /* in the log only: a sync of the range that failed */
	SIM_KINDS
};

struct sim_event {
	enum sim_kind kind;
	uint64_t offset; /* SET_SIZE: the new size */
	uint64_t length;
	size_t bytes_at;  /* WRITE: of its content in the log's bytes; SIM_ZEROS: it stored zeros */
	uint64_t watched; /* sim->watch at that moment */
};
#define SIM_ZEROS SIZE_MAX

struct sim_log {
	struct sim_event *events;
	size_t count, capacity;
	uint8_t *bytes;
	size_t bytes_used, bytes_capacity;
};

/* The nth call (1: the next one) of the kinds in `kinds` (bits 1 << SIM_) fails with `error` (negative
 * errno), and so do all later ones if `sticky`. */
struct sim_fault {
	unsigned kinds;
	uint64_t nth;
	int error;
	bool sticky;
	bool fills_host; /* instead of failing, from then on the host has no room left */
	bool hit;	 /* set when it failed a call */
};

struct store_sim {
	struct store store;
	pthread_mutex_t lock; /* taken by the store's calls */
	uint8_t *memory;
	uint64_t *dirty_bits; /* pages changed since the last store_sim_restore or store_sim_settle */
	uint32_t *dirty_pages;
	size_t dirty_count;
	uint64_t *used_bits; /* pages that ever held anything else than zeros, or were reserved */
	uint64_t used_pages;
	uint64_t host_pages;  /* the host has room for that many; UINT64_MAX: no limit */
	uint64_t device_size; /* of a fixed size: what it is found to have when it is measured again */
	bool frozen, is_open, recording;
	bool punch_unsupported;
	bool counts_pages;	    /* reservations count as used though the host has no limit yet */
	bool out_of_memory;	    /* the log lacks events */
	const atomic_ullong *watch; /* memory that a kill leaves too; NULL: none */
	struct sim_log log;
	struct sim_fault fault;
	uint64_t calls[SIM_KINDS]; /* made so far */
};

/* An empty store (size 0) that can grow to `map_size` bytes. NULL: no memory. */
struct store_sim *store_sim_new(uint64_t map_size);
void store_sim_free(struct store_sim *sim);
/* A handle as a program that opens the file would get it. One at a time. */
struct store *store_sim_open(struct store_sim *sim);

/* Forgets the log and starts a new one. */
void store_sim_record(struct store_sim *sim);
void store_sim_stop(struct store_sim *sim);

/* Makes pages that changed since the last call equal to those of `from` (which the rest is equal to already),
 * and the size. */
void store_sim_restore(struct store_sim *sim, const struct store_sim *from);
/* Takes the present state as the one to go back to. */
void store_sim_settle(struct store_sim *sim);
/* Makes everything equal to `from`, and settles. */
void store_sim_copy(struct store_sim *sim, const struct store_sim *from);

/* Changes that are not the program's: never fail, nothing is recorded. NULL bytes: zeros. */
void store_sim_poke(struct store_sim *sim, uint64_t offset, const void *bytes, size_t length);
void store_sim_poke_size(struct store_sim *sim, uint64_t size);
/* Does what the event did, or for a WRITE its first `length` bytes. */
void store_sim_apply(struct store_sim *sim, const struct sim_log *log, const struct sim_event *event,
		     uint64_t length);
const uint8_t *sim_event_bytes(const struct sim_log *log, const struct sim_event *event);

#endif
