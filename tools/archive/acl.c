/* See acl.h. The value: a version, then entries of tag, permissions and id (linux/posix_acl_xattr.h). */
#include "acl.h"

#include "../../backend/le.h"

#include <archive.h>
#include <errno.h>
#include <grp.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define TAG_USER_OBJ  1u
#define TAG_USER      2u
#define TAG_GROUP_OBJ 4u
#define TAG_GROUP     8u
#define TAG_MASK      16u
#define TAG_OTHER     32u

struct acl_entry_value {
	le16 tag, permissions;
	le32 id;
};
#define HEADER_BYTES 4u

static const struct {
	unsigned tag;
	int archive_tag;
} tags[] = {
    {TAG_USER_OBJ, ARCHIVE_ENTRY_ACL_USER_OBJ},	  {TAG_USER, ARCHIVE_ENTRY_ACL_USER},
    {TAG_GROUP_OBJ, ARCHIVE_ENTRY_ACL_GROUP_OBJ}, {TAG_GROUP, ARCHIVE_ENTRY_ACL_GROUP},
    {TAG_MASK, ARCHIVE_ENTRY_ACL_MASK},		  {TAG_OTHER, ARCHIVE_ENTRY_ACL_OTHER},
};
#define TAG_COUNT (sizeof(tags) / sizeof(tags[0]))

static int type_of(bool of_new)
{
	return of_new ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
}

/* ---- to an archive ---- */

static int add_value(struct archive_entry *entry, bool of_new, const struct acl_entry_value *value)
{
	unsigned tag = le16_get(value->tag);
	bool named = tag == TAG_USER || tag == TAG_GROUP;

	for (size_t i = 0; i < TAG_COUNT; i++)
		if (tags[i].tag == tag &&
		    archive_entry_acl_add_entry(entry, type_of(of_new), le16_get(value->permissions) & 7,
						tags[i].archive_tag, named ? (int)le32_get(value->id) : -1,
						NULL) == 0)
			return 0;
	return -EINVAL;
}

int acl_to_entry(struct archive_entry *entry, bool of_new, const void *value, size_t length)
{
	struct acl_entry_value one;
	le32 version;

	if (length < HEADER_BYTES || (length - HEADER_BYTES) % sizeof(one))
		return -EINVAL;
	memcpy(&version, value, sizeof(version));
	if (le32_get(version) != POSIX_ACL_XATTR_VERSION)
		return -EINVAL;
	for (size_t at = HEADER_BYTES; at < length; at += sizeof(one)) {
		memcpy(&one, (const uint8_t *)value + at, sizeof(one));
		int error = add_value(entry, of_new, &one);
		if (error)
			return error;
	}
	return 0;
}

/* ---- from an archive ---- */

/* A number as a name is that number. */
static int find_id(bool group, const char *name, uint32_t *ret_id)
{
	char *end;

	if (!name || !*name)
		return -EINVAL;
	unsigned long number = strtoul(name, &end, 10);
	if (*name >= '0' && *name <= '9' && !*end && number < UINT32_MAX) {
		*ret_id = (uint32_t)number;
		return 0;
	}
	const struct group *of_group = group ? getgrnam(name) : NULL;
	const struct passwd *of_user = group ? NULL : getpwnam(name);
	if (!of_group && !of_user)
		return -ENOENT;
	*ret_id = of_group ? of_group->gr_gid : of_user->pw_uid;
	return 0;
}

static int make_value(int archive_tag, int permissions, int id, const char *name,
		      struct acl_entry_value *ret_value)
{
	uint32_t found = (uint32_t)id;
	int error = 0;

	for (size_t i = 0; i < TAG_COUNT; i++) {
		if (tags[i].archive_tag != archive_tag)
			continue;
		if (tags[i].tag != TAG_USER && tags[i].tag != TAG_GROUP)
			found = (uint32_t)ACL_UNDEFINED_ID;
		else if (id == -1)
			error = find_id(tags[i].tag == TAG_GROUP, name, &found);
		if (error)
			return error;
		*ret_value = (struct acl_entry_value){le16_of((uint16_t)tags[i].tag),
						      le16_of((uint16_t)(permissions & 7)), le32_of(found)};
		return 0;
	}
	return -EINVAL;
}

/* In the order that the kernel wants them in. */
static int compare(const void *left, const void *right)
{
	const struct acl_entry_value *a = left, *b = right;
	uint64_t one = (uint64_t)le16_get(a->tag) << 32 | le32_get(a->id);
	uint64_t other = (uint64_t)le16_get(b->tag) << 32 | le32_get(b->id);

	return one < other ? -1 : one > other;
}

int acl_of_entry(struct archive_entry *entry, bool of_new, void *value, size_t *ret_length)
{
	static struct acl_entry_value
	    entries[(ACL_BYTES_MAX - HEADER_BYTES) / sizeof(struct acl_entry_value)];
	const le32 version = le32_of(POSIX_ACL_XATTR_VERSION);
	int type, permissions, tag, id;
	const char *name;
	size_t count = 0;
	bool more = of_new; /* than the mode says */

	*ret_length = 0;
	if (!(archive_entry_acl_types(entry) & type_of(of_new)))
		return 0;
	archive_entry_acl_reset(entry, type_of(of_new));
	while (archive_entry_acl_next(entry, type_of(of_new), &type, &permissions, &tag, &id, &name) ==
	       ARCHIVE_OK) {
		if (count == sizeof(entries) / sizeof(entries[0]))
			return -E2BIG;
		int error = make_value(tag, permissions, id, name, &entries[count++]);
		if (error)
			return error;
		more |= tag != ARCHIVE_ENTRY_ACL_USER_OBJ && tag != ARCHIVE_ENTRY_ACL_GROUP_OBJ &&
			tag != ARCHIVE_ENTRY_ACL_OTHER;
	}
	if (!count || !more)
		return 0;
	qsort(entries, count, sizeof(entries[0]), compare);
	memcpy(value, &version, sizeof(version));
	memcpy((uint8_t *)value + HEADER_BYTES, entries, count * sizeof(entries[0]));
	*ret_length = HEADER_BYTES + count * sizeof(entries[0]);
	return 0;
}
