/*
 * A step as a line of a script, and back:
 *
 *   USER CALL ARGUMENT...
 *   1 open 3 a/b O_RDWR|O_CREAT 0644
 *
 * A path that starts at a slot's directory reads @SLOT:PATH, an empty one @-:. In a path, the name L stands
 * for the longest name, M for one byte more.
 */
#include "differ.h"

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>

struct symbol {
	char letter;
	const char *name;
	int64_t value;
};

/* Those of several bits before their parts. */
static const struct symbol symbols[] = {
    {'O', "O_TMPFILE", O_TMPFILE},
    {'O', "O_RDWR", O_RDWR},
    {'O', "O_WRONLY", O_WRONLY},
    {'O', "O_CREAT", O_CREAT},
    {'O', "O_EXCL", O_EXCL},
    {'O', "O_TRUNC", O_TRUNC},
    {'O', "O_APPEND", O_APPEND},
    {'O', "O_DIRECTORY", O_DIRECTORY},
    {'O', "O_NOFOLLOW", O_NOFOLLOW},
    {'O', "O_PATH", O_PATH},
    {'O', "O_DIRECT", O_DIRECT},
    {'O', "O_SYNC", O_SYNC},
    {'O', "O_DSYNC", O_DSYNC},
    {'O', "O_NOATIME", O_NOATIME},
    {'W', "SEEK_SET", SEEK_SET},
    {'W', "SEEK_CUR", SEEK_CUR},
    {'W', "SEEK_END", SEEK_END},
    {'W', "SEEK_DATA", SEEK_DATA},
    {'W', "SEEK_HOLE", SEEK_HOLE},
    {'F', "FALLOC_FL_KEEP_SIZE", FALLOC_FL_KEEP_SIZE},
    {'F', "FALLOC_FL_PUNCH_HOLE", FALLOC_FL_PUNCH_HOLE},
    {'F', "FALLOC_FL_ZERO_RANGE", FALLOC_FL_ZERO_RANGE},
    {'F', "FALLOC_FL_COLLAPSE_RANGE", FALLOC_FL_COLLAPSE_RANGE},
    {'F', "FALLOC_FL_INSERT_RANGE", FALLOC_FL_INSERT_RANGE},
    {'R', "RENAME_NOREPLACE", RENAME_NOREPLACE},
    {'R', "RENAME_EXCHANGE", RENAME_EXCHANGE},
    {'R', "RENAME_WHITEOUT", RENAME_WHITEOUT},
    {'X', "XATTR_CREATE", XATTR_CREATE},
    {'X', "XATTR_REPLACE", XATTR_REPLACE},
    {'A', "AT_SYMLINK_NOFOLLOW", AT_SYMLINK_NOFOLLOW},
    {'A', "AT_SYMLINK_FOLLOW", AT_SYMLINK_FOLLOW},
    {'A', "AT_EMPTY_PATH", AT_EMPTY_PATH},
    {'A', "AT_EACCESS", AT_EACCESS},
    {'K', "LOCK_SH", LOCK_SH},
    {'K', "LOCK_EX", LOCK_EX},
    {'K', "LOCK_UN", LOCK_UN},
    {'L', "F_RDLCK", F_RDLCK},
    {'L', "F_WRLCK", F_WRLCK},
    {'L', "F_UNLCK", F_UNLCK},
    {'P', "PROT_READ", PROT_READ},
    {'P', "PROT_WRITE", PROT_WRITE},
    {'Y', "MS_SYNC", MS_SYNC},
    {'Y', "MS_ASYNC", MS_ASYNC},
    {'Y', "MS_INVALIDATE", MS_INVALIDATE},
    {'C', "FS_NODUMP_FL", FS_NODUMP_FL},
    {'C', "FS_NOATIME_FL", FS_NOATIME_FL},
};
#define SYMBOLS (sizeof(symbols) / sizeof(symbols[0]))

static bool is_list(char letter)
{
	return strchr("WL", letter);
}

static void symbol_text(char letter, int64_t value, char *text, size_t room)
{
	int64_t rest = value;

	*text = 0;
	for (size_t i = 0; i < SYMBOLS; i++) {
		const struct symbol *symbol = &symbols[i];
		if (symbol->letter != letter)
			continue;
		if (is_list(letter) ? value == symbol->value : (rest & symbol->value) == symbol->value) {
			size_t used = strlen(text);
			snprintf(text + used, room - used, "%s%s", used ? "|" : "", symbol->name);
			rest = is_list(letter) ? 0 : rest & ~symbol->value;
			if (is_list(letter))
				return;
		}
	}
	if (rest || !*text) {
		size_t used = strlen(text);
		snprintf(text + used, room - used, "%s%#llx", used ? "|" : "", (unsigned long long)rest);
	}
}

