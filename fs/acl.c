/* See acl.h. */
#include "acl.h"
#include "flags.h"
#include "owner.h"

#include <errno.h>
#include <string.h>

#define ACL_VERSION 2u
#define NO_ID	    UINT32_MAX

/* The encoding, which is the kernel's. */
struct acl_header_wire {
	le32 version;
};
struct acl_entry_wire {
	le16 tag, bits;
	le32 id;
};
static_assert(sizeof(struct acl_entry_wire) == 8, "the kernel's");
static_assert(sizeof(struct acl_header_wire) + ACL_ENTRIES * sizeof(struct acl_entry_wire) <= ACL_BYTES_MAX,
	      "room");

/* ---- the encoding ---- */

/* May an entry of this kind stand behind one of kind `before` (0: first)? */
static bool may_follow(uint16_t before, uint16_t tag)
{
	switch (tag) {
	case ACL_USER_OBJ:
		return before == 0;
	case ACL_USER:
	case ACL_GROUP_OBJ:
		return before == ACL_USER_OBJ || before == ACL_USER;
	case ACL_GROUP:
	case ACL_MASK:
		return before == ACL_GROUP_OBJ || before == ACL_GROUP;
	case ACL_OTHER:
		return before == ACL_GROUP_OBJ || before == ACL_MASK;
	default:
		return false;
	}
}

static bool acl_valid(const struct acl *acl)
{
	uint16_t before = 0;
	bool named = false;
	for (size_t i = 0; i < acl->count; i++) {
		const struct acl_entry *entry = &acl->entries[i];
		bool has_id = entry->tag == ACL_USER || entry->tag == ACL_GROUP;
		if (!may_follow(before, entry->tag) || entry->bits > 7 || (has_id && entry->id == NO_ID))
			return false;
		/* Named entries need a mask. */
		named = named || has_id;
		if (entry->tag == ACL_OTHER && named && before != ACL_MASK)
			return false;
		before = entry->tag;
	}
	return before == ACL_OTHER;
}

int acl_decode(const void *bytes, size_t length, struct acl *ret_acl)
{
	struct acl_header_wire header;
	const uint8_t *from = bytes;
	struct acl acl;
	if (length > ACL_BYTES_MAX)
		return -E2BIG;
	if (length < sizeof(header) || (length - sizeof(header)) % sizeof(struct acl_entry_wire))
		return -EINVAL;
	memcpy(&header, from, sizeof(header));
	if (le32_get(header.version) != ACL_VERSION)
		return -EOPNOTSUPP;
	acl.count = (length - sizeof(header)) / sizeof(struct acl_entry_wire);
	for (size_t i = 0; i < acl.count; i++) {
		struct acl_entry_wire wire;
		memcpy(&wire, from + sizeof(header) + i * sizeof(wire), sizeof(wire));
		acl.entries[i] = (struct acl_entry){
		    .tag = le16_get(wire.tag), .bits = le16_get(wire.bits), .id = le32_get(wire.id)};
	}
	if (!acl_valid(&acl))
		return -EINVAL;
	memcpy(ret_acl, &acl, offsetof(struct acl, entries) + acl.count * sizeof(*acl.entries));
	return 0;
}

int fs_check_acl(const void *value, size_t length)
{
	struct acl acl;
	return acl_decode(value, length, &acl);
}

size_t acl_encode(const struct acl *acl, uint8_t *bytes)
{
	struct acl_header_wire header = {.version = le32_of(ACL_VERSION)};
	size_t length = sizeof(header);
	memcpy(bytes, &header, sizeof(header));
	for (size_t i = 0; i < acl->count; i++) {
		const struct acl_entry *entry = &acl->entries[i];
		bool has_id = entry->tag == ACL_USER || entry->tag == ACL_GROUP;
		struct acl_entry_wire wire = {.tag = le16_of(entry->tag),
					      .bits = le16_of(entry->bits),
					      .id = le32_of(has_id ? entry->id : NO_ID)};
		memcpy(bytes + length, &wire, sizeof(wire));
		length += sizeof(wire);
	}
	return length;
}

/* ---- ACL and mode ---- */

/* The entry that the mode's bits at `shift` stand for; the group's are the mask if there is one. */
static struct acl_entry *entry_of(struct acl *acl, unsigned shift)
{
	struct acl_entry *found = NULL;
	for (size_t i = 0; i < acl->count; i++) {
		uint16_t tag = acl->entries[i].tag;
		if ((shift == 6 && tag == ACL_USER_OBJ) || (shift == 0 && tag == ACL_OTHER) ||
		    (shift == 3 && (tag == ACL_GROUP_OBJ || tag == ACL_MASK)))
			found = &acl->entries[i];
	}
	return found;
}

