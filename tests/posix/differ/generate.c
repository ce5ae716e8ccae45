/*
 * Random steps. Few names, so that calls meet; and what is known from outcomes is preferred, so that most of
 * them reach something. Which steps come next depends on the seed and on outcomes only.
 */
#include "differ.h"

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#define MIB ((int64_t)1 << 20)

uint64_t random_next(struct random *random)
{
	uint64_t value = random->state += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

uint64_t random_below(struct random *random, uint64_t below)
{
	return random_next(random) % below;
}

bool chance(struct random *random, unsigned percent)
{
	return random_below(random, 100) < percent;
}

#define PICK(random, array) ((array)[random_below(random, sizeof(array) / sizeof((array)[0]))])

/* ---- paths ---- */

static const char *random_name(struct random *random)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	static const char *const odd[] = {"L", "M", ".", "..", "nothing", "a/.", "./b"};

	return chance(random, 4) ? PICK(random, odd) : PICK(random, names);
}

static const struct known *known_where(struct generator *generator, bool directory)
{
	struct random *random = &generator->random;

	if (!generator->known_count)
		return NULL;
	for (int i = 0; i < 8; i++) {
		const struct known *known = &generator->known[random_below(random, generator->known_count)];
		if (S_ISDIR(known->mode) == directory)
			return known;
	}
	return NULL;
}

static void append_name(char path[PATH_ROOM], const char *name)
{
	size_t length = strlen(path);

	if (length + strlen(name) + 3 < PATH_ROOM)
		sprintf(path + length, "%s%s", length ? "/" : "", name);
}

/* A name in the root or in a directory that is known. */
static void new_path(struct generator *generator, char path[PATH_ROOM])
{
	const struct known *parent = chance(&generator->random, 65) ? known_where(generator, true) : NULL;

	*path = 0;
	/* not too deep */
	if (parent && strlen(parent->path) < 8)
		strcpy(path, parent->path);
	append_name(path, random_name(&generator->random));
}

/* likely: in percent, that the path is known */
static void any_path(struct generator *generator, bool directory, unsigned likely, char path[PATH_ROOM])
{
	struct random *random = &generator->random;
	const struct known *known = NULL;

	if (chance(random, likely))
		known = known_where(generator, directory ? true : chance(random, 15));
	if (known)
		strcpy(path, known->path);
	else
		new_path(generator, path);
	if (chance(random, 2) && strlen(path) + 2 < PATH_ROOM)
		strcat(path, "/");
	if (chance(random, 1))
		strcpy(path, chance(random, 50) ? "." : "");
}

static int slot_where(struct generator *generator, unsigned worker, uint32_t type)
{
	unsigned first = (unsigned)random_below(&generator->random, SLOTS);

	for (unsigned i = 0; i < SLOTS; i++) {
		unsigned slot = (first + i) % SLOTS;
		uint32_t mode = generator->slot_modes[worker][slot];
		if (mode && (!type || (mode & S_IFMT) == type))
			return (int)slot;
	}
	return -1;
}

/* Where a program was written; left alone if there is none. */
static void program_path(struct generator *generator, char path[PATH_ROOM])
{
	unsigned first = (unsigned)random_below(&generator->random, PROGRAMS);

	for (unsigned i = 0; i < PROGRAMS; i++) {
		const char *program = generator->programs[(first + i) % PROGRAMS];
		if (*program) {
			strcpy(path, program);
			return;
		}
	}
}

