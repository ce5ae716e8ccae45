/* The table of what can be wrong with an image, and what is done about it. */
#include "fsck.h"

#include "../common/progress.h"

#include <string.h>
#include <unistd.h>

#define SHOWN_OF_EACH_KIND 100u

struct problem_row {
	enum stage stage;
	bool safe; /* mending it loses nothing and guesses nothing: also for -p */
	/* NULL: done by opening the image for writing. */
	int (*fix)(struct fsck *fsck, const struct fix *fix);
	const char *done;
	/* Takes up to three unsigned long longs, in the order given. */
	const char *text;
};

#define SAFE   true
#define UNSAFE false

static const struct problem_row rows[PROBLEM_KINDS] = {
    [PROBLEM_JOURNAL] = {STAGE_OPEN, UNSAFE, NULL, "emptied", "the journal (block %llu) is damaged"},
    [PROBLEM_SLOT] = {STAGE_OPEN, SAFE, NULL, "written anew", "superblock slot %llu is damaged"},
    [PROBLEM_SLOT_FIELDS] = {STAGE_OPEN, SAFE, NULL, "written anew",
			     "superblock slot %llu: the field at byte %llu has a value that cannot be"},
    [PROBLEM_SLOT_NEWER] = {STAGE_OPEN, UNSAFE, NULL, "written anew from the older one",
			    "superblock slot %llu, the newer one, cannot be"},
    [PROBLEM_POSITION] = {STAGE_OPEN, UNSAFE, NULL, "counted anew",
			  "superblock slot %llu: no mount could go on from it"},
    [PROBLEM_FAILED] = {STAGE_OPEN, SAFE, NULL, "recovered to the last good sync",
			"a sync failed while this image was mounted"},
    [PROBLEM_ROOTS] = {STAGE_OPEN, UNSAFE, NULL, "made anew", "block %llu: the roots block is damaged"},
    [PROBLEM_ROOTS_FIELDS] = {STAGE_MAPS, SAFE, fix_roots, "corrected",
			      "roots block: the field at byte %llu has a value that cannot be"},
    [PROBLEM_ROOT] = {STAGE_MAPS, SAFE, fix_roots, "corrected",
		      "tree %llu: its root (block %llu, level %llu) cannot be"},
    [PROBLEM_UNUSED_TREE] = {STAGE_MAPS, UNSAFE, fix_tree, "emptied",
			     "tree %llu holds items, but this version uses none there"},
    [PROBLEM_SALVAGE] = {STAGE_SALVAGE, UNSAFE, fix_salvage, "put back",
			 "nodes were cut off from the tree of files, and what they hold is not back yet"},
    [PROBLEM_MAP] = {STAGE_OPEN, UNSAFE, NULL, "made anew", "block %llu: the map of zone %llu is damaged"},
    [PROBLEM_MAP_FIELDS] = {STAGE_MAPS, SAFE, fix_maps, "corrected",
			    "map of zone %llu: the field at byte %llu has a value that cannot be"},
    [PROBLEM_MAP_REBUILT] = {STAGE_MAPS, SAFE, fix_maps, "made anew",
			     "map of zone %llu: which blocks are in use has to be found out anew"},
    [PROBLEM_NODE] = {STAGE_CUT, UNSAFE, fix_cut, "cut off",
		      "tree %llu: the node in block %llu is damaged or cannot be read"},
    [PROBLEM_NODE_FIELDS] = {STAGE_CUT, UNSAFE, fix_cut, "cut off",
			     "tree %llu: node %llu: the field at byte %llu has a value that cannot be"},
    [PROBLEM_NODE_LEVEL] = {STAGE_CUT, UNSAFE, fix_cut, "cut off",
			    "tree %llu: node %llu has level %llu, which is not its place"},
    [PROBLEM_NODE_KEYS] = {STAGE_CUT, UNSAFE, fix_cut, "cut off",
			   "tree %llu: node %llu: the key of slot %llu is out of order"},
    [PROBLEM_NODE_BIRTH] = {STAGE_CUT, UNSAFE, fix_cut, "cut off",
			    "tree %llu: node %llu: its birth is %llu, which its parent does not say"},
    [PROBLEM_NODE_PLACE] = {STAGE_CUT, UNSAFE, fix_cut, "cut off",
			    "tree %llu: node %llu lies where none may be, or belongs to another node too"},
    [PROBLEM_BLOCK_FREE] = {STAGE_MAPS, SAFE, fix_maps, "marked in use",
			    "blocks %llu..%llu are used, but marked free"},
    [PROBLEM_BLOCK_GROUP] = {STAGE_MAPS, SAFE, fix_group, "corrected",
			     "blocks %llu..%llu are used, but their group is not of type %llu"},
    [PROBLEM_ITEM_TYPE] = {STAGE_INODES, UNSAFE, fix_delete, "removed",
			   "object %llu: an item of type %llu (offset %llu), which does not exist"},
    [PROBLEM_ITEM_SIZE] = {STAGE_INODES, UNSAFE, fix_delete, "removed",
			   "object %llu: the item of type %llu has %llu bytes, which cannot be"},
    [PROBLEM_ITEM_STRAY] = {STAGE_INODES, UNSAFE, fix_stray, "given an inode, or removed",
			    "object %llu: the item of type %llu (offset %llu) has no inode"},
    [PROBLEM_ITEM_KIND] = {STAGE_INODES, UNSAFE, fix_kind, "type of the file corrected, or removed",
			   "inode %llu: the item of type %llu (offset %llu) is none of such a file"},
    [PROBLEM_NEXT_INODE] = {STAGE_MAPS, SAFE, fix_roots, "counted as given out",
			    "number %llu is in use, but was never given out (the next one is %llu)"},
    [PROBLEM_INODE_NUMBER] = {STAGE_INODES, UNSAFE, fix_number, "removed",
			      "inode %llu: no inode may have this number"},
    [PROBLEM_INODE_MODE] = {STAGE_INODES, UNSAFE, fix_inode, "corrected",
			    "inode %llu: mode %llo is no file's"},
    [PROBLEM_INODE_SIZE] = {STAGE_INODES, UNSAFE, fix_inode, "corrected", "inode %llu: size %llu cannot be"},
    [PROBLEM_INODE_TIME] = {STAGE_INODES, SAFE, fix_inode, "corrected",
			    "inode %llu: a time has %llu nanoseconds"},
    [PROBLEM_INODE_PARENT] = {STAGE_INODES, SAFE, fix_inode, "corrected",
			      "inode %llu: parent %llu cannot be"},
    [PROBLEM_INODE_RESERVED] = {STAGE_INODES, SAFE, fix_inode, "corrected",
				"inode %llu: the reserved field at byte %llu is not zero"},
    [PROBLEM_INODE_INLINE] = {STAGE_INODES, UNSAFE, fix_inline, "made as long as what is there",
			      "inode %llu: %llu bytes of contents in the tree cannot be (size %llu)"},
    [PROBLEM_INLINE_LENGTH] = {STAGE_ITEMS, UNSAFE, fix_inline, "made as long as what is there",
			       "inode %llu: says that it has %llu bytes in the tree, but has %llu"},
    [PROBLEM_INLINE_BLOCKS] = {STAGE_ITEMS, UNSAFE, fix_inline, "those in the tree removed",
			       "inode %llu: has %llu bytes of contents in the tree, and %llu blocks too"},
    [PROBLEM_INODE_BLOCKS] = {STAGE_LINKS, SAFE, fix_count, "corrected",
			      "inode %llu: says that it has %llu blocks, but has %llu"},
    [PROBLEM_INODE_XATTRS] = {STAGE_LINKS, SAFE, fix_count, "corrected",
			      "inode %llu: says that it has %llu xattrs, but has %llu"},
    [PROBLEM_SYMLINK_PIECES] = {STAGE_ITEMS, UNSAFE, fix_symlink, "cut to what is there",
				"inode %llu: a symlink of %llu bytes, but its pieces hold %llu, or are "
				"not in order"},
    [PROBLEM_XATTR] = {STAGE_ITEMS, UNSAFE, fix_xattr, "removed",
		       "inode %llu: xattrs of hash %016llx: damaged at byte %llu"},
    [PROBLEM_XATTR_HASH] = {STAGE_ITEMS, UNSAFE, fix_xattr, "removed",
			    "inode %llu: xattrs of hash %016llx: a name whose hash is %016llx"},
    [PROBLEM_XATTR_TWICE] = {STAGE_ITEMS, UNSAFE, fix_xattr, "removed",
			     "inode %llu: xattrs of hash %016llx: the same name twice"},
    [PROBLEM_VALUE_PIECES] = {STAGE_ITEMS, UNSAFE, fix_value, "removed",
			      "xattr value %llu: its piece %llu is not in order, or has a wrong size"},
    [PROBLEM_VALUE_LOST] = {STAGE_ITEMS, UNSAFE, fix_xattr_value, "xattr removed",
			    "xattr value %llu: %llu bytes belong here, but there are none"},
    [PROBLEM_VALUE_STRAY] = {STAGE_ITEMS, UNSAFE, fix_value, "removed",
			     "xattr value %llu: %llu bytes that belong to no xattr"},
    [PROBLEM_VALUE_LENGTH] = {STAGE_ITEMS, UNSAFE, fix_xattr_value, "xattr removed",
			      "xattr value %llu: its xattr says %llu bytes, but there are %llu, or it "
			      "belongs to more than one"},
    [PROBLEM_EXTENT] = {STAGE_ITEMS, UNSAFE, fix_extent, "corrected or removed",
			"inode %llu: the extent at block %llu: the field at byte %llu has a value that "
			"cannot be"},
    [PROBLEM_EXTENT_OVERLAP] = {STAGE_ITEMS, UNSAFE, fix_delete, "removed, a hole is left",
				"inode %llu: the extent at block %llu overlaps the one before, which "
				"ends at %llu"},
    [PROBLEM_EXTENT_PLACE] = {STAGE_ITEMS, UNSAFE, fix_delete, "removed, a hole is left",
			      "inode %llu: the extent at block %llu lies in block %llu and behind, which "
			      "no file or tree may have"},
    [PROBLEM_EXTENT_TWICE] = {STAGE_ITEMS, UNSAFE, fix_delete, "removed, a hole is left",
			      "inode %llu: the extent at block %llu: block %llu or one behind belongs to "
			      "more than one owner"},
    [PROBLEM_DIRENT] = {STAGE_ITEMS, UNSAFE, fix_dirent, "removed",
			"directory %llu: names of hash %llx: damaged at byte %llu"},
    [PROBLEM_DIRENT_HASH] = {STAGE_ITEMS, UNSAFE, fix_dirent, "removed",
			     "directory %llu: names of hash %llx: a name whose hash is %llx"},
    [PROBLEM_DIRENT_TWICE] = {STAGE_ITEMS, UNSAFE, fix_dirent, "removed",
			      "directory %llu: names of hash %llx: the same name twice (inode %llu)"},
    [PROBLEM_DIRENT_INDEX] = {STAGE_ITEMS, SAFE, fix_dirent, "numbered anew",
			      "directory %llu: names of hash %llx: index %llu is too large or given twice"},
    [PROBLEM_DIRENT_TARGET] = {STAGE_NAMES, UNSAFE, fix_dirent, "removed",
			       "directory %llu: names of hash %llx: inode %llu does not exist"},
    [PROBLEM_DIRENT_TYPE] = {STAGE_NAMES, SAFE, fix_dirent, "corrected",
			     "directory %llu: names of hash %llx: inode %llu has another type"},
    [PROBLEM_DIR_ENTRIES] = {STAGE_LINKS, SAFE, fix_count, "corrected",
			     "directory %llu: says that it has %llu entries, but has %llu"},
    [PROBLEM_DIR_NLINK] = {STAGE_LINKS, SAFE, fix_count, "corrected",
			   "directory %llu: has %llu links, but should have %llu"},
    [PROBLEM_DIR_NAMES] = {STAGE_NAMES, UNSAFE, fix_names, "put into lost+found, or other names removed",
			   "directory %llu: has %llu names"},
    [PROBLEM_DIR_PARENT] = {STAGE_NAMES, UNSAFE, fix_parent, "corrected",
			    "directory %llu: is found in %llu, but says that its parent is %llu"},
    [PROBLEM_DIR_LOOP] = {STAGE_NAMES, UNSAFE, fix_loop, "put into lost+found",
			  "directory %llu: cannot be reached from the root"},
    [PROBLEM_NO_ROOT] = {STAGE_INODES, UNSAFE, fix_no_root, "made anew", "there is no root directory"},
    [PROBLEM_UNNAMED] = {STAGE_NAMES, UNSAFE, fix_unnamed, "put into lost+found",
			 "inode %llu: has %llu links, but no name"},
    [PROBLEM_NLINK] = {STAGE_LINKS, SAFE, fix_count, "corrected",
		       "inode %llu: has %llu links, but %llu names"},
    [PROBLEM_ORPHAN] = {STAGE_NAMES, UNSAFE, fix_unnamed, "given back its links, or put into lost+found",
			"inode %llu: has no links, but is not listed as an orphan"},
    [PROBLEM_ORPHAN_LINKED] = {STAGE_LINKS, SAFE, fix_orphan_listing, "taken off the list of orphans",
			       "orphan %llu: still has %llu links"},
    [PROBLEM_ORPHAN_MISSING] = {STAGE_LINKS, SAFE, fix_orphan_listing, "taken off the list of orphans",
				"orphan %llu: there is no such inode"},
    [PROBLEM_INTENT] = {STAGE_ITEMS, UNSAFE, fix_delete, "removed",
			"the intent for inode %llu cannot be (kind %llu)"},
    [PROBLEM_LEAK_META] = {STAGE_SPACE, SAFE, fix_leaks, "freed",
			   "metadata blocks %llu..%llu are marked in use, but belong to no tree"},
    [PROBLEM_LEAK_DATA] = {STAGE_SPACE, SAFE, fix_leaks, "freed",
			   "data blocks %llu..%llu are marked in use, but belong to no file"},
    [PROBLEM_COUNT_INODES] = {STAGE_SPACE, SAFE, fix_roots, "corrected",
			      "roots block: says %llu inodes, but there are %llu"},
    [PROBLEM_COUNT_GUARDED] = {STAGE_SPACE, SAFE, fix_roots, "corrected",
			       "roots block: says that %llu inodes are immutable or append-only, but %llu "
			       "are"},
    [PROBLEM_COUNT_DATA] = {STAGE_SPACE, SAFE, fix_roots, "corrected",
			    "roots block: says %llu data blocks, but there are %llu"},
    [PROBLEM_COUNT_META] = {STAGE_SPACE, SAFE, fix_roots, "corrected",
			    "roots block: says %llu tree nodes, but there are %llu"},
};

