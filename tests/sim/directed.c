/* Scripts that lead somewhere on purpose, where sequences of few steps and random ones hardly come. */
#include "step.h"

#include <stdio.h>
#include <string.h>

static struct step_path name(uint32_t number)
{
	return (struct step_path){.count = 1, .names = {number}};
}

/* More extents than one record removes: cuts take several, and an intent leads them (R7). */
#define CUT_EXTENTS 40u
static bool cut_step(unsigned index, struct step *ret_step)
{
	static const struct step then[] = {
	    {.kind = STEP_SYNC},
	    {.kind = STEP_TRUNCATE, .length = 5000},
	    {.kind = STEP_APPEND, .length = 9000},
	    {.kind = STEP_FSYNC},
	    {.kind = STEP_WRITE, .offset = 100000, .length = 5000},
	    {.kind = STEP_TRUNCATE, .length = 0},
	    {.kind = STEP_TRUNCATE, .length = 200000},
	    {.kind = STEP_UNLINK},
	};

	*ret_step = (struct step){.kind = STEP_CREATE};
	if (index > 0)
		*ret_step =
		    (struct step){.kind = STEP_WRITE, .offset = (index - 1) * UINT64_C(8192), .length = 4096};
	if (index > CUT_EXTENTS) {
		index -= CUT_EXTENTS + 1;
		if (index >= sizeof(then) / sizeof(then[0]))
			return false;
		*ret_step = then[index];
	}
	ret_step->a = name(300);
	return true;
}

/* Changes without a sync between them, until the ring has been filled more than once (R6). */
static bool ring_step(unsigned index, struct step *ret_step)
{
	*ret_step = (struct step){.kind = index < 4 ? STEP_CREATE : STEP_SETXATTR,
				  .a = name(300 + index % 4),
				  .seed = index,
				  .length = 9000};
	return index < 160;
}

/* Many superblocks, each written while the one before it is needed (R1). */
static bool super_step(unsigned index, struct step *ret_step)
{
	*ret_step = (struct step){.kind = index % 2 ? STEP_CHECKPOINT : STEP_CREATE, .a = name(300 + index)};
	if (index == 7)
		ret_step->kind = STEP_REMOUNT;
	return index < 12;
}

/* Every data block of the small image is taken; then a file goes, and only its blocks are left for the next
 * one, which has to wait until they are sealed as free (R12). At the end a block is used again of which a
 * part is written only, and the rest may not show what stood there (R8). */
static bool full_step(unsigned index, struct step *ret_step)
{
	static const struct step steps[] = {
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {300}}},
	    {.kind = STEP_FALLOCATE_KEEP, .a = {.count = 1, .names = {300}}, .length = SCRIPT_FULL_BYTES},
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {301}}},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {301}}, .length = 409600},
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {302}}},
	    {.kind = STEP_SYNC},
	    {.kind = STEP_UNLINK, .a = {.count = 1, .names = {301}}},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {302}}, .length = 409600},
	    {.kind = STEP_FSYNC, .a = {.count = 1, .names = {302}}},
	    {.kind = STEP_UNLINK, .a = {.count = 1, .names = {0}}},
	    {.kind = STEP_SYNC},
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {303}}},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {303}}, .offset = 100, .length = 61 * 4096 - 200},
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {304}}},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {304}}, .offset = 700, .length = 3000},
	};

	if (index >= sizeof(steps) / sizeof(steps[0]))
		return false;
	*ret_step = steps[index];
	return true;
}

/* Tree nodes fill a group of blocks and begin a second one; they go again, and file data takes their place
 * while records of theirs are still in the ring (R2). Room in the first group lets go of the second; a file
 * takes the data group before it. */
#define TYPES_FILES  40u
#define TYPES_XATTRS 58u
static bool types_step(unsigned index, struct step *ret_step)
{
	static const struct step turn[] = {
	    {.kind = STEP_CHECKPOINT},
	    {.kind = STEP_SETXATTR, .a = {.count = 1, .names = {300}}, .seed = 2, .length = 60000},
	    {.kind = STEP_SETXATTR, .a = {.count = 1, .names = {301}}, .seed = 2, .length = 60000},
	    {.kind = STEP_SETXATTR, .a = {.count = 1, .names = {302}}, .seed = 2, .length = 60000},
	    {.kind = STEP_REMOVEXATTR, .a = {.count = 1, .names = {300}}, .seed = 2},
	    {.kind = STEP_REMOVEXATTR, .a = {.count = 1, .names = {301}}, .seed = 2},
	    {.kind = STEP_REMOVEXATTR, .a = {.count = 1, .names = {302}}, .seed = 2},
	    {.kind = STEP_REMOVEXATTR, .a = {.count = 1, .names = {304}}},
	    {.kind = STEP_REMOVEXATTR, .a = {.count = 1, .names = {305}}},
	    {.kind = STEP_SYNC},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {310}}, .length = 600000},
	    {.kind = STEP_FSYNC, .a = {.count = 1, .names = {310}}},
	};
	unsigned number = 300 + index % TYPES_FILES;

	*ret_step = (struct step){.kind = STEP_CREATE, .a = name(number)};
	if (index == TYPES_FILES)
		*ret_step =
		    (struct step){.kind = STEP_FALLOCATE_KEEP, .a = name(number), .length = 1000 << 12};
	else if (index > TYPES_FILES)
		*ret_step = (struct step){.kind = STEP_SETXATTR,
					  .a = name(number),
					  .seed = index / TYPES_FILES - 1,
					  .length = 60000};
	if (index >= TYPES_FILES + TYPES_XATTRS) {
		index -= TYPES_FILES + TYPES_XATTRS;
		if (index >= sizeof(turn) / sizeof(turn[0]))
			return false;
		*ret_step = turn[index];
	}
	return true;
}

