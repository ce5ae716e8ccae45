/* Steps that change what the superblock says of the image, and what it has to say after a crash: the change
 * is durable when the step returns, and is done or not at all before. */
#include "verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void label_text(uint32_t label, char text[64])
{
	text[0] = 0;
	if (label)
		snprintf(text, 64, "%u. %.*s", label, (int)(label % 56),
			 "label, so long that it takes most of its field");
}

int settings_run(struct mount *mount, struct model_state *state, const struct step *step)
{
	bool refused = step->kind == STEP_LIMIT && step->seed;
	char label[64];
	uint64_t least;
	int error;

	state->settings = true;
	switch (step->kind) {
	case STEP_LABEL:
		label_text(step->seed, label);
		error = image_set_label(mount->image, label);
		state->label = step->seed;
		break;
	case STEP_LIMIT:
		error = image_set_limit(mount->image, step->length, &least);
		if (!refused)
			state->limit = step->length;
		break;
	default: /* GROW */
		mount->sim->device_size = step->length;
		error = image_grow(mount->image);
		if (!error && store_size(&mount->sim->store) != step->length)
			error = -ENXIO;
		break;
	}
	mount->error = refused ? -EINVAL : error;
	return refused ? error != -EBUSY : error != 0;
}

static bool settings_are(const struct mount *mount, const struct model_state *state)
{
	const struct super_disk *super = image_super(mount->image);
	char label[64] = "";

	if (!state->settings)
		return true;
	label_text(state->label, label);
	return !strncmp(label, super->label, sizeof(super->label)) &&
	       le64_get(super->limit_blocks) == state->limit / BLOCK_SIZE;
}

int verify_settings(struct mount *mount, const struct history *history, const struct verify_window *window,
		    char *why, size_t room)
{
	const struct super_disk *super = image_super(mount->image);
	uint64_t size = store_size(&mount->sim->store) / BLOCK_SIZE, limit = le64_get(super->limit_blocks);

	for (size_t i = window->acknowledged; i <= window->last; i++)
		if (settings_are(mount, history->states[i]))
			return 0;
	snprintf(why, room,
		 "label '%.63s' and limit of %" PRIu64 " blocks (the image has %" PRIu64
		 ") are of no state %zu..%zu",
		 super->label, limit, size, window->acknowledged, window->last);
	return 1;
}

void settings_found(struct mount *mount, const struct history *history, const struct verify_window *window,
		    struct model_state *state)
{
	for (size_t i = window->acknowledged; i <= window->last; i++) {
		const struct model_state *other = history->states[i];

		if (!settings_are(mount, other))
			continue;
		state->settings = other->settings;
		state->label = other->label;
		state->limit = other->limit;
	}
}
