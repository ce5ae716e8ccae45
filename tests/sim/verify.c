#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINE(a, b) ((a) < (b) ? (a) : (b))

/* ---- which states are allowed ---- */

static bool syncs_metadata(enum step_kind kind)
{
	return kind == STEP_FSYNC || kind == STEP_SYNC || kind == STEP_CHECKPOINT || kind == STEP_REMOUNT;
}

static bool syncs_data(const struct step_done *done, uint64_t inode)
{
	if (done->kind == STEP_CHECKPOINT || done->kind == STEP_REMOUNT)
		return true;
	return (done->kind == STEP_FSYNC || done->kind == STEP_FDATASYNC) && done->inode == inode;
}

void verify_power_window(const struct history *history, size_t acknowledged, struct verify_window *ret_window)
{
	size_t first = 0;

	for (size_t i = 0; i < acknowledged; i++) {
		const struct step_done *done = &history->done[i];

		if (syncs_metadata(done->kind))
			first = i + 1;
		if (done->kind != STEP_FDATASYNC)
			continue;
		/* the last change of this file's shape is durable, and so is everything before it */
		for (size_t k = i; k > first; k--)
			if (history->done[k - 1].shape && history->done[k - 1].inode == done->inode) {
				first = k;
				break;
			}
	}
	*ret_window = (struct verify_window){
	    .first = first, .last = MINE(acknowledged + 1, history->count), .acknowledged = acknowledged};
}

void verify_kill_window(const struct history *history, size_t acknowledged, struct verify_window *ret_window)
{
	*ret_window = (struct verify_window){.first = acknowledged,
					     .last = MINE(acknowledged + 1, history->count),
					     .acknowledged = acknowledged,
					     .kill = true};
}

/* ---- contents ---- */

struct compare {
	struct mount *mount;
	const struct history *history;
	const struct verify_window *window;
	struct verify_result *result;
	size_t state;	   /* that the tree has */
	uint64_t partial;  /* inode that the step behind it changes and may have changed in part; 0: none */
	size_t data_floor; /* of the file: the state whose bytes are durable if nothing newer is */
	uint64_t inode;
	uint64_t size;
};

/* Bytes are durable as of which state? */
static size_t data_floor(const struct compare *compare)
{
	if (compare->window->kill)
		return compare->window->acknowledged;
	for (size_t i = compare->window->acknowledged; i; i--)
		if (syncs_data(&compare->history->done[i - 1], compare->inode))
			return i;
	return 0;
}

static const struct model_block *block_in(const struct compare *compare, size_t state, uint64_t logical,
					  const struct model_file **ret_file)
{
	*ret_file = model_find(compare->history->states[state], compare->inode);
	return *ret_file ? model_block(*ret_file, logical) : NULL;
}

/* May byte `at` of the block read `value`, the block being the one that the tree has at state `base`? */
static bool byte_allowed(const struct compare *compare, size_t base, uint64_t logical, unsigned at,
			 uint8_t value)
{
	const struct model_file *file;
	const struct model_block *home = block_in(compare, base, logical, &file);
	size_t low = MINE(compare->data_floor, base);

	if (!home || logical * 4096 + at >= file->size)
		return value == 0;
	for (size_t i = low; i <= compare->window->last; i++) {
		const struct model_block *block = block_in(compare, i, logical, &file);

		if (!block || block->allocation != home->allocation)
			continue;
		if (i < base && block->since[at] != home->since[at])
			continue;
		if (block->bytes[at] == value || (value == 0 && file->size <= logical * 4096 + at))
			return true;
	}
	return false;
}

static int check_block(struct compare *compare, uint64_t logical, const uint8_t *bytes, unsigned length)
{
	const struct model_file *file;
	const struct model_block *home = block_in(compare, compare->state, logical, &file);

	if (home && !memcmp(home->bytes, bytes, length))
		return 0;
	for (unsigned at = 0; at < length; at++) {
		uint8_t expected = home ? home->bytes[at] : 0;

		if (bytes[at] == expected && logical * 4096 + at < file->size)
			continue;
		if (byte_allowed(compare, compare->state, logical, at, bytes[at]))
			continue;
		if (compare->partial == compare->inode &&
		    byte_allowed(compare, compare->state + 1, logical, at, bytes[at]))
			continue;
		snprintf(
		    compare->result->why, sizeof(compare->result->why),
		    "inode %lu byte %lu is 0x%02x, not 0x%02x as in state %zu%s (%s; floor %zu, last %zu)",
		    compare->inode, logical * 4096 + at, bytes[at], expected, compare->state,
		    compare->partial ? " (step done in part)" : "", home ? "data" : "hole",
		    compare->data_floor, compare->window->last);
		return 1;
	}
	return 0;
}