/* A file as large as a zone goes, and what lies behind it moves to its place: file data, written and
 * unwritten, and tree nodes of a second group. What has moved is then overwritten, and cut. */
#define COMPACT_FILES  40u
#define COMPACT_XATTRS 58u
static bool compact_step(unsigned index, struct step *ret_step)
{
	static const struct step turn[] = {
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {310}}, .length = 300000},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {311}}, .offset = 90000, .length = 100000},
	    {.kind = STEP_FALLOCATE, .a = {.count = 1, .names = {312}}, .length = 200000},
	    {.kind = STEP_CHECKPOINT},
	    {.kind = STEP_UNLINK, .a = {.count = 1, .names = {300}}},
	    {.kind = STEP_UNLINK, .a = {.count = 1, .names = {301}}},
	    {.kind = STEP_REMOVEXATTR, .a = {.count = 1, .names = {302}}},
	    {.kind = STEP_REMOVEXATTR, .a = {.count = 1, .names = {303}}},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {311}}, .offset = 95000, .length = 20000},
	    {.kind = STEP_COMPACT},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {310}}, .offset = 5000, .length = 60000},
	    {.kind = STEP_FDATASYNC, .a = {.count = 1, .names = {310}}},
	    {.kind = STEP_APPEND, .a = {.count = 1, .names = {311}}, .length = 9000},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {312}}, .offset = 100000, .length = 5000},
	    {.kind = STEP_UNLINK, .a = {.count = 1, .names = {305}}},
	    {.kind = STEP_COMPACT},
	    {.kind = STEP_TRUNCATE, .a = {.count = 1, .names = {310}}, .length = 70000},
	    {.kind = STEP_REMOUNT},
	    {.kind = STEP_FSYNC, .a = {.count = 1, .names = {312}}},
	};

	*ret_step = (struct step){.kind = STEP_CREATE, .a = name(300 + index % COMPACT_FILES)};
	if (index == COMPACT_FILES)
		*ret_step = (struct step){.kind = STEP_FALLOCATE_KEEP, .a = name(300), .length = 56u << 20};
	else if (index > COMPACT_FILES)
		*ret_step = (struct step){.kind = STEP_SETXATTR,
					  .a = name(300 + index % COMPACT_FILES),
					  .seed = index / COMPACT_FILES - 1,
					  .length = 60000};
	if (index >= COMPACT_FILES + COMPACT_XATTRS) {
		index -= COMPACT_FILES + COMPACT_XATTRS;
		if (index >= sizeof(turn) / sizeof(turn[0]))
			return false;
		*ret_step = turn[index];
	}
	return true;
}

/* A file's contents go into the tree and out of it: changed there after a seal and before it, put into a
 * block that is then overwritten in place, back after the file was emptied. */
static bool inline_step(unsigned index, struct step *ret_step)
{
	static const struct step steps[] = {
	    {.kind = STEP_CREATE},
	    {.kind = STEP_WRITE, .length = 300},
	    {.kind = STEP_FSYNC},
	    {.kind = STEP_WRITE, .offset = 100, .length = 100},
	    {.kind = STEP_FDATASYNC},
	    {.kind = STEP_WRITE, .offset = 250, .length = 200},
	    {.kind = STEP_TRUNCATE, .length = 200},
	    {.kind = STEP_APPEND, .length = 50},
	    {.kind = STEP_APPEND, .length = 500},
	    {.kind = STEP_WRITE, .length = 300},
	    {.kind = STEP_FDATASYNC},
	    {.kind = STEP_TRUNCATE, .length = 0},
	    {.kind = STEP_WRITE, .length = 200},
	    {.kind = STEP_TRUNCATE, .length = 9000},
	    {.kind = STEP_WRITE, .offset = 8500, .length = 100},
	    {.kind = STEP_FSYNC},
	    {.kind = STEP_TRUNCATE, .length = 0},
	    {.kind = STEP_WRITE, .offset = 30, .length = 400},
	    {.kind = STEP_PUNCH, .offset = 100, .length = 100},
	    {.kind = STEP_ZERO_RANGE, .offset = 200, .length = 50},
	    {.kind = STEP_TRUNCATE, .length = 0},
	    {.kind = STEP_WRITE, .length = 400},
	    {.kind = STEP_CHECKPOINT},
	    {.kind = STEP_PUNCH, .length = 5000},
	    {.kind = STEP_WRITE, .length = 400},
	    {.kind = STEP_FALLOCATE_KEEP, .offset = 100, .length = 9000},
	    {.kind = STEP_SYNC},
	    {.kind = STEP_UNLINK},
	};

	if (index >= sizeof(steps) / sizeof(steps[0]))
		return false;
	*ret_step = steps[index];
	ret_step->a = name(300);
	return true;
}

