/* What has been seen already: files with several names, directories of a walk. */
#include "files.h"

#include <search.h>
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	const struct link_key *a = left, *b = right;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return 0;
}

struct link_entry *link_table_get(struct link_table *table, struct link_key key, bool *ret_added)
{
	struct link_entry **found = tfind(&key, &table->root, compare);

	*ret_added = !found;
	if (found)
		return *found;
	struct link_entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->key = key;
	if (!tsearch(entry, &table->root, compare)) {
		free(entry);
		return NULL;
	}
	return entry;
}

static void entry_free(void *entry)
{
	free(((struct link_entry *)entry)->text);
	free(entry);
}

void link_table_free(struct link_table *table)
{
	tdestroy(table->root, entry_free);
	table->root = NULL;
}
