/* mmfsctl compact: makes an image as short as it can be. */
#include "admin.h"

#include "../common/facts.h"
#include "../common/files.h"
#include "../common/progress.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

typedef unsigned long long ull;

struct work {
	const struct target *target;
	struct files files; /* of an image that is not mounted */
	struct control_compaction at;
	uint64_t size_before;
};

/* 1: there is more to do. */
static int step(struct work *work)
{
	struct fs_compaction compaction;
	int error;

	if (work->target->is_mounted) {
		error = target_ask(work->target, CONTROL_COMPACT, &work->at, "compact");
		return error ? error : (int)work->at.more;
	}
	compaction = facts_to_compaction(&work->at);
	error = fs_compact_step(work->files.fs, &compaction);
	work->at = facts_of_compaction(&compaction);
	work->at.size = image_size_blocks(work->files.image) << BLOCK_SHIFT;
	return error < 0 ? target_say(work->target, "compact", error) : error;
}

static int run(struct work *work)
{
	int result = 1;

	while (result > 0) {
		if (files_stopped()) {
			result = -EINTR;
			break;
		}
		progress_amount((work->at.total_moved + work->at.moved_blocks) * BLOCK_SIZE,
				(work->at.total_moved + work->at.above_blocks) * BLOCK_SIZE);
		result = step(work);
	}
	progress_hide();
	if (result == -EINTR)
		fprintf(stderr, PROGRAM ": %s: stopped by a signal; what was moved stays moved\n",
			work->target->path);
	return result;
}

static void print_result(const struct work *work, enum output output)
{
	uint64_t moved = (work->at.total_moved + work->at.moved_blocks) * BLOCK_SIZE;

	if (output == OUTPUT_JSON) {
		fputs("{\"path\": ", stdout);
		json_string(work->target->path);
		printf(", \"moved_bytes\": %llu, \"size_before_bytes\": %llu, \"size_bytes\": %llu}\n",
		       (ull)moved, (ull)work->size_before, (ull)work->at.size);
	} else {
		printf("%s: moved %llu KiB, size from %llu to %llu KiB\n", work->target->path,
		       (ull)moved / 1024, (ull)work->size_before / 1024, (ull)work->at.size / 1024);
	}
}

static int compact_mounted(struct work *work)
{
	struct control_info info;
	int error = target_ask(work->target, CONTROL_INFO, &info, "tell");

	if (error)
		return error;
	work->size_before = info.size;
	return run(work);
}

static int compact_image(struct work *work)
{
	int error = files_open(PROGRAM, work->target->path, true, &work->files);

	if (error)
		return error;
	work->size_before = image_size_blocks(work->files.image) << BLOCK_SHIFT;
	error = run(work);
	int close_error = files_close(&work->files);
	return error ? error : close_error;
}

/* Closing an image cuts its end, too. */
static void look_again(struct work *work)
{
	struct stat status;

	if (!work->target->is_mounted && !stat(work->target->path, &status) && S_ISREG(status.st_mode))
		work->at.size = (uint64_t)status.st_size;
}

int compact_run(const char *path, enum output output)
{
	struct target target;
	int error = target_find(path, true, &target);
	struct work work = {.target = &target, .at = {.magic = CONTROL_MAGIC}};

	if (error)
		return error;
	files_catch_signals();
	progress_start(PROGRAM, "compacting");
	error = target.is_mounted ? compact_mounted(&work) : compact_image(&work);
	progress_end();
	if (!error) {
		look_again(&work);
		print_result(&work, output);
	}
	target_close(&target);
	return error;
}
