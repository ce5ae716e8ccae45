/* A failing script made smaller: steps are left out as long as the rest still fails in the same way, in
 * fresh trees. */
#include "differ.h"

#define SHRINK_SECONDS 120.0
#define KIND_ROOM      128u
#define LAST_STEPS     40u /* printed when it does not fail again */

static void print_script(const struct script *script, size_t from)
{
	char text[512];

	for (size_t i = from; i < script->count; i++) {
		step_text(&script->steps[i], text, sizeof(text));
		printf("    %s\n", text);
	}
}

/* The call that differs, and the first field that does. */
static void kind_of(const struct script *script, const struct difference *difference, char *kind, size_t room)
{
	const char *call = script->count ? calls[script->steps[script->count - 1].call].name : "";

	snprintf(kind, room, "%s %.*s", call, (int)strcspn(difference->text, ":"), difference->text);
}

/* Cuts what comes behind the failing step; false: it does not fail. A failing comparison is of no call. */
static bool still_fails(struct run *run, struct script *script, struct difference *ret, char *kind,
			size_t room)
{
	ssize_t at = run_script(run, script, ret);

	if (at < 0)
		return false;
	if ((size_t)at < script->count) {
		script->count = (size_t)at + 1;
		kind_of(script, ret, kind, room);
	} else {
		snprintf(kind, room, "trees");
	}
	return true;
}

static bool without(struct run *run, struct script *script, size_t from, size_t count, const char *kind,
		    struct difference *difference)
{
	char new_kind[KIND_ROOM];
	struct script smaller = {.steps = malloc(script->count * sizeof(struct step))};
	struct difference found;

	if (from + count > script->count)
		count = script->count - from;
	for (size_t i = 0; i < script->count; i++) {
		if (i < from || i >= from + count)
			smaller.steps[smaller.count++] = script->steps[i];
	}
	bool fails = smaller.count && still_fails(run, &smaller, &found, new_kind, sizeof(new_kind)) &&
		     !strcmp(kind, new_kind);
	if (fails) {
		memcpy(script->steps, smaller.steps, smaller.count * sizeof(struct step));
		script->count = smaller.count;
		*difference = found;
	}
	free(smaller.steps);
	return fails;
}

void shrink(struct run *run, const struct script *script)
{
	struct script smaller = {0};
	struct difference difference;
	double deadline = now_seconds() + SHRINK_SECONDS;
	char kind[KIND_ROOM];

	for (size_t i = 0; i < script->count; i++)
		script_add(&smaller, &script->steps[i]);
	if (!still_fails(run, &smaller, &difference, kind, sizeof(kind))) {
		printf("the same steps in fresh trees agree; the last of them:\n");
		print_script(script, script->count > LAST_STEPS ? script->count - LAST_STEPS : 0);
		free(smaller.steps);
		return;
	}
	for (size_t size = smaller.count / 2; size; size /= 2) {
		/* from the end: what is far away matters least */
		for (size_t at = smaller.count; at > 0 && now_seconds() < deadline;) {
			at = at > size ? at - size : 0;
			if (at < smaller.count)
				(void)without(run, &smaller, at, size, kind, &difference);
		}
	}
	printf("a script of %zu steps for --replay:\n", smaller.count);
	print_script(&smaller, 0);
	printf("ends with\n%s", difference.text);
	fflush(stdout);
	free(smaller.steps);
}