enum stage problem_stage(enum problem_code code)
{
	return rows[code].stage;
}

static void print_text(const struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, uint64_t c)
{
	progress_hide();
	printf("%s: ", fsck->path);
	printf(rows[code].text, (unsigned long long)a, (unsigned long long)b, (unsigned long long)c);
}

/* False: there were too many of this kind. */
static bool count(struct fsck *fsck, enum problem_code code)
{
	fsck->problems++;
	if (!rows[code].safe)
		fsck->unsafe++;
	return fsck->shown[code]++ < SHOWN_OF_EACH_KIND;
}

static void collect(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, uint64_t c)
{
	struct fix fix = {.code = code, .at = fsck->at, .a = a, .b = b, .c = c};

	count(fsck, code);
	if (problem_wanted(fsck, code))
		fixes_add(fsck, &fix);
	else if (rows[code].stage <= STAGE_SALVAGE)
		fsck->refused = true;
}

void problem_report(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, uint64_t c)
{
	if (fsck->collect) {
		collect(fsck, code, a, b, c);
	} else if (count(fsck, code)) {
		print_text(fsck, code, a, b, c);
		putchar('\n');
	}
}

void problem_report_block(struct fsck *fsck, enum problem_code code, uint64_t a, uint64_t b, const char *why)
{
	if (fsck->collect) {
		collect(fsck, code, a, b, 0);
	} else if (count(fsck, code)) {
		print_text(fsck, code, a, b, 0);
		printf(" (%s)\n", why);
	}
}

