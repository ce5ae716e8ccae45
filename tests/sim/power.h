/*
 * What a power cut leaves behind. Follows a log of events and knows, for each 512-byte sector, its content
 * as of the last sync that covered it and every version stored since: the disk may hold any of them. A
 * growth of the file is durable when it returns; a cut at its end is done or not until the whole file was
 * synced; a hole is a version of zeros. A page whose sync failed counts as clean, as in Linux: no later sync
 * writes it before something is stored to it again.
 *
 *   power_new -> power_base -> { power_event..., { power_build, run recovery on `work`, power_undo } ... }
 */
#ifndef MMFS_POWER_H
#define MMFS_POWER_H

#include "store_sim.h"

#define SECTOR 512u

struct power_version {
	uint32_t older; /* 1 + index of the version before; 0: the durable one */
	uint32_t event; /* number of the event that stored it */
	uint8_t bytes[SECTOR];
};

struct power {
	struct store_sim *durable;
	struct store_sim *work; /* equal to durable between power_undo and power_build */
	uint32_t *newest;  /* for each sector: 1 + index of its newest version; 0: only the durable one */
	uint32_t *sectors; /* those with versions, in order of their first */
	size_t sector_count;
	struct power_version *versions;
	size_t version_count, version_capacity;
	uint64_t *failed; /* one bit for each page: its last sync failed */
	uint32_t *pages;  /* pages of `sectors`, in order; made by power_pages */
	size_t page_count;
	uint64_t cache_size; /* the size that the page cache knows */
	uint32_t events;     /* followed so far */
	uint64_t generation; /* changes with every change of durable */
	/* where POWER_GARBAGE may strike (the journal); set by the user */
	uint64_t torn_offset, torn_length;
};

enum power_strategy {
	POWER_ALL_OLD,
	POWER_ALL_NEW,
	POWER_ONE_PAGE_NEW, /* argument: index into pages */
	POWER_ONE_PAGE_OLD,
	POWER_PAGES,	    /* argument: set of pages that are new, one bit each */
	POWER_PREFIX,	    /* argument: event; what it and those before it stored */
	POWER_REVERSE,	    /* argument: event; what it and those behind it stored */
	POWER_RANDOM,	    /* argument: seed; each sector any version */
	POWER_RANDOM_PAGES, /* argument: seed; each page old or new */
	POWER_MOSTLY_NEW,   /* argument: seed; few sectors are older */
	POWER_TORN,	    /* argument: seed; all new, but one sector is between two versions */
	/* argument: seed; all new, but a page of the torn range that was being written is nonsense, as disks
	 * without atomic writes of a page may leave it */
	POWER_GARBAGE,
};

struct power_choice {
	enum power_strategy strategy;
	uint64_t argument;
	bool old_size; /* a cut at the end since the last sync was not done */
};

struct power *power_new(uint64_t map_size);
void power_free(struct power *power);
/* Everything in `from` is durable. */
void power_base(struct power *power, const struct store_sim *from);
/* The same knowledge as `from`. -ENOMEM. */
int power_copy(struct power *power, const struct power *from);
/* -ENOMEM. */
int power_event(struct power *power, const struct sim_log *log, const struct sim_event *event);
/* Lists the pages that have versions; stale after the next event. */
void power_pages(struct power *power);
/* Makes `work` the chosen image; returns a hash that tells choices of the same power apart. */
uint64_t power_build(struct power *power, const struct power_choice *choice);
void power_undo(struct power *power);

/* Deterministic numbers for tests: splitmix64. */
uint64_t random_next(uint64_t *state);
uint64_t random_mix(uint64_t a, uint64_t b);

#endif
