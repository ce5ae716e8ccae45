#include "step.h"

#include "power.h"

enum { FOO, BAR, A, B, C };

#define ROOT                                                                                                 \
	{                                                                                                    \
		.count = 0                                                                                   \
	}
#define AT(x)                                                                                                \
	{                                                                                                    \
		.count = 1, .names = { x }                                                                   \
	}
#define IN(x, y)                                                                                             \
	{                                                                                                    \
		.count = 2, .names = { x, y }                                                                \
	}

/* The tree that short scripts start from: a full file in the root and one in A, and an empty directory. */
static const struct step base_steps[] = {
    {.kind = STEP_MKDIR, .a = AT(A)},
    {.kind = STEP_MKDIR, .a = AT(B)},
    {.kind = STEP_CREATE, .a = AT(FOO)},
    {.kind = STEP_WRITE, .a = AT(FOO), .length = 10000},
    {.kind = STEP_CREATE, .a = IN(A, FOO)},
    {.kind = STEP_WRITE, .a = IN(A, FOO), .length = 5000},
    {.kind = STEP_CHECKPOINT},
};

bool script_base_step(unsigned index, struct step *ret_step)
{
	if (index >= sizeof(base_steps) / sizeof(base_steps[0]))
		return false;
	*ret_step = base_steps[index];
	return true;
}

