/* What fsck remembers of each inode, and other lists that grow. */
#include "fsck.h"

#include <stdlib.h>

/* Room for one more in an array; false: no memory. */
static bool array_grow(struct fsck *fsck, void **array, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return true;
	size_t more = *capacity ? *capacity * 2 : 256;
	void *grown = reallocarray(*array, more, size);
	if (!grown) {
		fsck->out_of_memory = true;
		return false;
	}
	*array = grown;
	*capacity = more;
	return true;
}

bool inodes_add(struct fsck *fsck, const struct inode_note *note)
{
	void *array = fsck->inodes;

	if (fsck->inode_count && fsck->inodes[fsck->inode_count - 1].number >= note->number)
		return false;
	bool grown = array_grow(fsck, &array, fsck->inode_count, &fsck->inode_capacity, sizeof(*note));
	fsck->inodes = array;
	if (grown)
		fsck->inodes[fsck->inode_count++] = *note;
	return grown;
}

struct inode_note *inodes_find(const struct fsck *fsck, uint64_t number)
{
	size_t low = 0, high = fsck->inode_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (fsck->inodes[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < fsck->inode_count && fsck->inodes[low].number == number ? &fsck->inodes[low] : NULL;
}

void numbers_add(struct fsck *fsck, struct number_list *list, uint64_t number)
{
	void *array = list->numbers;
	bool grown = array_grow(fsck, &array, list->count, &list->capacity, sizeof(number));

	list->numbers = array;
	if (grown)
		list->numbers[list->count++] = number;
}

bool numbers_hold(const struct number_list *list, uint64_t number)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (list->numbers[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->count && list->numbers[low] == number;
}

void values_add(struct fsck *fsck, struct value_list *list, const struct value_note *note)
{
	void *array = list->notes;
	bool grown = array_grow(fsck, &array, list->count, &list->capacity, sizeof(*note));

	list->notes = array;
	if (grown)
		list->notes[list->count++] = *note;
}

void fixes_add(struct fsck *fsck, const struct fix *fix)
{
	struct fix_list *list = &fsck->fixes;
	void *array = list->fixes;
	bool grown = array_grow(fsck, &array, list->count, &list->capacity, sizeof(*fix));

	list->fixes = array;
	if (grown)
		list->fixes[list->count++] = *fix;
}

static int value_compare(const void *left, const void *right)
{
	const struct value_note *a = left, *b = right;

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

void values_sort(struct value_list *list)
{
	if (list->count)
		qsort(list->notes, list->count, sizeof(*list->notes), value_compare);
}
