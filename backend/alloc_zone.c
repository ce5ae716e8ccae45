#include "alloc_i.h"

#include <string.h>

/* Mask of the bits of [at, at + count) in the word that holds `at`; *part is their number. */
static uint64_t word_mask(unsigned at, unsigned count, unsigned *part)
{
	unsigned bit = at % 64;

	*part = count < 64 - bit ? count : 64 - bit;
	return (*part == 64 ? UINT64_MAX : (UINT64_C(1) << *part) - 1) << bit;
}

static uint64_t load_word(const struct alloc_zone *zone, unsigned word)
{
	return __atomic_load_n(&zone->bits[word], __ATOMIC_RELAXED);
}

static void store_word(struct alloc_zone *zone, unsigned word, uint64_t value)
{
	__atomic_store_n(&zone->bits[word], value, __ATOMIC_RELAXED);
}

/* Bits of a word of blocks whose chunk is backed. */
static uint64_t backed_mask(const struct alloc_zone *zone, unsigned word)
{
	return (bitmap_get(zone->backed, word * 2) ? UINT64_C(0xffffffff) : 0) |
	       (bitmap_get(zone->backed, word * 2 + 1) ? UINT64_C(0xffffffff) << 32 : 0);
}

/* Bits of a word of blocks below the limit. */
static uint64_t usable_mask(const struct alloc_zone *zone, unsigned word)
{
	if (zone->usable >= (word + 1) * 64)
		return UINT64_MAX;
	return zone->usable <= word * 64 ? 0 : (UINT64_C(1) << (zone->usable - word * 64)) - 1;
}

enum group_type zone_type(const struct alloc_zone *zone, unsigned group)
{
	return __atomic_load_n(&zone->groups[group].type, __ATOMIC_RELAXED);
}

static uint64_t disk_word(const struct map_disk *map, unsigned word)
{
	le64 value;

	memcpy(&value, map->bitmap + word * 8, sizeof(value));
	return le64_get(value);
}

void zone_load(struct alloc *alloc, struct alloc_zone *zone, uint64_t index, const struct map_disk *map)
{
	uint64_t start = zone->start;

	memset(zone, 0, sizeof(*zone));
	zone->start = start;
	zone->usable = alloc->limit_blocks >= start + ZONE_BLOCKS ? ZONE_BLOCKS
		       : alloc->limit_blocks > start		  ? (unsigned)(alloc->limit_blocks - start)
								  : 0;
	for (unsigned word = 0; word < ZONE_WORDS; word++) {
		struct alloc_group *group = &zone->groups[word / (GROUP_BLOCKS / 64)];
		uint64_t fixed = word > 0 ? 0 : index > 0 ? 1 : 1 | UINT64_C(1) << ROOTS_OFFSET;
		uint64_t bits = map ? disk_word(map, word) : 0;
		uint64_t past = bits & ~usable_mask(zone, word);

		if (past)
			zone->beyond = word * 64 + 64 - (unsigned)__builtin_clzll(past);
		group->used += (uint16_t)__builtin_popcountll(bits & ~fixed);
		bits |= fixed | ~usable_mask(zone, word);
		group->free += (uint16_t)(64 - __builtin_popcountll(bits));
		store_word(zone, word, bits);
	}
	for (unsigned i = 0; i < ZONE_GROUPS; i++)
		zone->groups[i].type = map && zone->groups[i].used > 0 ? map->group_type[i] : GROUP_NONE;
}

void zone_take(struct alloc *alloc, struct alloc_zone *zone, unsigned at, unsigned count)
{
	while (count > 0) {
		unsigned part, word = at / 64;
		uint64_t mask = word_mask(at, count, &part);
		struct alloc_group *group = &zone->groups[at / GROUP_BLOCKS];

		store_word(zone, word, load_word(zone, word) | mask);
		group->used += (uint16_t)part;
		group->free -= (uint16_t)part;
		if (group->type == GROUP_METADATA)
			alloc->meta_ready -= (unsigned)__builtin_popcountll(mask & backed_mask(zone, word));
		bitmap_set(zone->punched, at / CHUNK_BLOCKS, false);
		bitmap_set(zone->punched, (at + part - 1) / CHUNK_BLOCKS, false);
		at += part;
		count -= part;
	}
}

