/* The order of an entry's xattrs: a directory of the host or an image has them in any, and the same files are
 * to give the same archive. */
#include "tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct xattr {
	char *name;
	void *value;
	size_t length;
};

/* Backwards: libarchive writes what was added last first. */
static int compare(const void *left, const void *right)
{
	const struct xattr *a = left, *b = right;

	return strcmp(b->name, a->name);
}

static int take(struct archive_entry *entry, struct xattr *list, int count)
{
	const char *name;
	const void *value;
	size_t length;

	for (int i = 0; i < count && archive_entry_xattr_next(entry, &name, &value, &length) == ARCHIVE_OK;
	     i++) {
		list[i] = (struct xattr){strdup(name), malloc(length + 1), length};
		if (!list[i].name || !list[i].value)
			return -ENOMEM;
		if (length)
			memcpy(list[i].value, value, length);
	}
	return 0;
}

int tar_sort_xattrs(struct archive_entry *entry)
{
	int count = archive_entry_xattr_reset(entry);

	if (count < 2)
		return 0;
	struct xattr *list = calloc((size_t)count, sizeof(*list));
	int error = list ? take(entry, list, count) : -ENOMEM;
	if (!error) {
		qsort(list, (size_t)count, sizeof(*list), compare);
		archive_entry_xattr_clear(entry);
		for (int i = 0; i < count; i++)
			archive_entry_xattr_add_entry(entry, list[i].name, list[i].value, list[i].length);
	}
	for (int i = 0; list && i < count; i++) {
		free(list[i].name);
		free(list[i].value);
	}
	free(list);
	return error;
}
