/* See suspects.h. */
#include "suspects.h"

#include <signal.h>
#include <string.h>

#define CRASHES_MOST 3u
#define DEATHS_MOST  10u /* of any kind */

void suspects_begin(struct handover *handover, unsigned worker, uint64_t unique)
{
	if (handover)
		atomic_store_explicit(&handover->workers[worker].at, unique, memory_order_relaxed);
}

void suspects_end(struct handover *handover, unsigned worker)
{
	if (handover)
		atomic_store_explicit(&handover->workers[worker].at, 0, memory_order_relaxed);
}

static bool is_guilty(const struct handover_suspect *suspect)
{
	return suspect->crashes >= CRASHES_MOST || suspect->crashes + suspect->kills >= DEATHS_MOST;
}

static const struct handover_suspect *find(const struct handover_suspect *list, uint64_t unique)
{
	for (unsigned i = 0; unique && i < HANDOVER_SUSPECTS; i++) {
		if (list[i].unique == unique)
			return &list[i];
	}
	return NULL;
}

/* *count: of those in the list; what has no room there is not suspected yet. */
static void add(struct handover_suspect *list, unsigned *count, struct handover_suspect suspect)
{
	if (*count < HANDOVER_SUSPECTS && !find(list, suspect.unique))
		list[(*count)++] = suspect;
}

unsigned suspects_note(struct handover *handover, int signal)
{
	struct handover_suspect now[HANDOVER_SUSPECTS] = {{0}};
	unsigned count = 0, found = 0;

	/* They stay so, whether or not they have been answered by now. */
	for (unsigned i = 0; i < HANDOVER_SUSPECTS; i++) {
		if (is_guilty(&handover->suspects[i]))
			add(now, &count, handover->suspects[i]);
	}
	for (unsigned i = 0; i < HANDOVER_WORKERS; i++) {
		uint64_t unique = atomic_exchange(&handover->workers[i].at, 0);
		const struct handover_suspect *before = find(handover->suspects, unique);
		struct handover_suspect suspect = before ? *before : (struct handover_suspect){unique, 0, 0};

		if (!unique || is_guilty(&suspect))
			continue;
		suspect.kills += signal == SIGKILL;
		suspect.crashes += signal != SIGKILL;
		found += is_guilty(&suspect);
		add(now, &count, suspect);
	}
	memcpy(handover->suspects, now, sizeof(now));
	return found;
}

unsigned suspects_guilty(const struct handover *handover, uint64_t unique)
{
	const struct handover_suspect *suspect = handover ? find(handover->suspects, unique) : NULL;

	return suspect && is_guilty(suspect) ? suspect->crashes + suspect->kills : 0;
}