static void step_path(struct generator *generator, const struct step *step, bool second, int8_t *ret_at,
		      char path[PATH_ROOM])
{
	struct random *random = &generator->random;
	const struct call *call = &calls[step->call];
	bool has_second = strchr(call->arguments, 'q'), makes = call->flags & CALL_MAKES;
	bool directory = call->flags & CALL_DIRECTORY;

	*ret_at = -1;
	if (call->run == call_open && chance(random, 20))
		directory = true;
	any_path(generator, directory,
		 call->run == call_open		    ? 60
		 : makes && (second || !has_second) ? 20
						    : 85,
		 path);
	if ((call->run == call_run || call->run == call_start) && chance(random, 80))
		program_path(generator, path);
	if (call->flags & CALL_NO_AT || !chance(random, 10))
		return;
	/* an empty path means the descriptor itself, whatever it is */
	bool itself = chance(random, 30);
	int slot = slot_where(generator, step->worker, itself ? 0 : S_IFDIR);
	if (slot < 0)
		return;
	*ret_at = (int8_t)slot;
	*path = 0;
	if (!itself)
		append_name(path, random_name(random));
}

static int step_slot(struct generator *generator, const struct step *step, bool opens)
{
	struct random *random = &generator->random;
	unsigned flags = calls[step->call].flags;
	uint32_t type = flags & CALL_DATA ? S_IFREG : flags & CALL_DIRECTORY ? S_IFDIR : 0;
	int slot = -1;

	if (!opens && chance(random, 90))
		slot = slot_where(generator, step->worker, type);
	return slot >= 0 ? slot : (int)random_below(random, SLOTS);
}

/* ---- numbers ---- */

static int64_t random_offset(struct random *random)
{
	unsigned kind = (unsigned)random_below(random, 100);

	if (kind < 15)
		return 0;
	if (kind < 35)
		return (int64_t)random_below(random, 20) * 4096 + (int64_t)random_below(random, 3) - 1;
	if (kind < 60)
		return (int64_t)random_below(random, 10000);
	if (kind < 92)
		return (int64_t)random_below(random, 150000);
	if (kind < 97)
		return (int64_t)random_below(random, 2 * (uint64_t)MIB);
	return kind < 99 ? (INT64_C(1) << (20 + random_below(random, 20))) - (int64_t)random_below(random, 2)
			 : -5;
}

static int64_t random_length(struct random *random)
{
	unsigned kind = (unsigned)random_below(random, 100);

	if (kind < 3)
		return 0;
	if (kind < 30)
		return (int64_t)random_below(random, 200);
	if (kind < 60)
		return (int64_t)random_below(random, 6000);
	if (kind < 75)
		return 4096 * (1 + (int64_t)random_below(random, 8));
	return (int64_t)random_below(random, kind < 95 ? 40000 : 300000);
}

/* A set-group-ID bit never without the group's right to execute: see differences.c. */
static int64_t random_mode(struct random *random)
{
	static const mode_t modes[] = {0644, 0755, 0777, 0666, 0600, 0700, 0,	 0444, 01777,
				       0640, 0750, 0770, 0070, 0007, 0111, 0222, 0060};
	/* most often one that lets everybody in: what is shut ends many later calls */
	mode_t mode = chance(random, 60) ? 0777 : PICK(random, modes);

	if (chance(random, 15))
		mode |= S_ISUID;
	if (chance(random, 20))
		mode |= S_ISGID;
	if (chance(random, 6))
		mode |= S_ISVTX;
	if (mode & S_ISGID)
		mode |= S_IXGRP;
	return mode;
}

static bool known_directory(const struct generator *generator, const char *path)
{
	for (unsigned i = 0; i < generator->known_count; i++) {
		if (!strcmp(generator->known[i].path, path))
			return S_ISDIR(generator->known[i].mode);
	}
	return false;
}

