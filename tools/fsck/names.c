/* Names and inodes against each other: every name has its inode, every inode its names, all below the root.
 */
#include "fsck.h"

#include <dirent.h>

enum { UNKNOWN, ON_PATH, REACHED };

static void name_check(struct fsck *fsck, struct key key, const struct dirent_disk *entry)
{
	struct inode_note *note = inodes_find(fsck, le64_get(entry->inode));

	if (!note) {
		problem_report(fsck, PROBLEM_DIRENT_TARGET, key.object, key.offset, le64_get(entry->inode));
		return;
	}
	if (note->number == ROOT_INODE) {
		problem_report(fsck, PROBLEM_DIR_PARENT, ROOT_INODE, key.object, ROOT_INODE);
		return;
	}
	if (note->type != entry->type)
		problem_report(fsck, PROBLEM_DIRENT_TYPE, key.object, key.offset, note->number);
	if (note->names < UINT32_MAX)
		note->names++;
	if (note->type == DT_DIR && note->parent != key.object)
		problem_report(fsck, PROBLEM_DIR_PARENT, note->number, key.object, note->parent);
}

static void name_visit(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size)
{
	struct dirent_disk entry;
	const char *name;
	size_t at = 0;

	if (key.type != ITEM_DIRENT)
		return;
	while (dirent_next(bytes, size, &at, &entry, &name))
		name_check(fsck, key, &entry);
}

static void links_check(struct fsck *fsck, const struct inode_note *note)
{
	bool listed = numbers_hold(&fsck->orphans, note->number);

	if (note->nlink == 0 && !listed)
		problem_report(fsck, PROBLEM_ORPHAN, note->number, note->names, 0);
	if (note->type != DT_DIR) {
		if (note->nlink && !note->names && !listed)
			problem_report(fsck, PROBLEM_UNNAMED, note->number, note->nlink, 0);
		else if (note->nlink != note->names)
			problem_report(fsck, PROBLEM_NLINK, note->number, note->nlink, note->names);
		return;
	}
	if (note->names != (note->number != ROOT_INODE && note->nlink != 0))
		problem_report(fsck, PROBLEM_DIR_NAMES, note->number, note->names, 0);
}

/* The directory above, or NULL: there is none. */
static struct inode_note *note_above(const struct fsck *fsck, const struct inode_note *note)
{
	struct inode_note *above = inodes_find(fsck, note->parent);

	return above && above->type == DT_DIR ? above : NULL;
}

/* Climbs until what is known; then all that was passed is known too. Each note is passed once in all. What
 * has no directory above has no name either, or one elsewhere: said of that. */
static void climb(struct fsck *fsck, struct inode_note *from)
{
	struct inode_note *note = from;

	while (note && note->state == UNKNOWN) {
		note->state = ON_PATH;
		note = note->number == ROOT_INODE ? note : note_above(fsck, note);
	}
	if (note && note->state == ON_PATH && note->number != ROOT_INODE)
		problem_report(fsck, PROBLEM_DIR_LOOP, note->number, 0, 0);
	for (note = from; note && note->state == ON_PATH; note = note_above(fsck, note))
		note->state = REACHED;
}

static void orphans_check(struct fsck *fsck)
{
	for (size_t i = 0; i < fsck->orphans.count; i++) {
		const struct inode_note *note = inodes_find(fsck, fsck->orphans.numbers[i]);
		fsck->at.key = (struct key){
		    .object = ORPHAN_OBJECT, .type = ITEM_ORPHAN, .offset = fsck->orphans.numbers[i]};
		if (!note)
			problem_report(fsck, PROBLEM_ORPHAN_MISSING, fsck->orphans.numbers[i], 0, 0);
		else if (note->nlink)
			problem_report(fsck, PROBLEM_ORPHAN_LINKED, note->number, note->nlink, 0);
	}
	for (size_t i = 0; i < fsck->intents.count; i++) {
		const struct inode_note *note = inodes_find(fsck, fsck->intents.numbers[i]);
		fsck->at.key = (struct key){
		    .object = INTENT_OBJECT, .type = ITEM_INTENT, .offset = fsck->intents.numbers[i]};
		if (!note || note->type != DT_REG)
			problem_report(fsck, PROBLEM_INTENT, fsck->intents.numbers[i], INTENT_TRUNCATE, 0);
	}
}

uint64_t names_check(struct fsck *fsck)
{
	uint64_t before = fsck->problems;
	const struct inode_note *root;

	if (!fsck_complete(fsck))
		return 0;
	root = inodes_find(fsck, ROOT_INODE);
	if (!root || root->type != DT_DIR)
		problem_report(fsck, PROBLEM_NO_ROOT, 0, 0, 0);
	walk_nodes(fsck, TREE_FILES, false, name_visit);
	for (size_t i = 0; i < fsck->inode_count; i++) {
		links_check(fsck, &fsck->inodes[i]);
		if (fsck->inodes[i].type == DT_DIR && fsck->inodes[i].nlink)
			climb(fsck, &fsck->inodes[i]);
	}
	orphans_check(fsck);
	return fsck->problems - before;
}
