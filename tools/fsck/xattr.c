/* Xattrs, and the pieces of large values, which stand under an object of their own. */
#include "fsck.h"

#include "../../fs/fs.h"

#include <stddef.h>
#include <string.h>

bool xattr_next(const uint8_t *bytes, size_t size, size_t *at, struct xattr_disk *ret_xattr,
		const char **ret_name)
{
	if (*at == size)
		return false;
	if (size - *at < sizeof(*ret_xattr)) {
		*at = size + 1;
		return false;
	}
	memcpy(ret_xattr, bytes + *at, sizeof(*ret_xattr));
	*at += sizeof(*ret_xattr);
	size_t follows = (size_t)ret_xattr->name_length + le16_get(ret_xattr->inline_length);
	if (size - *at < follows) {
		*at = size + 1;
		return false;
	}
	*ret_name = (const char *)bytes + *at;
	*at += follows;
	return true;
}

static bool is_acl(const char *name, size_t length)
{
	static const char prefix[] = "system.posix_acl_";
	return length > strlen(prefix) && !memcmp(name, prefix, strlen(prefix));
}

bool xattr_possible(const struct fsck *fsck, const struct xattr_disk *xattr, const char *name)
{
	uint64_t object = le64_get(xattr->value_object);
	uint32_t length = le32_get(xattr->value_length);

	if (xattr->reserved || xattr->name_length == 0 || memchr(name, 0, xattr->name_length) ||
	    length > FS_XATTR_SIZE_MAX)
		return false;
	if (object)
		return le16_get(xattr->inline_length) == 0 && length > 0 && object >= FIRST_INODE &&
		       object < fsck->next_inode;
	if (le16_get(xattr->inline_length) != length || length > XATTR_INLINE)
		return false;
	return !is_acl(name, xattr->name_length) || !fs_check_acl(name + xattr->name_length, length);
}

bool xattr_again(const uint8_t *bytes, size_t size, size_t at, const char *name, size_t length)
{
	struct xattr_disk xattr;
	const char *other;

	while (xattr_next(bytes, size, &at, &xattr, &other))
		if (xattr.name_length == length && !memcmp(other, name, length))
			return true;
	return false;
}

void xattr_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size)
{
	struct xattr_disk xattr;
	const char *name;
	size_t at = 0, start = 0;

	while (xattr_next(bytes, size, &at, &xattr, &name)) {
		uint64_t hash = image_hash(fsck->image, name, xattr.name_length);
		if (!xattr_possible(fsck, &xattr, name))
			problem_report(fsck, PROBLEM_XATTR, key.object, key.offset, start);
		if (hash != key.offset)
			problem_report(fsck, PROBLEM_XATTR_HASH, key.object, key.offset, hash);
		if (xattr_again(bytes, size, at, name, xattr.name_length))
			problem_report(fsck, PROBLEM_XATTR_TWICE, key.object, key.offset, 0);
		if (le64_get(xattr.value_object)) {
			struct value_note note = {.object = le64_get(xattr.value_object),
						  .length = le32_get(xattr.value_length),
						  .inode = key.object,
						  .hash = key.offset};
			values_add(fsck, &fsck->values_wanted, &note);
		}
		object->xattr_count++;
		start = at;
	}
	if (size == 0 || at != size)
		problem_report(fsck, PROBLEM_XATTR, key.object, key.offset, start);
}

void xattr_value_item(struct fsck *fsck, struct object *object, struct key key, size_t size)
{
	/* Only the last piece may be shorter: none may follow such a one. */
	if (key.offset != object->value_pieces || object->value_bytes != key.offset * XATTR_PIECE ||
	    size == 0 || size > XATTR_PIECE)
		problem_report(fsck, PROBLEM_VALUE_PIECES, key.object, key.offset, 0);
	object->value_pieces++;
	object->value_bytes += size;
}

/* What is wrong is the xattr's. */
static void at_xattr(struct fsck *fsck, const struct value_note *want)
{
	fsck->at.key = (struct key){.object = want->inode, .type = ITEM_XATTR, .offset = want->hash};
}

/* No pieces are left for this one: there were none, or an xattr before had the same number. */
static void value_lost(struct fsck *fsck, size_t index)
{
	const struct value_note *want = &fsck->values_wanted.notes[index];
	bool again = index > 0 && want[-1].object == want->object;

	at_xattr(fsck, want);
	problem_report(fsck, again ? PROBLEM_VALUE_LENGTH : PROBLEM_VALUE_LOST, want->object, want->length,
		       0);
}

static void value_stray(struct fsck *fsck, const struct value_note *have)
{
	fsck->at.key = (struct key){.object = have->object, .type = ITEM_XATTR_VALUE};
	problem_report(fsck, PROBLEM_VALUE_STRAY, have->object, have->length, 0);
}

void xattr_values_check(struct fsck *fsck)
{
	struct value_list *wanted = &fsck->values_wanted, *found = &fsck->values_found;
	size_t w = 0, f = 0;

	values_sort(wanted);
	values_sort(found); /* by key order already, unless the image is damaged */
	while (w < wanted->count && f < found->count) {
		const struct value_note *want = &wanted->notes[w], *have = &found->notes[f];
		if (want->object < have->object) {
			value_lost(fsck, w++);
		} else if (have->object < want->object) {
			value_stray(fsck, have);
			f++;
		} else {
			at_xattr(fsck, want);
			if (want->length != have->length || inodes_find(fsck, want->object))
				problem_report(fsck, PROBLEM_VALUE_LENGTH, want->object, want->length,
					       have->length);
			w++;
			f++;
		}
	}
	while (w < wanted->count)
		value_lost(fsck, w++);
	while (f < found->count)
		value_stray(fsck, &found->notes[f++]);
}