/* Workloads are named by the index in here: new ones come last. */
static const struct step ace_steps[] = {
    {.kind = STEP_CREATE, .a = AT(BAR)},
    {.kind = STEP_CREATE, .a = IN(A, BAR)},
    {.kind = STEP_CREATE, .a = IN(B, FOO)},
    {.kind = STEP_MKDIR, .a = AT(C)},
    {.kind = STEP_MKDIR, .a = IN(A, C)},
    {.kind = STEP_SYMLINK, .a = AT(BAR), .length = 20, .seed = 3},
    {.kind = STEP_SYMLINK, .a = IN(A, BAR), .length = 2500, .seed = 4},
    {.kind = STEP_LINK, .a = AT(FOO), .b = AT(BAR)},
    {.kind = STEP_LINK, .a = AT(FOO), .b = IN(A, BAR)},
    {.kind = STEP_LINK, .a = IN(A, FOO), .b = IN(B, FOO)},
    {.kind = STEP_UNLINK, .a = AT(FOO)},
    {.kind = STEP_UNLINK, .a = IN(A, FOO)},
    {.kind = STEP_UNLINK, .a = AT(BAR)},
    {.kind = STEP_UNLINK, .a = IN(A, BAR)},
    {.kind = STEP_RMDIR, .a = AT(B)},
    {.kind = STEP_RMDIR, .a = AT(A)},
    {.kind = STEP_RENAME, .a = AT(FOO), .b = AT(BAR)},
    {.kind = STEP_RENAME, .a = AT(FOO), .b = IN(A, FOO)},
    {.kind = STEP_RENAME, .a = IN(A, FOO), .b = AT(FOO)},
    {.kind = STEP_RENAME, .a = IN(A, FOO), .b = IN(A, BAR)},
    {.kind = STEP_RENAME, .a = AT(BAR), .b = AT(FOO)},
    {.kind = STEP_RENAME, .a = AT(A), .b = AT(B)},
    {.kind = STEP_RENAME, .a = AT(A), .b = AT(C)},
    {.kind = STEP_RENAME, .a = AT(A), .b = IN(B, A)},
    {.kind = STEP_RENAME, .a = AT(B), .b = IN(A, C)},
    {.kind = STEP_EXCHANGE, .a = AT(FOO), .b = IN(A, FOO)},
    {.kind = STEP_EXCHANGE, .a = AT(A), .b = AT(FOO)},
    {.kind = STEP_EXCHANGE, .a = IN(A, FOO), .b = AT(B)},
    {.kind = STEP_WRITE, .a = AT(FOO), .length = 4096},
    {.kind = STEP_WRITE, .a = AT(FOO), .offset = 4000, .length = 300},
    {.kind = STEP_WRITE, .a = AT(FOO), .offset = 20000, .length = 5000},
    {.kind = STEP_WRITE, .a = AT(FOO), .offset = 9000, .length = 9000},
    {.kind = STEP_WRITE, .a = IN(A, FOO), .offset = 0, .length = 5000},
    {.kind = STEP_WRITE, .a = AT(BAR), .offset = 0, .length = 6000},
    {.kind = STEP_WRITE, .a = IN(A, BAR), .offset = 3000, .length = 100},
    {.kind = STEP_APPEND, .a = AT(FOO), .length = 3000},
    {.kind = STEP_APPEND, .a = IN(A, FOO), .length = 4096},
    {.kind = STEP_APPEND, .a = AT(BAR), .length = 700},
    {.kind = STEP_TRUNCATE, .a = AT(FOO), .length = 0},
    {.kind = STEP_TRUNCATE, .a = AT(FOO), .length = 5000},
    {.kind = STEP_TRUNCATE, .a = AT(FOO), .length = 9990},
    {.kind = STEP_TRUNCATE, .a = AT(FOO), .length = 30000},
    {.kind = STEP_TRUNCATE, .a = IN(A, FOO), .length = 100},
    {.kind = STEP_TRUNCATE, .a = IN(A, FOO), .length = 12288},
    {.kind = STEP_PUNCH, .a = AT(FOO), .offset = 4096, .length = 4096},
    {.kind = STEP_PUNCH, .a = AT(FOO), .offset = 1000, .length = 8000},
    {.kind = STEP_PUNCH, .a = AT(FOO), .offset = 8000, .length = 50000},
    {.kind = STEP_ZERO_RANGE, .a = AT(FOO), .offset = 2000, .length = 7000},
    {.kind = STEP_ZERO_RANGE, .a = AT(FOO), .offset = 8192, .length = 12288},
    {.kind = STEP_FALLOCATE, .a = AT(FOO), .offset = 0, .length = 40000},
    {.kind = STEP_FALLOCATE_KEEP, .a = AT(FOO), .offset = 8192, .length = 40960},
    {.kind = STEP_FALLOCATE, .a = IN(A, FOO), .offset = 16384, .length = 8192},
    {.kind = STEP_COPY, .a = AT(FOO), .b = IN(A, FOO), .length = 10000},
    {.kind = STEP_COPY, .a = IN(A, FOO), .b = AT(FOO), .offset = 100, .offset2 = 12000, .length = 9000},
    {.kind = STEP_SETXATTR, .a = AT(FOO), .length = 20, .seed = 4},
    {.kind = STEP_SETXATTR, .a = AT(FOO), .length = 5000, .seed = 8},
    {.kind = STEP_SETXATTR, .a = AT(A), .length = 300, .seed = 1},
    {.kind = STEP_REMOVEXATTR, .a = AT(FOO), .seed = 4},
    {.kind = STEP_CHMOD, .a = AT(FOO), .seed = 0600},
    {.kind = STEP_CHMOD, .a = AT(A), .seed = 0700},
    {.kind = STEP_FSYNC, .a = AT(FOO)},
    {.kind = STEP_FSYNC, .a = IN(A, FOO)},
    {.kind = STEP_FSYNC, .a = AT(A)},
    {.kind = STEP_FDATASYNC, .a = AT(FOO)},
    {.kind = STEP_SYNC},
    {.kind = STEP_CHECKPOINT},
    {.kind = STEP_TRIM},
    {.kind = STEP_CREATE, .a = AT(BAR), .seed = 3},		     /* by O_TMPFILE */
    {.kind = STEP_RENAME, .a = AT(FOO), .b = IN(A, FOO), .seed = 7}, /* with a whiteout */
    {.kind = STEP_RENAME, .a = AT(A), .b = IN(B, A), .seed = 7},
    {.kind = STEP_REMOUNT},
    /* contents in the tree, of a file made by the first step */
    {.kind = STEP_WRITE, .a = AT(BAR), .offset = 0, .length = 300},
    {.kind = STEP_WRITE, .a = AT(BAR), .offset = 200, .length = 150},
    {.kind = STEP_WRITE, .a = AT(BAR), .offset = 300, .length = 1000},
    {.kind = STEP_TRUNCATE, .a = AT(BAR), .length = 120},
    {.kind = STEP_TRUNCATE, .a = AT(BAR), .length = 6000},
    {.kind = STEP_PUNCH, .a = AT(BAR), .offset = 50, .length = 100},
    {.kind = STEP_FALLOCATE, .a = AT(BAR), .offset = 0, .length = 5000},
    {.kind = STEP_COPY, .a = AT(BAR), .b = AT(FOO), .length = 5000},
    {.kind = STEP_FDATASYNC, .a = AT(BAR)},
};

unsigned script_ace_count(void)
{
	return sizeof(ace_steps) / sizeof(ace_steps[0]);
}

struct step script_ace_step(unsigned index)
{
	return ace_steps[index % script_ace_count()];
}

/* ---- long random scripts ---- */

/* A directory: the root, one of a few in it, or one of few in those. */
static struct step_path random_directory(uint64_t *state)
{
	struct step_path path = {.count = (unsigned)(random_next(state) % 8)};

	path.count = path.count < 3 ? 0 : path.count < 7 ? 1 : 2;
	for (unsigned i = 0; i < path.count; i++)
		path.names[i] = 100 + (uint32_t)(random_next(state) % 4);
	return path;
}

/* Any name there: files and links by many names, directories by few. */
static struct step_path random_path(uint64_t *state, bool directory, unsigned names)
{
	struct step_path path = random_directory(state);