static const unsigned shifts[] = {6, 3, 0};

/* Only base entries: no named ones, no mask. */
static bool is_minimal(const struct acl *acl)
{
	return acl->count == 3;
}

bool acl_to_mode(const struct acl *acl, uint32_t *mode)
{
	struct acl copy = *acl;
	for (size_t i = 0; i < 3; i++)
		*mode =
		    (*mode & ~(7u << shifts[i])) | ((uint32_t)entry_of(&copy, shifts[i])->bits << shifts[i]);
	return is_minimal(acl);
}

void acl_from_mode(struct acl *acl, uint32_t mode)
{
	for (size_t i = 0; i < 3; i++)
		entry_of(acl, shifts[i])->bits = (mode >> shifts[i]) & 7;
}

bool acl_restrict(struct acl *acl, uint32_t *mode)
{
	for (size_t i = 0; i < 3; i++)
		entry_of(acl, shifts[i])->bits &= *mode >> shifts[i];
	return acl_to_mode(acl, mode);
}

/* ---- stored ones ---- */

/* The inode is locked, the tree for reading. -ENODATA, -EUCLEAN. */
static int acl_load(struct fs *fs, const struct inode *inode, const char *name, struct acl *ret_acl)
{
	uint8_t bytes[ACL_BYTES_MAX];
	size_t length;
	int result = xattr_get(fs, inode, name, bytes, sizeof(bytes), &length);
	if (!result)
		result = acl_decode(bytes, length, ret_acl);
	if (!result || result == -ENODATA || result == -EUCLEAN)
		return result;
	if (result == -ERANGE || result == -EINVAL || result == -EOPNOTSUPP || result == -E2BIG)
		return image_damaged(fs->image, "inode %llu: %s is not an ACL",
				     (unsigned long long)inode->number, name);
	return result;
}

int fs_get_acl(struct fs *fs, uint64_t number, bool of_new, void *value, size_t room, size_t *ret_length)
{
	if (!fs->options.acl)
		return -EOPNOTSUPP;
	struct inode inode;
	struct acl acl;
	inode_lock_shared(fs, number);
	image_read_lock(fs->image);
	int result = inode_load(fs, number, &inode);
	if (!result)
		result = acl_load(fs, &inode, of_new ? ACL_DEFAULT : ACL_ACCESS, &acl);
	image_read_unlock(fs->image);
	inode_unlock(fs, number);
	if (result)
		return result;
	uint8_t bytes[ACL_BYTES_MAX];
	size_t length = acl_encode(&acl, bytes);
	if (room && length > room)
		return -ERANGE;
	if (room)
		memcpy(value, bytes, length);
	*ret_length = length;
	return 0;
}

/* What fs_set_acl is to do. */
struct acl_setting {
	bool of_new, keep_setgid;
	const struct acl *acl; /* NULL: remove it */
};

/* Inode and tree are locked. -ENODATA: nothing is to be done. */
static int plan_setting(struct fs *fs, const struct acl_setting *setting, struct inode *inode,
			struct acl_update *update)
{
	const char *name = setting->of_new ? ACL_DEFAULT : ACL_ACCESS;
	bool store = setting->acl;
	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	if (setting->of_new && !S_ISDIR(inode->mode))
		return store ? -EACCES : -ENODATA;
	int result = flags_check_xattr(inode);
	if (result)
		return result;
	if (store && !setting->of_new) {
		store = !acl_to_mode(setting->acl, &inode->mode);
		if (!setting->keep_setgid)
			inode->mode &= ~(uint32_t)S_ISGID;
		inode->mode = owner_restrict_mode(fs, inode->mode);
	}
	update->change = (struct xattr_change){.value = update->bytes, .removal = !store};
	if (store)
		update->change.length = acl_encode(setting->acl, update->bytes);
	result = xattr_plan(fs, inode, name, 0, &update->change);
	update->needed = !result;
	/* Nothing to remove, but a mode to set. */
	return result == -ENODATA && setting->acl ? 0 : result;
}

