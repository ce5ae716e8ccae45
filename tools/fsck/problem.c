/* The table of what can be wrong with an image. */
#include "fsck.h"

#define SHOWN_OF_EACH_KIND 100u

enum severity {
	DAMAGE,
	MENDED, /* the next mount mends it by itself */
};

struct problem_row {
	enum severity severity;
	/* Takes up to three unsigned long longs, in the order given. */
	const char *text;
};

static const struct problem_row rows[PROBLEM_KINDS] = {
    [PROBLEM_SLOT] = {MENDED, "superblock slot %llu is damaged (the next mount writes it anew)"},
    [PROBLEM_SLOT_FIELDS] = {DAMAGE,
			     "superblock slot %llu: the field at byte %llu has a value that cannot be"},
    [PROBLEM_FAILED] =
	{MENDED, "a sync failed while this image was mounted (the next mount recovers to the last good one)"},
    [PROBLEM_ROOTS] = {DAMAGE, "block %llu: the roots block is damaged"},
    [PROBLEM_ROOTS_FIELDS] = {DAMAGE, "roots block: the field at byte %llu has a value that cannot be"},
    [PROBLEM_ZONES] = {DAMAGE, "roots block: says %llu zones, but the image has room for at most %llu"},
    [PROBLEM_ROOT] = {DAMAGE, "tree %llu: its root (block %llu, level %llu) cannot be"},
    [PROBLEM_UNUSED_TREE] = {DAMAGE, "tree %llu holds items, but this version uses none there"},
    [PROBLEM_MAP] = {DAMAGE, "block %llu: the map of zone %llu is damaged"},
    [PROBLEM_MAP_FIELDS] = {DAMAGE, "map of zone %llu: the field at byte %llu has a value that cannot be"},
    [PROBLEM_GROUP_TYPE] = {DAMAGE, "map of zone %llu: group %llu has type %llu, which does not exist"},
    [PROBLEM_GROUP_NONE] = {DAMAGE, "map of zone %llu: group %llu has no type, but %llu blocks in use"},
    [PROBLEM_MAP_PAST_END] = {DAMAGE, "map of zone %llu: %llu blocks in use lie past the end of the image"},
    [PROBLEM_MAP_SELF] = {DAMAGE, "map of zone %llu: block %llu (a map or the roots) is not marked in use"},
    [PROBLEM_NODE] = {DAMAGE, "tree %llu: the node in block %llu is damaged or cannot be read"},
    [PROBLEM_NODE_FIELDS] = {DAMAGE,
			     "tree %llu: node %llu: the field at byte %llu has a value that cannot be"},
    [PROBLEM_NODE_LEVEL] = {DAMAGE, "tree %llu: node %llu has level %llu, which is not its place"},
    [PROBLEM_NODE_KEYS] = {DAMAGE, "tree %llu: node %llu: the key of slot %llu is out of order"},
    [PROBLEM_NODE_CHILD] = {DAMAGE, "tree %llu: node %llu: slot %llu holds no child"},
    [PROBLEM_NODE_BIRTH] = {DAMAGE, "tree %llu: node %llu: its birth is %llu, which its parent does not say"},
    [PROBLEM_BLOCK_RANGE] = {DAMAGE, "blocks %llu..%llu are used, but no file or tree may have them"},
    [PROBLEM_BLOCK_FREE] = {DAMAGE, "blocks %llu..%llu are used, but marked free"},
    [PROBLEM_BLOCK_GROUP] = {DAMAGE, "blocks %llu..%llu are used, but their group is not of type %llu"},
    [PROBLEM_BLOCK_TWICE] = {DAMAGE, "blocks %llu..%llu belong to more than one owner"},
    [PROBLEM_ITEM_TYPE] = {DAMAGE, "object %llu: an item of type %llu (offset %llu), which does not exist"},
    [PROBLEM_ITEM_SIZE] = {DAMAGE, "object %llu: the item of type %llu has %llu bytes, which cannot be"},
    [PROBLEM_ITEM_STRAY] = {DAMAGE,
			    "object %llu: the item of type %llu (offset %llu) has no inode that could "
			    "have it"},
    [PROBLEM_INODE_NUMBER] = {DAMAGE, "inode %llu: its number was never given out (the next one is %llu)"},
    [PROBLEM_INODE_MODE] = {DAMAGE, "inode %llu: mode %llo is no file's"},
    [PROBLEM_INODE_SIZE] = {DAMAGE, "inode %llu: size %llu cannot be"},
    [PROBLEM_INODE_TIME] = {DAMAGE, "inode %llu: a time has %llu nanoseconds"},
    [PROBLEM_INODE_PARENT] = {DAMAGE, "inode %llu: parent %llu cannot be"},
    [PROBLEM_INODE_RESERVED] = {DAMAGE, "inode %llu: the reserved field at byte %llu is not zero"},
    [PROBLEM_INODE_BLOCKS] = {DAMAGE, "inode %llu: says that it has %llu blocks, but has %llu"},
    [PROBLEM_INODE_XATTRS] = {DAMAGE, "inode %llu: says that it has %llu xattrs, but has %llu"},
    [PROBLEM_SYMLINK_PIECES] = {DAMAGE,
				"inode %llu: a symlink of %llu bytes, but its pieces hold %llu, or are "
				"not in order"},
    [PROBLEM_XATTR] = {DAMAGE, "inode %llu: xattrs of hash %016llx: damaged at byte %llu"},
    [PROBLEM_XATTR_HASH] = {DAMAGE, "inode %llu: xattrs of hash %016llx: a name whose hash is %016llx"},
    [PROBLEM_XATTR_TWICE] = {DAMAGE, "inode %llu: xattrs of hash %016llx: the same name twice"},
    [PROBLEM_VALUE_PIECES] = {DAMAGE,
			      "xattr value %llu: its piece %llu is not in order, or has a wrong size"},
    [PROBLEM_VALUE_LOST] = {DAMAGE, "xattr value %llu: %llu bytes belong here, but there are none"},
    [PROBLEM_VALUE_STRAY] = {DAMAGE, "xattr value %llu: %llu bytes that belong to no xattr"},
    [PROBLEM_VALUE_LENGTH] = {DAMAGE,
			      "xattr value %llu: its xattr says %llu bytes, but there are %llu, or it "
			      "belongs to more than one"},
    [PROBLEM_EXTENT] = {DAMAGE,
			"inode %llu: the extent at block %llu: the field at byte %llu has a value that "
			"cannot be"},
    [PROBLEM_EXTENT_OVERLAP] = {DAMAGE, "inode %llu: the extent at block %llu overlaps the one before, which "
					"ends at %llu"},
    [PROBLEM_DIRENT] = {DAMAGE, "directory %llu: names of hash %llx: damaged at byte %llu"},
    [PROBLEM_DIRENT_HASH] = {DAMAGE, "directory %llu: names of hash %llx: a name whose hash is %llx"},
    [PROBLEM_DIRENT_TWICE] = {DAMAGE, "directory %llu: names of hash %llx: the same name twice (inode %llu)"},
    [PROBLEM_DIRENT_INDEX] = {DAMAGE,
			      "directory %llu: names of hash %llx: index %llu is too large or given twice"},
    [PROBLEM_DIRENT_TARGET] = {DAMAGE, "directory %llu: names of hash %llx: inode %llu does not exist"},
    [PROBLEM_DIRENT_TYPE] = {DAMAGE, "directory %llu: names of hash %llx: inode %llu has another type"},
    [PROBLEM_DIR_ENTRIES] = {DAMAGE, "directory %llu: says that it has %llu entries, but has %llu"},
    [PROBLEM_DIR_NLINK] = {DAMAGE, "directory %llu: has %llu links, but should have %llu"},
    [PROBLEM_DIR_NAMES] = {DAMAGE, "directory %llu: has %llu names"},
    [PROBLEM_DIR_PARENT] = {DAMAGE, "directory %llu: is found in %llu, but says that its parent is %llu"},
    [PROBLEM_DIR_LOOP] = {DAMAGE, "directory %llu: cannot be reached from the root"},
    [PROBLEM_NO_ROOT] = {DAMAGE, "there is no root directory"},
    [PROBLEM_NLINK] = {DAMAGE, "inode %llu: has %llu links, but %llu names"},
    [PROBLEM_ORPHAN] = {DAMAGE, "inode %llu: has no links, but is not listed as an orphan"},
    [PROBLEM_ORPHAN_LINKED] = {DAMAGE, "orphan %llu: still has %llu links"},
    [PROBLEM_ORPHAN_MISSING] = {DAMAGE, "orphan %llu: there is no such inode"},
    [PROBLEM_INTENT] = {DAMAGE, "the intent for inode %llu cannot be (kind %llu)"},
    [PROBLEM_LEAK_META] = {DAMAGE, "metadata blocks %llu..%llu are marked in use, but belong to no tree"},
    [PROBLEM_LEAK_DATA] = {DAMAGE, "data blocks %llu..%llu are marked in use, but belong to no file"},
    [PROBLEM_COUNT_INODES] = {DAMAGE, "roots block: says %llu inodes, but there are %llu"},
    [PROBLEM_COUNT_DATA] = {DAMAGE, "roots block: says %llu data blocks, but there are %llu"},
    [PROBLEM_COUNT_META] = {DAMAGE, "roots block: says %llu tree nodes, but there are %llu"},
};