/* Reads the whole file, holes quickly. */
static int check_content(struct compare *compare)
{
	static uint8_t bytes[65536];
	uint64_t at = 0;

	compare->data_floor = data_floor(compare);
	while (at < compare->size) {
		ssize_t got = fs_read_copy(compare->mount->fs, compare->inode, at, bytes, sizeof(bytes));

		if (got <= 0) {
			snprintf(compare->result->why, sizeof(compare->result->why),
				 "inode %lu: reading at %lu of %lu gives %zd", compare->inode, at,
				 compare->size, got);
			return 1;
		}
		for (size_t done = 0; done < (size_t)got; done += 4096)
			if (check_block(compare, (at + done) / 4096, bytes + done,
					(unsigned)MINE((size_t)4096, (size_t)got - done)))
				return 1;
		at += (uint64_t)got;
	}
	return 0;
}

static int check_contents(struct compare *compare, const struct walk *walk)
{
	for (size_t i = 0; i < walk->count; i++) {
		if (!S_ISREG(walk->files[i].mode))
			continue;
		compare->inode = walk->files[i].inode;
		compare->size = walk->files[i].size;
		if (check_content(compare))
			return 1;
	}
	return 0;
}

/* ---- the tree ---- */

/* Does the tree equal state `at` but for the size of the file that the next step changes, and lies the size
 * between the two? */
static bool partly(const struct history *history, size_t at, const struct walk *walk, uint64_t *ret_inode)
{
	const struct step_done *done = &history->done[at];
	const struct walk_file *found = walk_find(walk, done->inode);
	const struct model_file *before = model_find(history->states[at], done->inode);
	const struct model_file *after = model_find(history->states[at + 1], done->inode);

	if (!done->partial || !found || !before || !after)
		return false;
	if (walk->hash - model_size_hash(found->inode, found->size) !=
	    history->states[at]->hash - model_size_hash(found->inode, before->size))
		return false;
	*ret_inode = done->inode;
	return found->size >= MINE(before->size, after->size) &&
	       (found->size <= before->size || found->size <= after->size);
}

static int verify_partial(struct compare *compare, const struct walk *walk)
{
	for (size_t at = compare->window->last; at-- > compare->window->first;) {
		compare->state = at;
		if (!partly(compare->history, at, walk, &compare->partial))
			continue;
		if (!check_contents(compare, walk)) {
			compare->result->state = at;
			compare->result->partial = true;
			return 0;
		}
	}
	return 1;
}

int verify_tree(struct mount *mount, const struct history *history, const struct verify_window *window,
		struct verify_result *ret_result)
{
	struct compare compare = {.mount = mount, .history = history, .window = window, .result = ret_result};
	struct walk walk;
	int error;

	ret_result->partial = false;
	error = walk_tree(&walk, mount->fs, ret_result->why, sizeof(ret_result->why));
	if (error) {
		walk_free(&walk);
		return error;
	}
	snprintf(ret_result->why, sizeof(ret_result->why), "the tree equals no state of %zu..%zu",
		 window->first, window->last);
	error = 1;
	for (size_t at = window->last + 1; error && at-- > window->first;) {
		if (history->states[at]->hash != walk.hash)
			continue;
		compare.state = at;
		compare.partial = 0;
		error = check_contents(&compare, &walk);
		ret_result->state = at;
	}
	if (error)
		error = verify_partial(&compare, &walk);
	walk_free(&walk);
	return error;
}

/* ---- the state that was found ---- */

static void take_bytes(struct mount *mount, struct model_state *state, const struct model_state *next,
		       uint64_t inode, uint64_t size)
{
	const struct model_file *later = next ? model_find(next, inode) : NULL;
	struct model_file *file = model_edit(state, inode);
	uint8_t bytes[4096];

	file->size = size;
	for (uint64_t logical = 0; logical * 4096 < size; logical++) {
		struct model_block *block = model_block(file, logical);
		const struct model_block *other = later ? model_block(later, logical) : NULL;
		ssize_t got = fs_read_copy(mount->fs, inode, logical * 4096, bytes, sizeof(bytes));
		bool zeros = true;

		for (ssize_t i = 0; i < got; i++)
			zeros &= bytes[i] == 0;
		if (got <= 0 || (!block && zeros && !other) ||
		    (block && !memcmp(block->bytes, bytes, (size_t)got)))
			continue;
		block = block ? model_block_edit(file, logical)
			      : model_block_add(file, logical, other ? other->allocation : 0,
						other ? other->since[0] : 0);
		memcpy(block->bytes, bytes, (size_t)got);
	}
}

struct model_state *verify_state(struct mount *mount, const struct history *history,
				 const struct verify_result *result)
{
	struct model_state *state = model_state_copy(history->states[result->state]);
	const struct model_state *next = result->partial ? history->states[result->state + 1] : NULL;

	for (size_t i = 0; i < state->count; i++) {
		const struct model_file *file = state->files[i];
		struct fs_attr attr;

		if (!S_ISREG(file->mode) || !file->nlink || fs_getattr(mount->fs, file->inode, &attr))
			continue;
		take_bytes(mount, state, next, file->inode, attr.size);
	}
	model_seal(state);
	return state;
}