static bool symbol_parse(char letter, char *text, int64_t *ret_value)
{
	char *rest = NULL;

	*ret_value = 0;
	for (char *word = strtok_r(text, "|", &rest); word; word = strtok_r(NULL, "|", &rest)) {
		size_t i = 0;
		while (i < SYMBOLS && (symbols[i].letter != letter || strcmp(symbols[i].name, word) != 0))
			i++;
		if (i < SYMBOLS) {
			*ret_value |= symbols[i].value;
			continue;
		}
		char *end;
		*ret_value |= strtoll(word, &end, 0);
		if (*end)
			return false;
	}
	return true;
}

static void path_text(int at, const char *path, char *text, size_t room)
{
	if (at >= 0)
		snprintf(text, room, "@%d:%s", at, path);
	else
		snprintf(text, room, "%s%s", *path ? "" : "@-:", path);
}

static bool path_parse(const char *word, int8_t *ret_at, char path[PATH_ROOM])
{
	*ret_at = -1;
	if (word[0] == '@') {
		if (word[1] != '-')
			*ret_at = (int8_t)(word[1] - '0');
		if (*ret_at >= SLOTS || *ret_at < -1 || word[2] != ':')
			return false;
		word += 3;
	}
	if (strlen(word) >= PATH_ROOM)
		return false;
	strcpy(path, word);
	return true;
}

static void argument_text(const struct step *step, char letter, int64_t number, char *text, size_t room)
{
	switch (letter) {
	case 's':
		snprintf(text, room, "%d", step->slot);
		break;
	case 't':
		snprintf(text, room, "%d", step->slot2);
		break;
	case 'p':
		path_text(step->at, step->path, text, room);
		break;
	case 'q':
		path_text(step->at2, step->path2, text, room);
		break;
	case 'x':
		path_text(-1, step->path2, text, room);
		break;
	case 'o':
	case 'M':
		snprintf(text, room, "0%llo", (unsigned long long)number);
		break;
	case 'N':
		snprintf(text, room, "%s", xattr_names[(uint64_t)number % XATTR_NAMES]);
		break;
	default:
		if (strchr("OWFRXAKLPYC", letter))
			symbol_text(letter, number, text, room);
		else
			snprintf(text, room, "%lld", (long long)number);
	}
}

static bool takes_number(char letter)
{
	return !strchr("stpqx", letter);
}

void step_text(const struct step *step, char *text, size_t room)
{
	const struct call *call = &calls[step->call];
	unsigned number = 0;
	size_t used = (size_t)snprintf(text, room, "%u %s", step->worker, call->name);

	for (const char *letter = call->arguments; *letter && used + 2 < room; letter++) {
		text[used++] = ' ';
		argument_text(step, *letter, takes_number(*letter) ? step->numbers[number++] : 0, text + used,
			      room - used);
		used += strlen(text + used);
	}
}

static bool slot_parse(const char *word, int8_t *ret_slot)
{
	*ret_slot = (int8_t)strtol(word, NULL, 10);
	return *ret_slot >= 0 && *ret_slot < SLOTS;
}

static bool argument_parse(struct step *step, char letter, char *word, int64_t *ret_number)
{
	int8_t none;
	char *end;

	switch (letter) {
	case 's':
		return slot_parse(word, &step->slot);
	case 't':
		return slot_parse(word, &step->slot2);
	case 'p':
		return path_parse(word, &step->at, step->path);
	case 'q':
		return path_parse(word, &step->at2, step->path2);
	case 'x':
		return path_parse(word, &none, step->path2);
	case 'N':
		for (unsigned i = 0; i < XATTR_NAMES; i++) {
			if (!strcmp(word, xattr_names[i])) {
				*ret_number = i;
				return true;
			}
		}
		return false;
	default:
		if (strchr("OWFRXAKLPYC", letter))
			return symbol_parse(letter, word, ret_number);
		*ret_number = strtoll(word, &end, 0);
		return !*end;
	}
}

bool step_parse(const char *text, struct step *ret_step)
{
	struct step step = {.slot = -1, .slot2 = -1, .at = -1, .at2 = -1};
	char line[1024], *rest = NULL;
	unsigned number = 0;

	snprintf(line, sizeof(line), "%s", text);
	const char *user = strtok_r(line, " \t\n", &rest), *name = strtok_r(NULL, " \t\n", &rest);
	int call = name ? call_find(name) : -1;
	if (call < 0 || strtoul(user, NULL, 10) >= WORKERS)
		return false;
	step.worker = (uint8_t)strtoul(user, NULL, 10);
	step.call = (uint8_t)call;
	for (const char *letter = calls[call].arguments; *letter; letter++) {
		char *word = strtok_r(NULL, " \t\n", &rest);
		int64_t value = 0;
		if (!word || !argument_parse(&step, *letter, word, &value))
			return false;
		if (takes_number(*letter))
			step.numbers[number++] = value;
	}
	*ret_step = step;
	return true;
}