/* False: there were too many of this kind. */
static bool count_and_print(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, uint64_t c)
{
	const struct problem_row *row = &rows[code];

	fsck->problems++;
	if (row->severity == MENDED)
		fsck->mended++;
	if (fsck->shown[code]++ >= SHOWN_OF_EACH_KIND)
		return false;
	printf("%s: ", fsck->path);
	printf(row->text, (unsigned long long)a, (unsigned long long)b, (unsigned long long)c);
	return true;
}

void problem_report(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, uint64_t c)
{
	if (count_and_print(fsck, code, a, b, c))
		putchar('\n');
}

void problem_report_block(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b)
{
	if (count_and_print(fsck, code, a, b, 0))
		printf(" (%s)\n", image_damage(fsck->image));
}

void problem_print_rest(const struct fsck *fsck)
{
	for (unsigned code = 0; code < PROBLEM_KINDS; code++) {
		if (fsck->shown[code] <= SHOWN_OF_EACH_KIND)
			continue;
		printf("%s: %llu more like: ", fsck->path,
		       (unsigned long long)(fsck->shown[code] - SHOWN_OF_EACH_KIND));
		for (const char *at = rows[code].text; *at; at++) {
			if (*at != '%') {
				putchar(*at);
				continue;
			}
			/* "%llu", "%016llx": the letters end it. */
			putchar('N');
			at++;
			while (*at >= '0' && *at <= '9')
				at++;
			at += 2;
		}
		putchar('\n');
	}
}