static int64_t random_open(struct generator *generator, const struct step *step)
{
	static const struct {
		int flag;
		unsigned percent;
	} flags[] = {{O_CREAT, 65},   {O_EXCL, 8}, {O_TRUNC, 12}, {O_APPEND, 12}, {O_DIRECTORY, 3},
		     {O_NOFOLLOW, 8}, {O_PATH, 4}, {O_DIRECT, 8}, {O_SYNC, 2},	  {O_NOATIME, 3}};
	struct random *random = &generator->random;
	static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
	int64_t value = PICK(random, accesses);

	if (chance(random, known_directory(generator, step->path) ? 85 : 5))
		return O_DIRECTORY | (chance(random, 15) ? O_PATH : 0);
	if (generator->features.tmpfile && chance(random, 6))
		return (value & ~O_RDONLY) | O_TMPFILE | (chance(random, 20) ? O_EXCL : 0);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (chance(random, flags[i].percent))
			value |= flags[i].flag;
	}
	return value;
}

static int64_t random_fallocate(struct generator *generator)
{
	static const int modes[] = {0,
				    FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_ZERO_RANGE,
				    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_PUNCH_HOLE,
				    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE};
	static const int moving[] = {FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE};
	struct random *random = &generator->random;

	if (generator->features.collapse && chance(random, 20))
		return PICK(random, moving);
	return PICK(random, modes);
}

static int64_t random_rename(struct generator *generator)
{
	static const unsigned with_whiteout[] = {RENAME_WHITEOUT, RENAME_WHITEOUT,
						 RENAME_WHITEOUT | RENAME_NOREPLACE,
						 RENAME_WHITEOUT | RENAME_EXCHANGE};
	struct random *random = &generator->random;

	if (generator->features.whiteout && chance(random, 10))
		return PICK(random, with_whiteout);
	if (chance(random, 65))
		return 0;
	if (chance(random, 4))
		return RENAME_NOREPLACE | RENAME_EXCHANGE;
	return chance(random, 45) ? RENAME_NOREPLACE : RENAME_EXCHANGE;
}

static int64_t random_flags(struct random *random, const struct step *step)
{
	const char *name = calls[step->call].name;
	int64_t flags = 0;

	if (!strcmp(name, "link"))
		flags = chance(random, 25) ? AT_SYMLINK_FOLLOW : 0;
	else if (chance(random, 30))
		flags = AT_SYMLINK_NOFOLLOW;
	if (!strcmp(name, "access") && chance(random, 50))
		flags |= AT_EACCESS;
	if (!*step->path && chance(random, 90))
		flags |= AT_EMPTY_PATH;
	return flags;
}

static int64_t random_xattr(struct generator *generator)
{
	struct random *random = &generator->random;

	if (generator->features.acl && chance(random, 30))
		return 5 + (int64_t)random_below(random, 2);
	if (chance(random, 4))
		return 7 + (int64_t)random_below(random, 2);
	return chance(random, 45) ? 0 : (int64_t)random_below(random, 5);
}

static int64_t random_flag(struct random *random)
{
	int64_t flags = 0;

	if (chance(random, 20))
		flags |= FS_NODUMP_FL;
	return chance(random, 20) ? flags | FS_NOATIME_FL : flags;
}

static int64_t random_symbol(struct generator *generator, const struct step *step, char letter)
{
	static const int whences[] = {SEEK_SET, SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE};
	static const int locks[] = {LOCK_SH, LOCK_EX, LOCK_UN};
	static const int types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
	static const int syncs[] = {MS_SYNC, MS_SYNC, MS_ASYNC, MS_SYNC | MS_INVALIDATE};
	static const int creates[] = {0, 0, 0, XATTR_CREATE, XATTR_REPLACE};
	static const int settable[] = {0, O_APPEND, O_DIRECT, O_APPEND | O_DIRECT};
	struct random *random = &generator->random;

	switch (letter) {
	case 'O':
		return calls[step->call].run == call_setfl ? PICK(random, settable)
							   : random_open(generator, step);
	case 'W':
		return PICK(random, whences);
	case 'F':
		return random_fallocate(generator);
	case 'R':
		return random_rename(generator);
	case 'X':
		return PICK(random, creates);
	case 'K':
		return PICK(random, locks);
	case 'L':
		return PICK(random, types);
	case 'A':
		return random_flags(random, step);
	case 'P':
		return chance(random, 70) ? PROT_READ | PROT_WRITE : PROT_READ;
	case 'Y':
		return PICK(random, syncs);
	case 'C':
		return random_flag(random);
	default:
		return random_xattr(generator);
	}
}

