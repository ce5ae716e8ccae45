/* Every item of the tree of files, in key order: all items of one inode come together, its own first. */
#include "fsck.h"

#include <string.h>

static struct object object; /* the one whose items go by now */

static void object_end(struct fsck *fsck)
{
	if (object.has_inode)
		inode_end(fsck, &object);
	if (object.value_pieces) {
		struct value_note note = {.object = object.number, .length = object.value_bytes};
		values_add(fsck, &fsck->values_found, &note);
	}
	object = (struct object){0};
}

static void orphan_item(struct fsck *fsck, struct key key, size_t size)
{
	if (size)
		problem_report(fsck, PROBLEM_ITEM_SIZE, key.object, key.type, size);
	numbers_add(fsck, &fsck->orphans, key.offset);
}

static void intent_item(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size)
{
	struct intent_disk intent = {.kind = le32_of(0)};

	if (size != sizeof(intent) && size != INTENT_BYTES_OLD) {
		problem_report(fsck, PROBLEM_ITEM_SIZE, key.object, key.type, size);
		return;
	}
	memcpy(&intent, bytes, size);
	if (le32_get(intent.kind) != INTENT_TRUNCATE || le32_get(intent.reserved) ||
	    le64_get(intent.first_block) > FILE_BLOCKS_MAX)
		problem_report(fsck, PROBLEM_INTENT, key.offset, le32_get(intent.kind), 0);
	else
		numbers_add(fsck, &fsck->intents, key.offset);
}

static void symlink_item(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size)
{
	if ((object.mode & 0170000) != 0120000) {
		problem_report(fsck, PROBLEM_ITEM_KIND, key.object, key.type, key.offset);
		return;
	}
	/* Only the last piece may be shorter: none may follow such a one. */
	if (key.offset != object.symlink_pieces || object.symlink_bytes != key.offset * SYMLINK_PIECE ||
	    size == 0 || size > SYMLINK_PIECE || memchr(bytes, 0, size))
		object.symlink_bad = true;
	object.symlink_pieces++;
	object.symlink_bytes += size;
}

static void inline_item(struct fsck *fsck, struct key key, size_t size)
{
	if ((object.mode & 0170000) != 0100000)
		problem_report(fsck, PROBLEM_ITEM_KIND, key.object, key.type, key.offset);
	else if (key.offset)
		problem_report(fsck, PROBLEM_ITEM_TYPE, key.object, key.type, key.offset);
	else if (size == 0 || size > INLINE_MAX)
		problem_report(fsck, PROBLEM_ITEM_SIZE, key.object, key.type, size);
	else
		object.inline_bytes = size;
}

static void other_item(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size)
{
	switch (key.type) {
	case ITEM_SYMLINK:
		symlink_item(fsck, key, bytes, size);
		return;
	case ITEM_XATTR:
		xattr_item(fsck, &object, key, bytes, size);
		return;
	case ITEM_DIRENT:
		dirent_item(fsck, &object, key, bytes, size);
		return;
	case ITEM_INLINE:
		inline_item(fsck, key, size);
		return;
	case ITEM_EXTENT:
		extent_item(fsck, &object, key, bytes, size);
		return;
	default:
		problem_report(fsck, PROBLEM_ITEM_TYPE, key.object, key.type, key.offset);
	}
}

static void item_visit(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size)
{
	if (key.object != object.number) {
		object_end(fsck);
		object.number = key.object;
		if (key.object < INODE_LIMIT)
			fsck->greatest = key.object;
	}
	if (key.object == ORPHAN_OBJECT) {
		if (key.type == ITEM_ORPHAN)
			orphan_item(fsck, key, size);
		else if (key.type == ITEM_INTENT)
			intent_item(fsck, key, bytes, size);
		else
			problem_report(fsck, PROBLEM_ITEM_TYPE, key.object, key.type, key.offset);
		return;
	}
	if (key.type == ITEM_INODE)
		inode_item(fsck, &object, key, bytes, size);
	else if (key.type == ITEM_XATTR_VALUE)
		xattr_value_item(fsck, &object, key, size);
	else if (object.has_inode)
		other_item(fsck, key, bytes, size);
	else if (fsck_complete(fsck)) /* the inode may stand where nobody could read it */
		problem_report(fsck, PROBLEM_ITEM_STRAY, key.object, key.type, key.offset);
}

/* Items of trees that this version does not use: said by super_check; only their nodes are looked at. */
static void ignored_visit(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size)
{
	(void)fsck, (void)key, (void)bytes, (void)size;
}

uint64_t items_check(struct fsck *fsck)
{
	uint64_t before = fsck->problems;

	if (!fsck->roots) {
		fsck->incomplete = true;
		return 0;
	}
	object = (struct object){0};
	walk_nodes(fsck, TREE_FILES, true, item_visit);
	object_end(fsck);
	if (fsck->greatest >= fsck->next_inode)
		problem_report(fsck, PROBLEM_NEXT_INODE, fsck->greatest, fsck->next_inode, 0);
	for (unsigned tree = TREE_FILES + 1; tree < TREE_COUNT; tree++)
		walk_nodes(fsck, tree, true, ignored_visit);
	if (fsck_complete(fsck))
		xattr_values_check(fsck);
	return fsck->problems - before;
}
