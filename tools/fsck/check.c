/* One check: opening the image, all passes, what is wrong with opening it. */
#include "fsck.h"

#include "../common/open_image.h"
#include "../common/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* image_open has found a part damaged: a problem like any other. Only a check makes it anew in memory, for
 * the sake of what can be found behind it. */
static bool part_damaged(void *context, enum image_part part, uint64_t block, const char *why)
{
	static const enum problem_code codes[] = {
	    [IMAGE_JOURNAL] = PROBLEM_JOURNAL,	 [IMAGE_ROOTS] = PROBLEM_ROOTS,
	    [IMAGE_MAP] = PROBLEM_MAP,		 [IMAGE_SUPER] = PROBLEM_SLOT_NEWER,
	    [IMAGE_POSITION] = PROBLEM_POSITION,
	};
	struct fsck *fsck = context;
	uint64_t zone = part == IMAGE_MAP ? (block - fsck->zone_first) / ZONE_BLOCKS : 0;

	if (part == IMAGE_SUPER)
		fsck->newer_refused = true;
	problem_report_block(fsck, codes[part], block, zone, why);
	return !fsck->collect || !fsck->refused;
}

static void run_passes(struct fsck *fsck)
{
	static const struct {
		const char *name;
		uint64_t (*check)(struct fsck *fsck);
	} passes[] = {
	    {"superblock and roots", super_check}, {"maps", maps_check},   {"trees and items", items_check},
	    {"names and links", names_check},	   {"space", space_check},
	};

	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]) && !fsck->out_of_memory; i++) {
		uint64_t found = passes[i].check(fsck);
		progress_hide();
		if (fsck->session->verbose && !fsck->collect)
			printf("%s: %s: %llu problems\n", fsck->path, passes[i].name,
			       (unsigned long long)found);
	}
}

static int image_opened(struct fsck *fsck)
{
	fsck->super = image_super(fsck->image);
	fsck->size_blocks = image_size_blocks(fsck->image);
	image_read_lock(fsck->image);
	run_passes(fsck);
	image_read_unlock(fsck->image);
	if (fsck->out_of_memory)
		fprintf(stderr, PROGRAM ": %s: not enough memory to check it\n", fsck->path);
	else if (image_failure(fsck->image))
		fprintf(stderr, PROGRAM ": %s: cannot be read: %s\n", fsck->path,
			strerror(abs(image_failure(fsck->image))));
	else
		return EXIT_CLEAN;
	check_end(fsck);
	return EXIT_OPERATION;
}

/* The superblock says where zones begin: the map of a zone may be damaged before there is an image to ask. */
static void note_places(struct fsck *fsck)
{
	struct super_disk slot;

	for (unsigned i = 0; i < 2; i++) {
		memcpy(&slot, store_at(fsck->store, (uint64_t)i * BLOCK_SIZE), sizeof(slot));
		if (!memcmp(slot.magic, SUPER_MAGIC, sizeof(slot.magic)) && le64_get(slot.ring_blocks))
			fsck->zone_first = RING_START + le64_get(slot.ring_blocks);
	}
}

int check_image(struct session *session, bool writable, struct fsck *fsck)
{
	struct open_image_options options = {
	    .read_only = !writable,
	    .quiet = true,
	    .image = {.no_syncer = !writable, .repair = part_damaged, .repair_context = fsck}};

	*fsck = (struct fsck){.session = session, .path = session->path, .collect = writable};
	if (open_store(PROGRAM, session->path, &options, &fsck->store, NULL))
		return EXIT_OPERATION;
	int detected = image_detect(fsck->store);
	if (detected <= 0) {
		fprintf(stderr, PROGRAM ": %s: not an mmfs image\n", session->path);
		store_close(fsck->store);
		return EXIT_OPERATION;
	}
	note_places(fsck);
	int error = open_image_in(PROGRAM, session->path, fsck->store, &options, &fsck->image);
	if (error == 0) {
		fsck->zone_first = image_zone_first(fsck->image);
		return image_opened(fsck);
	}
	free(fsck->fixes.fixes);
	if (error != -EUCLEAN)
		return EXIT_OPERATION;
	if (!fsck->refused)
		printf("%s: 1 problem: it cannot be opened, and this cannot be repaired\n", session->path);
	return EXIT_ERRORS_LEFT;
}

int check_end(struct fsck *fsck)
{
	if (fsck->collect)
		progress_say("writing it out");
	int error = image_close(fsck->image);

	progress_hide();

	free(fsck->maps);
	free(fsck->owned);
	free(fsck->group_kinds);
	free(fsck->inodes);
	free(fsck->orphans.numbers);
	free(fsck->intents.numbers);
	free(fsck->values_wanted.notes);
	free(fsck->values_found.notes);
	free(fsck->fixes.fixes);
	if (error == 0)
		return EXIT_CLEAN;
	fprintf(stderr, PROGRAM ": %s: writing failed: %s; see the host's log for disk errors\n", fsck->path,
		strerror(-error));
	return EXIT_OPERATION;
}