/* One that is there, if it is to be used. */
static int64_t random_mapping(struct generator *generator, const struct step *step)
{
	unsigned first = (unsigned)random_below(&generator->random, MAPPINGS);

	for (unsigned i = 0; i < MAPPINGS && calls[step->call].run != call_map; i++) {
		if (generator->mapped[step->worker][(first + i) % MAPPINGS])
			return (first + i) % MAPPINGS;
	}
	return first;
}

static int64_t random_number(struct generator *generator, const struct step *step, char letter)
{
	static const uint32_t types[] = {S_IFREG, S_IFIFO, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, 0, S_IFDIR};
	static const int64_t uids[] = {-1, -1, -1, 0, 1001, 1002, 1004},
			     gids[] = {-1, -1, 0, 1001, 1002, 1003, 1005};
	static const int64_t xattr_sizes[] = {0, 1, 16, 20, 200, 700, 3000, 70},
			     large[] = {5000, 20000, 65536, 65537};
	static const int64_t rooms[] = {0, 1, 100, 70000, 70000};
	static const mode_t masks[] = {0, 022, 002, 066, 0};
	struct random *random = &generator->random;

	switch (letter) {
	case 'f':
	case 'z':
		return random_offset(random);
	case 'n':
		return random_length(random);
	case 'S':
		return (int64_t)random_below(random, 1 << 18);
	case 'o':
		return calls[step->call].run == call_umask ? PICK(random, masks) : random_mode(random);
	case 'M':
		return PICK(random, types) | random_mode(random);
	case 'v':
		return (int64_t)random_below(random, DEVICES);
	case 'u':
		return PICK(random, uids);
	case 'g':
		return PICK(random, gids);
	case 'i':
		return (int64_t)random_below(random, TIMES);
	case 'e':
		return (int64_t)random_below(random, 8);
	case 'y':
		return chance(random, 5) ? PICK(random, large) : PICK(random, xattr_sizes);
	case 'r':
		return PICK(random, rooms);
	case 'k':
	case 'l':
		return (int64_t)random_below(random, 12);
	case 'm':
		return random_mapping(generator, step);
	case 'j':
		return (int64_t)random_below(random, 12);
	case 'c':
		return chance(random, 15) ? 0 : 1 + (int64_t)random_below(random, 3);
	case 'b':
		return (int64_t)random_below(random, 2);
	default:
		return random_symbol(generator, step, letter);
	}
}

/* ---- steps ---- */

static uint8_t random_call(struct random *random)
{
	unsigned total = 0;

	for (unsigned i = 0; i < call_count; i++)
		total += calls[i].weight;
	uint64_t at = random_below(random, total);
	uint8_t call = 0;
	while (at >= calls[call].weight)
		at -= calls[call++].weight;
	return call;
}

/* Is there what the call goes on with? */
static bool possible(const struct generator *generator, unsigned worker, uint8_t call)
{
	call_function *run = calls[call].run;
	const bool *mapped = generator->mapped[worker];

	if (run == call_load || run == call_store || run == call_msync || run == call_munmap)
		return mapped[0] || mapped[1] || mapped[2];
	if (run == call_dir_next || run == call_dir_tell || run == call_dir_seek)
		return generator->reads[worker];
	return run != call_stop || generator->runs[worker];
}