	path.names[path.count++] = directory ? 100 + (uint32_t)(random_next(state) % 4)
					     : 200 + (uint32_t)(random_next(state) % names);
	return path;
}

static uint64_t random_size(uint64_t *state, uint64_t limit)
{
	uint64_t kind = random_next(state) % 4, value = random_next(state);

	if (kind == 0)
		return value % 600;
	if (kind == 1)
		return value % (limit / 4096) * 4096;
	return value % limit;
}

static const uint8_t random_kinds[] = {
    STEP_CREATE,    STEP_CREATE,	 STEP_CREATE,	STEP_CREATE, STEP_CREATE,   STEP_CREATE,
    STEP_CREATE,    STEP_CREATE,	 STEP_MKDIR,	STEP_MKDIR,  STEP_MKDIR,    STEP_SYMLINK,
    STEP_LINK,	    STEP_LINK,		 STEP_UNLINK,	STEP_UNLINK, STEP_UNLINK,   STEP_UNLINK,
    STEP_UNLINK,    STEP_RMDIR,		 STEP_RENAME,	STEP_RENAME, STEP_RENAME,   STEP_RENAME,
    STEP_EXCHANGE,  STEP_WRITE,		 STEP_WRITE,	STEP_WRITE,  STEP_WRITE,    STEP_WRITE,
    STEP_WRITE,	    STEP_WRITE,		 STEP_APPEND,	STEP_APPEND, STEP_APPEND,   STEP_TRUNCATE,
    STEP_TRUNCATE,  STEP_TRUNCATE,	 STEP_TRUNCATE, STEP_PUNCH,  STEP_PUNCH,    STEP_ZERO_RANGE,
    STEP_FALLOCATE, STEP_FALLOCATE_KEEP, STEP_COPY,	STEP_COPY,   STEP_SETXATTR, STEP_SETXATTR,
    STEP_SETXATTR,  STEP_REMOVEXATTR,	 STEP_CHMOD,	STEP_FSYNC,  STEP_FSYNC,    STEP_FDATASYNC,
    STEP_SYNC,	    STEP_CHECKPOINT,
};

static void random_lengths(uint64_t *state, struct step *step)
{
	uint64_t limit = random_next(state) % 16 ? 40000 : 300000;

	step->offset = random_size(state, limit);
	step->length = 1 + random_size(state, limit / 2);
	step->offset2 = random_size(state, limit);
	if (step->kind == STEP_TRUNCATE)
		step->length--;
	if (step->kind == STEP_SYMLINK)
		step->length = 1 + step->length % 3000;
	if (step->kind == STEP_SETXATTR)
		step->length = 1 + step->length % (random_next(state) % 4 ? 200 : 9000);
}

/* Files around the bound below which their contents stand in the tree. */
#define SMALL_BYTES 700u
static bool script_is_small(uint64_t seed)
{
	return seed % 16 == 10;
}

static struct step mixed_step(uint64_t seed, uint64_t *state, unsigned index)
{
	unsigned names = seed % 3 ? 24 : 300;
	struct step step = {.kind = random_kinds[random_next(state) % sizeof(random_kinds)]};
	bool directory = step.kind == STEP_MKDIR || step.kind == STEP_RMDIR;

	if (step.kind == STEP_RENAME || step.kind == STEP_EXCHANGE || step.kind == STEP_CHMOD ||
	    step.kind == STEP_SETXATTR)
		directory = random_next(state) % 4 == 0;
	if (random_next(state) % 300 == 0)
		step.kind = random_next(state) % 2 ? STEP_REMOUNT : STEP_TRIM;
	/* the first steps make the tree that the later ones need */
	if (index < 12)
		step.kind = index < 6 ? STEP_MKDIR : STEP_CREATE;
	if (step.kind == STEP_MKDIR)
		directory = true;
	step.a = random_path(state, directory, names);
	step.b = random_path(state, directory, names);
	step.seed = (uint32_t)random_next(state) % 1000;
	if (step.kind == STEP_CHMOD)
		step.seed = (uint32_t)(random_next(state) % 0777);
	random_lengths(state, &step);
	if (script_is_small(seed) && random_next(state) % 4) {
		step.offset %= SMALL_BYTES;
		step.offset2 %= SMALL_BYTES;
		step.length = step.length % SMALL_BYTES + (step.kind != STEP_TRUNCATE);
	}
	return step;
}

/* Many names and large xattrs come and go, so that tree nodes are freed and used again. */
static struct step churn_step(uint64_t *state, unsigned index)
{
	static const uint8_t kinds[] = {STEP_SETXATTR, STEP_SETXATTR, STEP_REMOVEXATTR, STEP_REMOVEXATTR,
					STEP_UNLINK,   STEP_CREATE,   STEP_CREATE,	STEP_LINK,
					STEP_RENAME,   STEP_WRITE};
	struct step step = {.kind = kinds[random_next(state) % sizeof(kinds)]};

