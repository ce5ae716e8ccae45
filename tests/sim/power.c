#include "power.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SECTORS (SIM_PAGE / SECTOR)

uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t random_mix(uint64_t a, uint64_t b)
{
	uint64_t state = a ^ b * UINT64_C(0xd6e8feb86659fd93);

	return random_next(&state);
}

struct power *power_new(uint64_t map_size)
{
	struct power *power = calloc(1, sizeof(*power));

	if (!power)
		return NULL;
	power->durable = store_sim_new(map_size);
	power->work = store_sim_new(map_size);
	if (power->durable) {
		uint64_t size = power->durable->store.map_size;

		power->newest = calloc(size / SECTOR, sizeof(*power->newest));
		power->sectors = calloc(size / SECTOR, sizeof(*power->sectors));
		power->pages = calloc(size / SIM_PAGE, sizeof(*power->pages));
		power->failed = calloc(size / SIM_PAGE / 64, sizeof(*power->failed));
	}
	if (!power->durable || !power->work || !power->newest || !power->sectors || !power->pages ||
	    !power->failed) {
		power_free(power);
		return NULL;
	}
	return power;
}

void power_free(struct power *power)
{
	if (!power)
		return;
	store_sim_free(power->durable);
	store_sim_free(power->work);
	free(power->newest);
	free(power->sectors);
	free(power->pages);
	free(power->failed);
	free(power->versions);
	free(power);
}

static void forget_versions(struct power *power)
{
	for (size_t i = 0; i < power->sector_count; i++)
		power->newest[power->sectors[i]] = 0;
	memset(power->failed, 0, power->durable->store.map_size / SIM_PAGE / 8);
	power->sector_count = 0;
	power->version_count = 0;
}

void power_base(struct power *power, const struct store_sim *from)
{
	forget_versions(power);
	store_sim_copy(power->durable, from);
	store_sim_copy(power->work, from);
	power->cache_size = from->store.size;
	power->events = 0;
	power->generation++;
}

int power_copy(struct power *power, const struct power *from)
{
	power_base(power, from->durable);
	if (power->version_capacity < from->version_count) {
		void *more = realloc(power->versions, from->version_count * sizeof(*power->versions));

		if (!more)
			return -ENOMEM;
		power->versions = more;
		power->version_capacity = from->version_count;
	}
	if (from->version_count)
		memcpy(power->versions, from->versions, from->version_count * sizeof(*power->versions));
	power->version_count = from->version_count;
	memcpy(power->sectors, from->sectors, from->sector_count * sizeof(*power->sectors));
	power->sector_count = from->sector_count;
	for (size_t i = 0; i < from->sector_count; i++)
		power->newest[from->sectors[i]] = from->newest[from->sectors[i]];
	memcpy(power->failed, from->failed, power->durable->store.map_size / SIM_PAGE / 8);
	power->cache_size = from->cache_size;
	power->events = from->events;
	power->torn_offset = from->torn_offset;
	power->torn_length = from->torn_length;
	return 0;
}

static const uint8_t *newest_bytes(const struct power *power, uint64_t sector)
{
	if (power->newest[sector])
		return power->versions[power->newest[sector] - 1].bytes;
	return power->durable->memory + sector * SECTOR;
}

/* The sector now reads `bytes`. */
static int add_version(struct power *power, uint64_t sector, const uint8_t *bytes)
{
	struct power_version *version;

	if (!memcmp(newest_bytes(power, sector), bytes, SECTOR))
		return 0;
	if (power->version_count == power->version_capacity) {
		size_t more = power->version_capacity ? power->version_capacity * 2 : 1024;
		void *versions = realloc(power->versions, more * sizeof(*power->versions));

		if (!versions)
			return -ENOMEM;
		power->versions = versions;
		power->version_capacity = more;
	}
	version = &power->versions[power->version_count++];
	version->older = power->newest[sector];
	version->event = power->events;
	memcpy(version->bytes, bytes, SECTOR);
	if (!version->older)
		power->sectors[power->sector_count++] = (uint32_t)sector;
	power->newest[sector] = (uint32_t)power->version_count;
	return 0;
}

static bool sync_failed(const struct power *power, uint64_t sector)
{
	return power->failed[sector / PAGE_SECTORS / 64] >> (sector / PAGE_SECTORS % 64) & 1;
}

static void set_failed(struct power *power, uint64_t sector, bool failed)
{
	uint64_t bit = UINT64_C(1) << (sector / PAGE_SECTORS % 64);
	uint64_t *word = &power->failed[sector / PAGE_SECTORS / 64];

	*word = failed ? *word | bit : *word & ~bit;
}