void zone_release(struct alloc *alloc, struct alloc_zone *zone, unsigned at, unsigned count)
{
	while (count > 0) {
		unsigned part, word = at / 64;
		uint64_t mask = word_mask(at, count, &part) & usable_mask(zone, word);
		struct alloc_group *group = &zone->groups[at / GROUP_BLOCKS];

		store_word(zone, word, load_word(zone, word) & ~mask);
		group->used -= (uint16_t)part;
		group->free += (uint16_t)__builtin_popcountll(mask);
		if (group->type == GROUP_METADATA)
			alloc->meta_ready += (unsigned)__builtin_popcountll(mask & backed_mask(zone, word));
		if (group->type == GROUP_DATA && group->used == 0)
			__atomic_store_n(&group->type, GROUP_NONE, __ATOMIC_RELAXED);
		at += part;
		count -= part;
	}
}

unsigned zone_ready(const struct alloc_zone *zone, unsigned group)
{
	unsigned ready = 0, first = group * (GROUP_BLOCKS / 64);

	for (unsigned word = first; word < first + GROUP_BLOCKS / 64; word++)
		ready += (unsigned)__builtin_popcountll(~load_word(zone, word) & backed_mask(zone, word));
	return ready;
}

unsigned zone_ready_in_chunk(const struct alloc_zone *zone, unsigned chunk)
{
	uint32_t taken = (uint32_t)(load_word(zone, chunk / 2) >> chunk % 2 * CHUNK_BLOCKS);

	if (zone->groups[chunk / GROUP_CHUNKS].type != GROUP_METADATA || !zone_is_backed(zone, chunk))
		return 0;
	return (unsigned)__builtin_popcount(~taken);
}

unsigned zone_ready_all(const struct alloc_zone *zone)
{
	unsigned ready = 0;

	for (unsigned group = 0; group < ZONE_GROUPS; group++)
		if (zone->groups[group].type == GROUP_METADATA)
			ready += zone_ready(zone, group);
	return ready;
}

void zone_set_type(struct alloc *alloc, struct alloc_zone *zone, unsigned group, enum group_type type)
{
	if (zone->groups[group].type == GROUP_METADATA)
		alloc->meta_ready -= zone_ready(zone, group);
	if (type == GROUP_METADATA)
		alloc->meta_ready += zone_ready(zone, group);
	__atomic_store_n(&zone->groups[group].type, (uint8_t)type, __ATOMIC_RELAXED);
}

bool zone_is_backed(const struct alloc_zone *zone, unsigned chunk)
{
	return bitmap_get(zone->backed, chunk);
}

void zone_set_backed(struct alloc *alloc, struct alloc_zone *zone, unsigned chunk, bool backed)
{
	unsigned part;
	uint64_t mask = word_mask(chunk * CHUNK_BLOCKS, CHUNK_BLOCKS, &part);
	unsigned free = (unsigned)__builtin_popcountll(~load_word(zone, chunk / 2) & mask);

	if (zone_is_backed(zone, chunk) == backed)
		return;
	bitmap_set(zone->backed, chunk, backed);
	if (backed)
		bitmap_set(zone->punched, chunk, false);
	if (zone->groups[chunk / GROUP_CHUNKS].type != GROUP_METADATA)
		return;
	if (backed)
		alloc->meta_ready += free;
	else
		alloc->meta_ready -= free;
}

bool zone_range_backed(const struct alloc_zone *zone, unsigned at, unsigned count)
{
	for (unsigned chunk = at / CHUNK_BLOCKS; chunk <= (at + count - 1) / CHUNK_BLOCKS; chunk++)
		if (!zone_is_backed(zone, chunk))
			return false;
	return true;
}

bool zone_all_free(const struct alloc_zone *zone, unsigned at, unsigned count)
{
	unsigned part;

	for (; count > 0; at += part, count -= part)
		if (load_word(zone, at / 64) & word_mask(at, count, &part))
			return false;
	return true;
}

bool zone_all_taken(const struct alloc_zone *zone, unsigned at, unsigned count)
{
	unsigned part;

	for (; count > 0; at += part, count -= part)
		if (~load_word(zone, at / 64) & word_mask(at, count, &part))
			return false;
	return true;
}