static int store_setting(struct fs *fs, struct inode *inode, struct acl_update *update)
{
	struct txn *txn;
	unsigned changes = update->needed ? xattr_change_count(&update->change) : 0;
	int result = txn_begin(fs->image, changes + 1, update->change.removal ? TXN_RELEASES : 0, &txn);
	if (result)
		return result;
	if (update->needed)
		result = xattr_make(txn, &update->change);
	inode->ctime = inode_now();
	if (!result)
		result = inode_store(txn, inode);
	if (!result)
		return txn_commit(txn, NULL);
	txn_abort(txn);
	return result;
}

int fs_set_acl(struct fs *fs, uint64_t number, bool of_new, const void *value, size_t length,
	       bool keep_setgid)
{
	struct acl acl = {.count = 0};
	struct acl_setting setting = {
	    .of_new = of_new, .keep_setgid = keep_setgid, .acl = length ? &acl : NULL};
	if (!fs->options.acl)
		return -EOPNOTSUPP;
	if (fs->options.read_only)
		return -EROFS;
	int result = length ? acl_decode(value, length, &acl) : 0;
	if (result)
		return result;
	struct acl_update update = {.needed = false};
	struct inode inode;
	inode_lock(fs, number);
	image_read_lock(fs->image);
	result = inode_load(fs, number, &inode);
	if (!result)
		result = plan_setting(fs, &setting, &inode, &update);
	image_read_unlock(fs->image);
	if (!result)
		result = store_setting(fs, &inode, &update);
	inode_unlock(fs, number);
	return result == -ENODATA ? 0 : result;
}

/* ---- chmod ---- */

int acl_plan_chmod(struct fs *fs, struct inode *inode, uint32_t mode, struct acl_update *ret_update)
{
	struct acl acl;
	ret_update->needed = false;
	if (!inode->xattrs || S_ISLNK(inode->mode))
		return 0;
	int result = acl_load(fs, inode, ACL_ACCESS, &acl);
	if (result)
		return result == -ENODATA ? 0 : result;
	acl_from_mode(&acl, mode);
	ret_update->change =
	    (struct xattr_change){.value = ret_update->bytes, .length = acl_encode(&acl, ret_update->bytes)};
	ret_update->needed = true;
	return xattr_plan(fs, inode, ACL_ACCESS, 0, &ret_update->change);
}

/* ---- inheritance ---- */

static unsigned changes_for(size_t length)
{
	return length ? 1 + xattr_piece_count(1, length) : 0;
}

static int load_default(struct fs *fs, uint64_t directory, struct acl *ret_acl)
{
	struct inode parent;
	image_read_lock(fs->image);
	int result = inode_load(fs, directory, &parent);
	if (!result)
		result = acl_load(fs, &parent, ACL_DEFAULT, ret_acl);
	image_read_unlock(fs->image);
	return result;
}

int acl_plan_inheritance(struct fs *fs, const struct fs_caller *caller, uint64_t directory,
			 struct inode *inode, struct acl_inherited *ret_inherited)
{
	struct acl acl;
	ret_inherited->changes = 0;
	ret_inherited->access_length = ret_inherited->default_length = 0;
	if (!fs->options.acl || S_ISLNK(inode->mode))
		return 0;
	int result = load_default(fs, directory, &acl);
	if (result == -ENODATA) {
		inode->mode &= ~(caller->umask & 0777u);
		return 0;
	}
	if (result)
		return result;
	if (S_ISDIR(inode->mode))
		ret_inherited->default_length = acl_encode(&acl, ret_inherited->default_bytes);
	if (!acl_restrict(&acl, &inode->mode))
		ret_inherited->access_length = acl_encode(&acl, ret_inherited->access_bytes);
	ret_inherited->changes =
	    changes_for(ret_inherited->default_length) + changes_for(ret_inherited->access_length);
	return 0;
}

static int add(struct txn *txn, struct fs *fs, struct inode *inode, const char *name, const uint8_t *bytes,
	       size_t length)
{
	struct xattr_change change = {.value = bytes, .length = length};
	if (!length)
		return 0;
	int result = xattr_plan(fs, inode, name, 0, &change);
	return result ? result : xattr_make(txn, &change);
}

int acl_inherit(struct txn *txn, struct fs *fs, struct inode *inode, const struct acl_inherited *inherited)
{
	int result = add(txn, fs, inode, ACL_ACCESS, inherited->access_bytes, inherited->access_length);
	if (result)
		return result;
	return add(txn, fs, inode, ACL_DEFAULT, inherited->default_bytes, inherited->default_length);
}