	if (random_next(state) % 12 == 0)
		step.kind = random_next(state) % 4 ? STEP_SYNC : STEP_CHECKPOINT;
	if (index < 10)
		step.kind = STEP_CREATE;
	step.a = (struct step_path){.count = 1, .names = {200 + (uint32_t)(random_next(state) % 20)}};
	step.b = (struct step_path){.count = 1, .names = {200 + (uint32_t)(random_next(state) % 200)}};
	step.seed = (uint32_t)random_next(state) % 1000;
	step.length = 1 + random_next(state) % 12000;
	return step;
}

#define BULK_FILES 40u
#define BULK_FULL  62u /* steps, most of them xattrs, whose nodes nearly fill a group of blocks */

/* Fills a group of blocks with tree nodes; then more of them come, which need a second group, and go again,
 * and file data takes their place: blocks change from one use to the other (R2). Wants a small image. */
static struct step bulk_step(uint64_t seed, uint64_t *state, unsigned index)
{
	/* the spare ones make room in the first group, so that the second is not kept for its room */
	static const struct {
		uint8_t kind, xattr, file;
	} turns[16] = {
	    {STEP_SETXATTR, 2, 0},    {STEP_SETXATTR, 2, 1},	{STEP_SETXATTR, 2, 2},
	    {STEP_SETXATTR, 2, 3},    {STEP_REMOVEXATTR, 2, 0}, {STEP_REMOVEXATTR, 2, 1},
	    {STEP_REMOVEXATTR, 2, 2}, {STEP_REMOVEXATTR, 2, 3}, {STEP_REMOVEXATTR, 0, 4},
	    {STEP_REMOVEXATTR, 0, 5}, {STEP_SYNC, 0, 0},	{STEP_TRUNCATE, 0, 0},
	    {STEP_WRITE, 0, 0},	      {STEP_APPEND, 0, 0},	{STEP_SETXATTR, 0, 4},
	    {STEP_SETXATTR, 0, 5},
	};
	unsigned full = BULK_FILES + BULK_FULL + (unsigned)(seed / 16 % 4), turn = (index - full) % 16;
	struct step step = {.kind = STEP_CREATE, .length = 60000};
	unsigned file = index % BULK_FILES;

	if (index >= BULK_FILES && index < full) {
		step.kind = index % 16 == 15 ? STEP_SYNC : STEP_SETXATTR;
		step.seed = (index - BULK_FILES) / BULK_FILES;
	} else if (index >= full) {
		step.kind = turns[turn].kind;
		step.seed = turns[turn].xattr;
		file = turns[turn].file;
	}
	if (step.kind == STEP_TRUNCATE || step.kind == STEP_WRITE || step.kind == STEP_APPEND) {
		step.length = step.kind == STEP_TRUNCATE ? 0 : 4096 * (1 + random_next(state) % 200);
		file = (index - full) / 16 % 5;
	}
	step.a = (struct step_path){.count = 1, .names = {200 + file}};
	return step;
}

/* Blocks come and go by tens of MiB, so that zones do; the files are small, so that looking at them is quick.
 */
static struct step zones_step(uint64_t *state, unsigned index)
{
	static const uint8_t kinds[] = {
	    STEP_FALLOCATE_KEEP, STEP_FALLOCATE_KEEP, STEP_TRUNCATE, STEP_TRUNCATE,
	    STEP_UNLINK,	 STEP_CREATE,	      STEP_CREATE,   STEP_WRITE,
	    STEP_WRITE,		 STEP_SETXATTR,	      STEP_SYNC,     STEP_CHECKPOINT,
	    STEP_REMOUNT,	 STEP_TRIM,	      STEP_COMPACT,  STEP_COMPACT};
	struct step step = {.kind = kinds[random_next(state) % sizeof(kinds)]};

	if (index < 4)
		step.kind = STEP_CREATE;
	step.a = (struct step_path){.count = 1, .names = {200 + (uint32_t)(random_next(state) % 4)}};
	if (index < 4)
		step.a.names[0] = 200 + index;
	step.length = random_next(state) % 20000 + 1;
	step.offset = random_next(state) % 20000;
	if (step.kind == STEP_FALLOCATE_KEEP)
		step.length = (1 + random_next(state) % 30) << 20;
	return step;
}

bool script_wants_small_image(uint64_t seed)
{
	return seed % 16 == 6;
}

struct step script_random_step(uint64_t seed, unsigned index)
{
	uint64_t state = random_mix(seed, index);

	if (seed % 8 == 5)
		return churn_step(&state, index);
	if (script_wants_small_image(seed))
		return bulk_step(seed, &state, index);
	if (seed % 16 == 14)
		return zones_step(&state, index);
	return mixed_step(seed, &state, index);
}