bool zone_is_punched(const struct alloc_zone *zone, unsigned at, unsigned count)
{
	for (unsigned chunk = at / CHUNK_BLOCKS; chunk <= (at + count - 1) / CHUNK_BLOCKS; chunk++)
		if (!bitmap_get(zone->punched, chunk))
			return false;
	return true;
}

bool zone_is_empty(const struct alloc_zone *zone)
{
	for (unsigned i = 0; i < ZONE_GROUPS; i++)
		if (zone->groups[i].used > 0)
			return false;
	return true;
}

unsigned zone_end(const struct alloc_zone *zone)
{
	if (zone->beyond)
		return zone->beyond;
	for (unsigned word = ZONE_WORDS; word-- > 0;) {
		uint64_t bits = load_word(zone, word) & usable_mask(zone, word);

		if (bits)
			return word * 64 + 64 - (unsigned)__builtin_clzll(bits);
	}
	return 0;
}

/* ---- runs for data ---- */

static bool for_data(const struct alloc_zone *zone, unsigned at)
{
	const struct alloc_group *group = &zone->groups[at / GROUP_BLOCKS];

	return group->type != GROUP_METADATA && group->free > 0;
}

unsigned zone_next_free(const struct alloc_zone *zone, unsigned at)
{
	while (at < ZONE_BLOCKS) {
		uint64_t free;

		if (!for_data(zone, at)) {
			at = (at / GROUP_BLOCKS + 1) * GROUP_BLOCKS;
			continue;
		}
		free = ~load_word(zone, at / 64) >> (at % 64);
		if (free)
			return at + (unsigned)__builtin_ctzll(free);
		at = (at / 64 + 1) * 64;
	}
	return ZONE_BLOCKS;
}

unsigned zone_run(const struct alloc_zone *zone, unsigned at, unsigned most)
{
	unsigned end = at;

	while (end < ZONE_BLOCKS && end - at < most && for_data(zone, end)) {
		uint64_t taken = load_word(zone, end / 64) >> (end % 64);

		if (taken) {
			end += (unsigned)__builtin_ctzll(taken);
			break;
		}
		end = (end / 64 + 1) * 64;
	}
	return end - at < most ? end - at : most;
}

unsigned zone_find(const struct alloc_zone *zone, unsigned want, unsigned *ret_at)
{
	unsigned best = 0, enough = want, looked = 0;
	unsigned at = zone->cursor < ZONE_BLOCKS ? zone->cursor : 0;
	bool around = at == 0;

	for (;;) {
		unsigned length;

		at = zone_next_free(zone, at);
		if (at >= ZONE_BLOCKS) {
			if (around)
				return best;
			around = true;
			at = 0;
			continue;
		}
		length = zone_run(zone, at, want);
		if (length > best) {
			best = length;
			*ret_at = at;
		}
		/* much fragmented: do not look through all of it for the largest run */
		if (++looked == 64 && enough > 16)
			enough = 16;
		if (best >= enough || (around && at >= zone->cursor && zone->cursor > 0))
			return best;
		at += length;
	}
}

/* ---- bits of a map in the image ---- */

bool map_set(struct map_disk *map, unsigned at, unsigned count)
{
	for (; count > 0; at++, count--) {
		uint8_t bit = (uint8_t)(1u << (at % 8));

		if (at % 8 == 0 && count >= 8 && map->bitmap[at / 8] == 0) {
			map->bitmap[at / 8] = 0xff;
			at += 7;
			count -= 7;
			continue;
		}
		if (map->bitmap[at / 8] & bit)
			return false;
		map->bitmap[at / 8] |= bit;
	}
	return true;
}

bool map_clear(struct map_disk *map, unsigned at, unsigned count)
{
	for (; count > 0; at++, count--) {
		uint8_t bit = (uint8_t)(1u << (at % 8));

		if (at % 8 == 0 && count >= 8 && map->bitmap[at / 8] == 0xff) {
			map->bitmap[at / 8] = 0;
			at += 7;
			count -= 7;
			continue;
		}
		if (!(map->bitmap[at / 8] & bit))
			return false;
		map->bitmap[at / 8] &= (uint8_t)~bit;
	}
	return true;
}