/* bytes NULL: zeros. */
static int store_range(struct power *power, uint64_t offset, uint64_t length, const uint8_t *bytes)
{
	uint64_t end = offset + length;

	for (uint64_t at = offset; at < end;) {
		uint64_t sector = at / SECTOR, within = at % SECTOR;
		uint64_t piece = SECTOR - within < end - at ? SECTOR - within : end - at;
		uint8_t content[SECTOR];
		int error;

		set_failed(power, sector, false);
		memcpy(content, newest_bytes(power, sector), SECTOR);
		if (bytes)
			memcpy(content + within, bytes + (at - offset), piece);
		else
			memset(content + within, 0, piece);
		error = add_version(power, sector, content);
		if (error)
			return error;
		at += piece;
	}
	return 0;
}

/* Zeros, skipping pages that nothing was ever stored to. */
static int zero_range(struct power *power, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length;

	for (uint64_t at = offset; at < end;) {
		uint64_t page = at / SIM_PAGE, page_end = (page + 1) * SIM_PAGE;
		uint64_t piece = (page_end < end ? page_end : end) - at;
		bool used = power->durable->used_bits[page / 64] >> (page % 64) & 1;
		int error = 0;

		for (unsigned i = 0; i < PAGE_SECTORS && !used; i++)
			used = power->newest[page * PAGE_SECTORS + i] != 0;
		if (used)
			error = store_range(power, at, piece, NULL);
		if (error)
			return error;
		at += piece;
	}
	return 0;
}

/* Pages with versions among these sectors are taken for clean. */
static void fail_sync(struct power *power, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < power->sector_count; i++)
		if (power->sectors[i] >= first && power->sectors[i] <= last)
			set_failed(power, power->sectors[i], true);
}

/* The newest versions of sectors first..last (inclusive) have reached the disk. */
static void make_durable(struct power *power, uint64_t first, uint64_t last)
{
	size_t kept = 0;

	for (size_t i = 0; i < power->sector_count; i++) {
		uint32_t sector = power->sectors[i];

		if (sector < first || sector > last || sync_failed(power, sector)) {
			power->sectors[kept++] = sector;
			continue;
		}
		store_sim_poke(power->durable, (uint64_t)sector * SECTOR, newest_bytes(power, sector),
			       SECTOR);
		store_sim_poke(power->work, (uint64_t)sector * SECTOR, newest_bytes(power, sector), SECTOR);
		power->newest[sector] = 0;
	}
	if (kept != power->sector_count)
		power->generation++;
	power->sector_count = kept;
	if (!kept)
		power->version_count = 0;
	store_sim_settle(power->durable);
	store_sim_settle(power->work);
}

static void durable_size(struct power *power, uint64_t size)
{
	if (power->durable->store.size == size)
		return;
	store_sim_poke_size(power->durable, size);
	store_sim_poke_size(power->work, size);
	store_sim_settle(power->durable);
	store_sim_settle(power->work);
	power->generation++;
}

static int set_size(struct power *power, uint64_t size)
{
	uint64_t old = power->cache_size;

	power->cache_size = size;
	if (size < old)
		return zero_range(power, size, old - size);
	if (size == old)
		return 0;
	if (power->durable->store.size > old) {
		/* the cut before this growth is in the same inode: durable with it */
		make_durable(power, old / SECTOR, UINT64_MAX);
		durable_size(power, old);
	}
	durable_size(power, size);
	return 0;
}

int power_event(struct power *power, const struct sim_log *log, const struct sim_event *event)
{
	int error = 0;

	switch (event->kind) {
	case SIM_WRITE:
		if (event->bytes_at == SIM_ZEROS)
			error = zero_range(power, event->offset, event->length);
		else
			error = store_range(power, event->offset, event->length, sim_event_bytes(log, event));
		break;
	case SIM_SET_SIZE:
		error = set_size(power, event->offset);
		break;
	case SIM_PUNCH:
		error = zero_range(power, event->offset, event->length);
		break;
	case SIM_SYNC_RANGE:
		if (event->length)
			make_durable(power, event->offset / SECTOR,
				     (event->offset + event->length - 1) / SECTOR);
		break;
	case SIM_SYNC_FAILED:
		if (event->length)
			fail_sync(power, event->offset / SECTOR,
				  (event->offset + event->length - 1) / SECTOR);
		break;
	case SIM_SYNC_ALL:
		make_durable(power, 0, UINT64_MAX);
		durable_size(power, power->cache_size);
		break;
	default:
		break;
	}
	power->events++;
	return error;
}

void power_pages(struct power *power)
{
	power->page_count = 0;
	for (size_t i = 0; i < power->sector_count; i++) {
		uint32_t page = power->sectors[i] / PAGE_SECTORS;
		size_t at = power->page_count;

		/* sectors of a page come close together: look at the last few only, then at all */
		while (at && power->pages[at - 1] != page)
			at--;
		if (!at)
			power->pages[power->page_count++] = page;
	}
}

/* ---- choosing ---- */

