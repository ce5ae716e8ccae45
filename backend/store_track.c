/* Which parts of a store have been written: for copying it while it is in use. */
#include "store_track.h"

#include <stdlib.h>

struct store_track {
	uint64_t chunks;
	atomic_ullong words[]; /* one bit for each chunk */
};

int store_track_begin(struct store *store)
{
	uint64_t chunks = (store->map_size + TRACK_BYTES - 1) / TRACK_BYTES;
	struct store_track *track;

	if (atomic_load(&store->track))
		return 0;
	track = calloc(1, sizeof(*track) + (chunks + 63) / 64 * sizeof(track->words[0]));
	if (!track)
		return -ENOMEM;
	track->chunks = chunks;
	atomic_store(&store->track, track);
	return 0;
}

void store_track_free(struct store *store)
{
	free(atomic_exchange(&store->track, NULL));
}

void store_track_note(struct store_track *track, uint64_t offset, uint64_t length)
{
	uint64_t end = (offset + length + TRACK_BYTES - 1) / TRACK_BYTES;

	for (uint64_t chunk = offset / TRACK_BYTES; chunk < end && chunk < track->chunks; chunk++) {
		unsigned long long bit = 1ull << (chunk % 64);
		if (!(atomic_load_explicit(&track->words[chunk / 64], memory_order_relaxed) & bit))
			atomic_fetch_or(&track->words[chunk / 64], bit);
	}
}

bool store_track_take(struct store *store, uint64_t from, uint64_t *ret_offset)
{
	struct store_track *track = atomic_load(&store->track);

	for (uint64_t chunk = from / TRACK_BYTES; chunk < track->chunks;) {
		unsigned long long word = atomic_load(&track->words[chunk / 64]) >> (chunk % 64);

		if (!word) {
			chunk = (chunk / 64 + 1) * 64;
			continue;
		}
		chunk += (uint64_t)__builtin_ctzll(word);
		atomic_fetch_and(&track->words[chunk / 64], ~(1ull << (chunk % 64)));
		*ret_offset = chunk * TRACK_BYTES;
		return true;
	}
	return false;
}

uint64_t store_track_count(struct store *store)
{
	struct store_track *track = atomic_load(&store->track);
	uint64_t count = 0, words = (store_size(store) / TRACK_BYTES + 64) / 64;

	for (uint64_t i = 0; i < words && i < (track->chunks + 63) / 64; i++)
		count += (uint64_t)__builtin_popcountll(atomic_load(&track->words[i]));
	return count;
}
