/* Directory items: names with the same hash share one. */
#include "fsck.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

bool dirent_next(const uint8_t *bytes, size_t size, size_t *at, struct dirent_disk *ret_entry,
		 const char **ret_name)
{
	if (*at == size)
		return false;
	if (size - *at < sizeof(*ret_entry)) {
		*at = size + 1;
		return false;
	}
	memcpy(ret_entry, bytes + *at, sizeof(*ret_entry));
	*at += sizeof(*ret_entry);
	if (size - *at < ret_entry->name_length) {
		*at = size + 1;
		return false;
	}
	*ret_name = (const char *)bytes + *at;
	*at += ret_entry->name_length;
	return true;
}

bool dirent_name_possible(const char *name, size_t length)
{
	if (length == 0 || memchr(name, '/', length) || memchr(name, 0, length))
		return false;
	return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

static bool type_known(uint8_t type)
{
	switch (type) {
	case DT_REG:
	case DT_DIR:
	case DT_LNK:
	case DT_CHR:
	case DT_BLK:
	case DT_FIFO:
	case DT_SOCK:
		return true;
	default:
		return false;
	}
}

bool dirent_again(const uint8_t *bytes, size_t size, size_t at, const char *name, size_t length)
{
	struct dirent_disk entry;
	const char *other;

	while (dirent_next(bytes, size, &at, &entry, &other))
		if (entry.name_length == length && !memcmp(other, name, length))
			return true;
	return false;
}

bool dirent_next_possible(const struct dirent_disk *entry)
{
	uint16_t next = le16_get(entry->next_index);

	return !next || (next > le16_get(entry->index) && next <= DIRENT_INDEX_LIMIT);
}

static void entry_check(struct fsck *fsck, struct key key, const struct dirent_disk *entry, const char *name,
			size_t start, uint32_t least_index)
{
	uint64_t hash = image_hash(fsck->image, name, entry->name_length) >> 16;
	uint16_t index = le16_get(entry->index);

	if (!dirent_name_possible(name, entry->name_length) || !type_known(entry->type) ||
	    le16_get(entry->reserved))
		problem_report(fsck, PROBLEM_DIRENT, key.object, key.offset, start);
	if (hash != key.offset)
		problem_report(fsck, PROBLEM_DIRENT_HASH, key.object, key.offset, hash);
	if (index >= DIRENT_INDEX_LIMIT || index < least_index)
		problem_report(fsck, PROBLEM_DIRENT_INDEX, key.object, key.offset, index);
	else if (!dirent_next_possible(entry))
		problem_report(fsck, PROBLEM_DIRENT_INDEX, key.object, key.offset,
			       le16_get(entry->next_index));
}

void dirent_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size)
{
	struct dirent_disk entry;
	const char *name;
	size_t at = 0, start = 0;
	uint32_t least_index = 0;

	if (!S_ISDIR(object->mode)) {
		problem_report(fsck, PROBLEM_ITEM_KIND, key.object, key.type, key.offset);
		return;
	}
	while (dirent_next(bytes, size, &at, &entry, &name)) {
		entry_check(fsck, key, &entry, name, start, least_index);
		if (dirent_again(bytes, size, at, name, entry.name_length))
			problem_report(fsck, PROBLEM_DIRENT_TWICE, key.object, key.offset,
				       le64_get(entry.inode));
		object->entries++;
		object->subdirectories += entry.type == DT_DIR;
		least_index = le16_get(entry.index) + 1u;
		start = at;
	}
	if (size == 0 || at != size)
		problem_report(fsck, PROBLEM_DIRENT, key.object, key.offset, start);
}