static uint32_t version_at(const struct power *power, uint32_t sector, uint64_t event)
{
	uint32_t version = power->newest[sector];

	while (version && power->versions[version - 1].event > event)
		version = power->versions[version - 1].older;
	return version;
}

static uint32_t older_version(const struct power *power, uint32_t version, uint64_t *state)
{
	unsigned depth = 0, steps;

	for (uint32_t v = version; v; v = power->versions[v - 1].older)
		depth++;
	for (steps = (unsigned)(random_next(state) % (depth + 1)); steps; steps--)
		version = power->versions[version - 1].older;
	return version;
}

static size_t page_index(const struct power *power, uint32_t sector)
{
	size_t at = 0;

	while (at < power->page_count && power->pages[at] != sector / PAGE_SECTORS)
		at++;
	return at;
}

/* Which version of the sector: 0 is the durable one. */
static uint32_t choose(const struct power *power, const struct power_choice *choice, uint32_t sector,
		       uint64_t *state)
{
	uint32_t newest = power->newest[sector];

	switch (choice->strategy) {
	case POWER_ALL_OLD:
		return 0;
	case POWER_ALL_NEW:
	case POWER_TORN:
	case POWER_GARBAGE:
		return newest;
	case POWER_ONE_PAGE_NEW:
		return page_index(power, sector) == choice->argument ? newest : 0;
	case POWER_ONE_PAGE_OLD:
		return page_index(power, sector) == choice->argument ? 0 : newest;
	case POWER_PAGES:
		return choice->argument >> (page_index(power, sector) % 64) & 1 ? newest : 0;
	case POWER_PREFIX:
		return version_at(power, sector, choice->argument);
	case POWER_REVERSE:
		return power->versions[newest - 1].event >= choice->argument ? newest : 0;
	case POWER_RANDOM:
		return older_version(power, newest, state);
	case POWER_RANDOM_PAGES:
		return random_mix(choice->argument, sector / PAGE_SECTORS) & 1 ? newest : 0;
	case POWER_MOSTLY_NEW:
		return random_next(state) % 8 ? newest : older_version(power, newest, state);
	}
	return 0;
}

/* One sector holds the beginning of its newest version and the rest of the one before. */
static void tear(struct power *power, uint64_t *state)
{
	size_t last = power->sector_count < 4 ? power->sector_count : 4;
	uint32_t sector, older;
	unsigned cut = 8 * (unsigned)(1 + random_next(state) % (SECTOR / 8 - 1));
	const uint8_t *before;

	if (!last)
		return;
	sector = power->sectors[power->sector_count - 1 - random_next(state) % last];
	older = power->versions[power->newest[sector] - 1].older;
	before =
	    older ? power->versions[older - 1].bytes : power->durable->memory + (uint64_t)sector * SECTOR;
	store_sim_poke(power->work, (uint64_t)sector * SECTOR + cut, before + cut, SECTOR - cut);
}

/* A page of the torn range that was being written is nonsense. */
static void spoil(struct power *power, uint64_t *state)
{
	uint64_t bytes[SIM_PAGE / 8], pages = 0, chosen = 0;

	for (size_t i = 0; i < power->sector_count; i++) {
		uint64_t offset = (uint64_t)power->sectors[i] * SECTOR;

		/* the last ones are the likeliest */
		if (offset - power->torn_offset < power->torn_length && random_next(state) % ++pages % 2 == 0)
			chosen = offset / SIM_PAGE;
	}
	if (!pages || !chosen)
		return;
	for (size_t i = 0; i < SIM_PAGE / 8; i++)
		bytes[i] = random_next(state);
	store_sim_poke(power->work, chosen * SIM_PAGE, bytes, SIM_PAGE);
}

uint64_t power_build(struct power *power, const struct power_choice *choice)
{
	uint64_t state = choice->argument, hash = random_mix(power->generation, power->cache_size);
	bool shrink = !choice->old_size && power->cache_size < power->durable->store.size;

	for (size_t i = 0; i < power->sector_count; i++) {
		uint32_t sector = power->sectors[i];
		uint32_t version = choose(power, choice, sector, &state);

		if (!version || (shrink && (uint64_t)sector * SECTOR >= power->cache_size))
			continue;
		store_sim_poke(power->work, (uint64_t)sector * SECTOR, power->versions[version - 1].bytes,
			       SECTOR);
		hash += random_mix(sector, version);
	}
	if (choice->strategy == POWER_TORN) {
		tear(power, &state);
		hash += random_next(&state);
	}
	if (choice->strategy == POWER_GARBAGE) {
		spoil(power, &state);
		hash += random_next(&state);
	}
	if (shrink) {
		store_sim_poke_size(power->work, power->cache_size);
		hash += 1;
	}
	return hash;
}

void power_undo(struct power *power)
{
	store_sim_restore(power->work, power->durable);
}
