#include "explore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void workload_text(const struct workload *workload, char *text, size_t room)
{
	size_t used = 0;
	unsigned last = 0;

	if (workload->kind == WORKLOAD_MAKE) {
		snprintf(text, room, "make");
		return;
	}
	if (workload->kind == WORKLOAD_DIRECTED) {
		snprintf(text, room, "directed-%s", script_directed_name(workload->script));
		return;
	}
	if (workload->kind == WORKLOAD_ACE) {
		used = (size_t)snprintf(text, room, "ace");
		for (unsigned i = 0; i < workload->count && used < room; i++)
			used += (size_t)snprintf(text + used, room - used, "-%u", workload->steps[i]);
		return;
	}
	used = (size_t)snprintf(text, room, "random-%" PRIu64 "-%u", workload->seed, workload->count);
	for (unsigned i = 0; i < workload->count; i++)
		if (workload->removed[i])
			last = i + 1;
	if (!last)
		return;
	used += (size_t)snprintf(text + used, room - used, "-x");
	for (unsigned i = 0; i < last && used < room; i += 4) {
		unsigned digit = 0;

		for (unsigned k = 0; k < 4 && i + k < workload->count; k++)
			digit |= (unsigned)workload->removed[i + k] << k;
		used += (size_t)snprintf(text + used, room - used, "%x", digit);
	}
}

static bool parse_ace(const char *text, struct workload *workload)
{
	workload->kind = WORKLOAD_ACE;
	while (*text == '-' && workload->count < ACE_MAX) {
		char *end;

		workload->steps[workload->count++] = (unsigned)strtoul(text + 1, &end, 10);
		text = end;
	}
	return workload->count && !*text;
}

static bool parse_random(const char *text, struct workload *workload)
{
	char *end;

	workload->kind = WORKLOAD_RANDOM;
	if (*text != '-')
		return false;
	workload->seed = strtoull(text + 1, &end, 10);
	if (*end != '-')
		return false;
	workload->count = (unsigned)strtoul(end + 1, &end, 10);
	if (workload->count > REMOVED_MAX)
		return false;
	if (!strncmp(end, "-x", 2)) {
		end += 2;
		for (unsigned i = 0; *end && i < REMOVED_MAX; i += 4, end++) {
			char digit[2] = {*end, 0};
			unsigned long bits = strtoul(digit, NULL, 16);

			for (unsigned k = 0; k < 4; k++)
				workload->removed[i + k] = bits >> k & 1;
		}
	}
	return !*end;
}

static bool parse_directed(const char *text, struct workload *workload)
{
	workload->kind = WORKLOAD_DIRECTED;
	for (; workload->script < script_directed_count(); workload->script++)
		if (!strcmp(script_directed_name(workload->script), text))
			return true;
	return false;
}

bool workload_parse(const char *text, struct workload *ret_workload)
{
	memset(ret_workload, 0, sizeof(*ret_workload));
	if (!strcmp(text, "make")) {
		ret_workload->kind = WORKLOAD_MAKE;
		return true;
	}
	if (!strncmp(text, "ace", 3))
		return parse_ace(text + 3, ret_workload);
	if (!strncmp(text, "directed-", 9))
		return parse_directed(text + 9, ret_workload);
	if (!strncmp(text, "random", 6))
		return parse_random(text + 6, ret_workload);
	return false;
}

bool workload_step(const struct workload *workload, unsigned index, struct step *ret_step)
{
	unsigned kept = 0;

	if (workload->kind == WORKLOAD_DIRECTED)
		return script_directed_step(workload->script, index, ret_step);
	if (workload->kind == WORKLOAD_ACE) {
		if (index < workload->count) {
			*ret_step = script_ace_step(workload->steps[index]);
			return true;
		}
		*ret_step = (struct step){.kind = STEP_SYNC};
		return index == workload->count;
	}
	for (unsigned i = 0; i < workload->count; i++) {
		if (workload->removed[i] || kept++ != index)
			continue;
		*ret_step = script_random_step(workload->seed, i);
		return true;
	}
	return false;
}

bool workload_wants_small_image(const struct workload *workload)
{
	if (workload->kind == WORKLOAD_DIRECTED)
		return script_directed_small(workload->script);
	return workload->kind == WORKLOAD_RANDOM && script_wants_small_image(workload->seed);
}

bool workload_wants_device(const struct workload *workload)
{
	return workload->kind == WORKLOAD_DIRECTED && script_directed_device(workload->script);
}

uint64_t workload_hash(const struct workload *workload)
{
	char text[REMOVED_MAX];

	workload_text(workload, text, sizeof(text));
	return model_bytes_hash(text, strlen(text));
}
