#include "step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_EVERY 3u /* requests */

/* ---- mounting ---- */

int mount_open(struct mount *mount)
{
	bool was_hit = mount->sim->fault.hit;
	int error;

	mount->fs = NULL;
	mount->image = NULL;
	mount->report = (struct image_report){0};
	error = image_open(store_sim_open(mount->sim), &mount->options, &mount->image, &mount->report);
	mount->fault_in_open = mount->fault_in_open || (!was_hit && mount->sim->fault.hit);
	if (error) {
		mount->image = NULL;
		return error;
	}
	error = fs_open(mount->image, &mount->fs_options, &mount->fs);
	if (error) {
		mount->fs = NULL;
		image_drop(mount->image);
		mount->image = NULL;
	}
	return error;
}

int mount_close(struct mount *mount)
{
	int error = fs_close(mount->fs);
	int second = image_close(mount->image);

	mount->fs = NULL;
	mount->image = NULL;
	return error ? error : second;
}

/* The fs is freed without clearing orphans by closing it on a store that takes no more writes. */
int mount_again(struct mount *mount)
{
	int error = mount_close(mount);

	return error ? error : mount_open(mount);
}

int mount_compact(struct mount *mount)
{
	struct fs_compaction compaction = {0};
	int error;

	do
		error = fs_compact_step(mount->fs, &compaction);
	while (error > 0);
	return error;
}

int mount_trim(struct mount *mount)
{
	uint64_t trimmed;

	return image_trim(mount->image, &trimmed);
}

void mount_drop(struct mount *mount)
{
	bool recording = mount->sim->recording;

	mount->sim->recording = false;
	mount->sim->frozen = true;
	if (mount->fs)
		fs_close(mount->fs);
	image_drop(mount->image);
	mount->sim->recording = recording;
	mount->fs = NULL;
	mount->image = NULL;
}

/* ---- requests ---- */

bool mount_request_begins(struct mount *mount, uint64_t unique, struct request_answer *ret_answer)
{
	*ret_answer = (struct request_answer){0};
	if (!mount->connection)
		return false;
	if (mount->resends && image_answer(mount->image, unique, ret_answer))
		return true;
	image_request_begin(mount->image, 0, mount->connection, unique);
	return false;
}

ssize_t mount_request_ends(struct mount *mount, ssize_t result)
{
	int error = 0;

	if (!mount->connection)
		return result;
	if (mount->checkpoints_early)
		error = image_checkpoint(mount->image);
	if (mount->options.held)
		mount->held_unanswered = atomic_load(&mount->options.held->requests[0]);
	image_request_end(mount->image);
	fs_finish(mount->fs);
	/* As a daemon does that has nothing else to do. */
	if (++mount->requests % COLLECT_EVERY == 0)
		fs_collect(mount->fs);
	return result < 0 || !error ? result : error;
}

/* ---- histories ---- */

static void make_room(struct history *history)
{
	if (history->count + 2 <= history->capacity)
		return;
	history->capacity = history->capacity ? history->capacity * 2 : 32;
	history->states = realloc(history->states, history->capacity * sizeof(struct model_state *));
	history->done = realloc(history->done, history->capacity * sizeof(*history->done));
	if (!history->states || !history->done)
		abort();
}

struct history *history_new(struct model_state *base)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		abort();
	make_room(history);
	history->states[0] = base;
	for (size_t i = 0; i < base->count; i++)
		if (base->files[i]->inode > history->highest_inode)
			history->highest_inode = base->files[i]->inode;
	return history;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i <= history->count; i++)
		model_state_free(history->states[i]);
	free(history->states);
	free(history->done);
	free(history);
}

void history_push(struct history *history, struct model_state *state, struct step_done done)
{
	make_room(history);
	history->done[history->count] = done;
	history->states[++history->count] = state;
}

struct history *history_copy(const struct history *history, size_t first, size_t last)
{
	struct history *copy = history_new(model_state_copy(history->states[first]));

	for (size_t i = first; i < last; i++)
		history_push(copy, model_state_copy(history->states[i + 1]), history->done[i]);
	copy->allocations = history->allocations;
	copy->steps = history->steps;
	copy->highest_inode = history->highest_inode;
	return copy;
}

/* ---- texts ---- */

void step_bytes(uint32_t step, uint64_t offset, uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint64_t at = offset + i;
		uint8_t value = (uint8_t)(step * 37 + at * 3 + (at >> 9) * 11 + (at >> 12) * 5);

		bytes[i] = value ? value : 1;
	}
}

static size_t path_text(const struct step_path *path, char *text, size_t room)
{
	size_t used = 0;

	if (!path->count)
		return (size_t)snprintf(text, room, " /");
	for (unsigned i = 0; i < path->count && used < room; i++) {
		char name[MODEL_NAME_ROOM];

		model_name(path->names[i], name);
		used += (size_t)snprintf(text + used, room - used, "%c%.12s", i ? '/' : ' ', name);
	}
	return used < room ? used : room;
}

void step_text(const struct step *step, char *text, size_t room)
{
	static const char *const names[STEP_KINDS] = {
	    "none",	   "create",	 "mkdir",     "symlink",	"link",	  "unlink",
	    "rmdir",	   "rename",	 "exchange",  "write",		"append", "truncate",
	    "punch",	   "zero-range", "fallocate", "fallocate-keep", "copy",	  "setxattr",
	    "removexattr", "chmod",	 "fsync",     "fdatasync",	"sync",	  "checkpoint",
	    "trim",	   "compact",	 "limit",     "label",		"grow",	  "remount",
	};
	size_t used = (size_t)snprintf(text, room, "%s", names[step->kind]);

	if (step->kind < STEP_SYNC)
		used += path_text(&step->a, text + used, room - used);
	if (step->kind == STEP_LINK || step->kind == STEP_RENAME || step->kind == STEP_EXCHANGE ||
	    step->kind == STEP_COPY)
		used += path_text(&step->b, text + used, room - used);
	if ((step->kind >= STEP_WRITE && step->kind <= STEP_SETXATTR) || step->kind == STEP_LIMIT ||
	    step->kind == STEP_GROW)
		snprintf(text + used, room - used, " %llu+%llu", (unsigned long long)step->offset,
			 (unsigned long long)step->length);
}
