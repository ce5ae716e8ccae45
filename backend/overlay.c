/* Changed metadata blocks in memory: a hash table from block number to its 4 KiB (R3). */
#include "image_i.h"

#include <errno.h>
#include <stdlib.h>

#define CHAINS_AT_FIRST 256u

static size_t overlay_chain(const struct overlay *overlay, uint64_t block)
{
	return (size_t)((block * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (overlay->chain_count - 1);
}

int overlay_init(struct overlay *overlay)
{
	overlay->chains = calloc(CHAINS_AT_FIRST, sizeof(*overlay->chains));
	if (!overlay->chains)
		return -ENOMEM;
	overlay->chain_count = CHAINS_AT_FIRST;
	atomic_store(&overlay->count, 0);
	return 0;
}

void overlay_free(struct overlay *overlay)
{
	for (size_t i = 0; i < overlay->chain_count; i++) {
		struct overlay_block *entry = overlay->chains[i];

		while (entry) {
			struct overlay_block *next = entry->next;

			free(entry);
			entry = next;
		}
	}
	free(overlay->chains);
	overlay->chains = NULL;
	overlay->chain_count = 0;
	atomic_store(&overlay->count, 0);
}

struct overlay_block *overlay_find(const struct overlay *overlay, uint64_t block)
{
	struct overlay_block *entry = overlay->chains[overlay_chain(overlay, block)];

	while (entry && entry->block != block)
		entry = entry->next;
	return entry;
}

/* Twice as many chains; without memory for that the chains just get longer. */
static void overlay_grow(struct overlay *overlay)
{
	struct overlay bigger = {.chain_count = overlay->chain_count * 2};

	bigger.chains = calloc(bigger.chain_count, sizeof(*bigger.chains));
	if (!bigger.chains)
		return;
	for (size_t i = 0; i < overlay->chain_count; i++) {
		struct overlay_block *entry = overlay->chains[i];

		while (entry) {
			struct overlay_block *next = entry->next;
			size_t chain = overlay_chain(&bigger, entry->block);

			entry->next = bigger.chains[chain];
			bigger.chains[chain] = entry;
			entry = next;
		}
	}
	free(overlay->chains);
	overlay->chains = bigger.chains;
	overlay->chain_count = bigger.chain_count;
}

struct overlay_block *overlay_add(struct overlay *overlay, uint64_t block)
{
	struct overlay_block *entry = malloc(sizeof(*entry));
	size_t chain;

	if (!entry)
		return NULL;
	if (atomic_load_explicit(&overlay->count, memory_order_relaxed) >= overlay->chain_count)
		overlay_grow(overlay);
	chain = overlay_chain(overlay, block);
	entry->block = block;
	entry->last_lsn = 0;
	entry->next = overlay->chains[chain];
	overlay->chains[chain] = entry;
	atomic_fetch_add_explicit(&overlay->count, 1, memory_order_relaxed);
	return entry;
}

void overlay_remove(struct overlay *overlay, uint64_t block)
{
	struct overlay_block **link = &overlay->chains[overlay_chain(overlay, block)];

	while (*link) {
		struct overlay_block *entry = *link;

		if (entry->block == block) {
			*link = entry->next;
			free(entry);
			atomic_fetch_sub_explicit(&overlay->count, 1, memory_order_relaxed);
			return;
		}
		link = &entry->next;
	}
}

void overlay_drop_applied(struct overlay *overlay, uint64_t lsn)
{
	for (size_t i = 0; i < overlay->chain_count; i++) {
		struct overlay_block **link = &overlay->chains[i];

		while (*link) {
			struct overlay_block *entry = *link;

			if (entry->last_lsn > lsn) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			free(entry);
			atomic_fetch_sub_explicit(&overlay->count, 1, memory_order_relaxed);
		}
	}
}