/* Label and limit of the superblock, among checkpoints that write it, too. The limit cuts the image's end
 * off, and is in the way of nothing once it is gone. */
static bool settings_step(unsigned index, struct step *ret_step)
{
	static const struct step steps[] = {
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {300}}},
	    {.kind = STEP_FALLOCATE_KEEP, .a = {.count = 1, .names = {300}}, .length = 80u << 20},
	    {.kind = STEP_LABEL, .seed = 1},
	    {.kind = STEP_LIMIT, .length = 30u << 20, .seed = 1},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {300}}, .length = 5000},
	    {.kind = STEP_UNLINK, .a = {.count = 1, .names = {300}}},
	    {.kind = STEP_LIMIT, .length = 30u << 20},
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {301}}},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {301}}, .length = 9000},
	    {.kind = STEP_LABEL, .seed = 2},
	    {.kind = STEP_CHECKPOINT},
	    {.kind = STEP_APPEND, .a = {.count = 1, .names = {301}}, .length = 9000},
	    {.kind = STEP_LABEL, .seed = 55},
	    {.kind = STEP_LIMIT},
	    {.kind = STEP_FALLOCATE, .a = {.count = 1, .names = {301}}, .length = 45u << 20},
	    {.kind = STEP_FSYNC, .a = {.count = 1, .names = {301}}},
	    {.kind = STEP_LABEL},
	    {.kind = STEP_LIMIT, .length = 100u << 20},
	    {.kind = STEP_TRUNCATE, .a = {.count = 1, .names = {301}}, .length = 6000},
	    {.kind = STEP_REMOUNT},
	    {.kind = STEP_LABEL, .seed = 3},
	};

	if (index >= sizeof(steps) / sizeof(steps[0]))
		return false;
	*ret_step = steps[index];
	return true;
}

/* A device is enlarged under an image that fills it, twice; the second time a limit is in the way. */
static bool grow_step(unsigned index, struct step *ret_step)
{
	static const struct step steps[] = {
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {300}}},
	    {.kind = STEP_FALLOCATE_KEEP, .a = {.count = 1, .names = {300}}, .length = 20u << 20},
	    {.kind = STEP_GROW, .length = 100u << 20},
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {301}}},
	    {.kind = STEP_FALLOCATE_KEEP, .a = {.count = 1, .names = {301}}, .length = 50u << 20},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {301}}, .offset = 5000, .length = 9000},
	    {.kind = STEP_LIMIT, .length = 110u << 20},
	    {.kind = STEP_FSYNC, .a = {.count = 1, .names = {301}}},
	    {.kind = STEP_UNLINK, .a = {.count = 1, .names = {300}}},
	    {.kind = STEP_GROW, .length = 150u << 20},
	    {.kind = STEP_LIMIT},
	    {.kind = STEP_CREATE, .a = {.count = 1, .names = {302}}},
	    {.kind = STEP_FALLOCATE_KEEP, .a = {.count = 1, .names = {302}}, .length = 60u << 20},
	    {.kind = STEP_WRITE, .a = {.count = 1, .names = {302}}, .length = 9000},
	    {.kind = STEP_CHECKPOINT},
	    {.kind = STEP_APPEND, .a = {.count = 1, .names = {302}}, .length = 4096},
	};

	if (index >= sizeof(steps) / sizeof(steps[0]))
		return false;
	*ret_step = steps[index];
	return true;
}

static const struct {
	const char *name;
	bool (*step)(unsigned index, struct step *ret_step);
	unsigned from;
	bool small_image, device;
} scripts[] = {{"cut", cut_step, CUT_EXTENTS + 1, false, false},
	       {"ring", ring_step, 110, false, false},
	       {"super", super_step, 0, false, false},
	       {"full", full_step, 5, true, false},
	       {"types", types_step, TYPES_FILES + TYPES_XATTRS, true, false},
	       {"compact", compact_step, COMPACT_FILES + COMPACT_XATTRS + 8, false, false},
	       {"inline", inline_step, 0, false, false},
	       {"settings", settings_step, 2, false, false},
	       {"grow", grow_step, 1, false, true}};

unsigned script_directed_count(void)
{
	return sizeof(scripts) / sizeof(scripts[0]);
}

const char *script_directed_name(unsigned script)
{
	return scripts[script].name;
}

bool script_directed_step(unsigned script, unsigned index, struct step *ret_step)
{
	return scripts[script].step(index, ret_step);
}

unsigned script_directed_from(unsigned script)
{
	return scripts[script].from;
}

bool script_directed_small(unsigned script)
{
	return scripts[script].small_image;
}

bool script_directed_device(unsigned script)
{
	return scripts[script].device;
}