/* The row's text with N for its numbers. */
static void print_pattern(const char *text)
{
	for (const char *at = text; *at; at++) {
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
}

void problem_print_rest(const struct fsck *fsck)
{
	for (unsigned code = 0; code < PROBLEM_KINDS; code++) {
		if (fsck->shown[code] <= SHOWN_OF_EACH_KIND)
			continue;
		printf("%s: %llu more like: ", fsck->path,
		       (unsigned long long)(fsck->shown[code] - SHOWN_OF_EACH_KIND));
		print_pattern(rows[code].text);
		putchar('\n');
	}
}

/* ---- mending ---- */

static void say_done(struct fsck *fsck, const struct fix *fix)
{
	fsck->session->mended++;
	if (fsck->session->mended_of[fix->code]++ >= SHOWN_OF_EACH_KIND)
		return;
	print_text(fsck, fix->code, fix->a, fix->b, fix->c);
	printf(": %s\n", rows[fix->code].done);
}

int problem_fix(struct fsck *fsck, const struct fix *fix)
{
	int result = rows[fix->code].fix ? rows[fix->code].fix(fsck, fix) : 0;

	if (result == 0)
		say_done(fsck, fix);
	return result;
}

bool problem_wanted(struct fsck *fsck, enum problem_code code)
{
	struct session *session = fsck->session;
	char line[64];

	if (session->mode == MODE_CHECK || session->mode == MODE_YES || session->all)
		return true;
	if (session->mode == MODE_PREEN)
		return rows[code].safe;
	if (session->answers[code] != ANSWER_NONE)
		return session->answers[code] == ANSWER_YES;
	progress_hide();
	printf("%s: ", fsck->path);
	print_pattern(rows[code].text);
	printf("\nrepair (%s)? y: all like this, n: none, a: everything: ", rows[code].done);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = 'n';
	session->all = line[0] == 'a';
	session->answers[code] = line[0] == 'y' || session->all ? ANSWER_YES : ANSWER_NO;
	return session->answers[code] == ANSWER_YES;
}