void generate_step(struct generator *generator, unsigned worker, struct step *ret_step)
{
	struct step step = {.worker = (uint8_t)worker, .slot = -1, .slot2 = -1, .at = -1, .at2 = -1};
	unsigned number = 0;

	do
		step.call = random_call(&generator->random);
	while (!possible(generator, worker, step.call));
	const struct call *call = &calls[step.call];
	for (const char *letter = call->arguments; *letter; letter++) {
		switch (*letter) {
		case 's':
			step.slot = (int8_t)step_slot(generator, &step, call->run == call_open);
			break;
		case 't':
			step.slot2 = (int8_t)step_slot(generator, &step, call->run == call_dup);
			break;
		case 'p':
			step_path(generator, &step, false, &step.at, step.path);
			break;
		case 'q':
			step_path(generator, &step, true, &step.at2, step.path2);
			break;
		case 'x':
			any_path(generator, false, 85, step.path2);
			break;
		default:
			step.numbers[number++] = random_number(generator, &step, *letter);
		}
	}
	*ret_step = step;
}

/* ---- what outcomes tell ---- */

static void learn_path(struct generator *generator, const char *path, const struct view *view)
{
	unsigned i = 0;

	if (!view->taken || !*path || path[strlen(path) - 1] == '/' || strlen(path) > 16 || strchr(path, '.'))
		return;
	while (i < generator->known_count && strcmp(generator->known[i].path, path) != 0)
		i++;
	if (view->error) {
		if (i < generator->known_count)
			generator->known[i] = generator->known[--generator->known_count];
		return;
	}
	if (i == generator->known_count) {
		if (generator->known_count < KNOWN)
			generator->known_count++;
		else
			i = (unsigned)random_below(&generator->random, KNOWN);
	}
	strcpy(generator->known[i].path, path);
	generator->known[i].mode = view->mode;
}

static void learn_slot(struct generator *generator, unsigned worker, int slot, const struct view *view)
{
	if (slot >= 0)
		generator->slot_modes[worker][slot] = view->taken && !view->error ? view->mode : 0;
}

static void forget_program(struct generator *generator, const struct step *step,
			   const struct outcome *outcome)
{
	for (unsigned i = 0; i < PROGRAMS; i++) {
		if (!strcmp(generator->programs[i], step->path) &&
		    (outcome->error == ENOENT || outcome->error == ENOEXEC || outcome->error == ENOTDIR))
			generator->programs[i][0] = 0;
	}
}

static void learn_state(struct generator *generator, const struct step *step, const struct outcome *outcome)
{
	call_function *run = calls[step->call].run;

	if (outcome->result == -1 && (run == call_run || run == call_start))
		forget_program(generator, step, outcome);
	if (outcome->result < 0)
		return;
	if (run == call_map || run == call_munmap)
		generator->mapped[step->worker][(uint64_t)step->numbers[0] % MAPPINGS] = run == call_map;
	else if (run == call_dir_begin)
		generator->reads[step->worker] = true;
	else if (run == call_start || run == call_stop)
		generator->runs[step->worker] = run == call_start;
	else if (run == call_program && step->at < 0)
		strcpy(PICK(&generator->random, generator->programs), step->path);
}

void generate_learn(struct generator *generator, const struct step *step, const struct outcome *outcome)
{
	learn_state(generator, step, outcome);
	if (step->at < 0)
		learn_path(generator, step->path, &outcome->views[VIEW_PATH]);
	if (step->at2 < 0 && strchr(calls[step->call].arguments, 'q'))
		learn_path(generator, step->path2, &outcome->views[VIEW_PATH2]);
	learn_slot(generator, step->worker, step->slot, &outcome->views[VIEW_SLOT]);
	learn_slot(generator, step->worker, step->slot2, &outcome->views[VIEW_SLOT2]);
}

void generate_reset(struct generator *generator)
{
	generator->known_count = 0;
	memset(generator->slot_modes, 0, sizeof(generator->slot_modes));
	memset(generator->mapped, 0, sizeof(generator->mapped));
	memset(generator->reads, 0, sizeof(generator->reads));
	memset(generator->runs, 0, sizeof(generator->runs));
	memset(generator->programs, 0, sizeof(generator->programs));
}
