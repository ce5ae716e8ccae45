/* mmfsctl sync, trim, grow, limit: an image and its room on the host. */
#include "admin.h"

#include "../common/open_image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long long ull;

/* ---- sync ---- */

int sync_run(const char *path)
{
	struct target target;
	struct image *image;
	int error = target_find(path, false, &target);

	if (error)
		return error;
	if (target.is_mounted) {
		/* What the kernel still holds (-o writeback) first. */
		error = syncfs(target.mounted.descriptor) ? target_say(&target, "sync", -errno)
							  : target_ask(&target, CONTROL_SYNC, NULL, "sync");
		target_close(&target);
		return error;
	}
	error = target_open_image(&target, &image);
	return error ? error : target_close_image(&target, image, 0);
}

/* ---- trim ---- */

static void print_size(const struct target *target, const char *name, const struct control_size *size)
{
	fputs("{\"path\": ", stdout);
	json_string(target->path);
	printf(", \"%s\": %llu, \"size_bytes\": %llu}\n", name, (ull)size->bytes, (ull)size->size);
}

static int trim_image(const struct target *target, struct control_size *size)
{
	struct image *image;
	int error = target_open_image(target, &image);

	if (error)
		return error;
	error = image_trim(image, &size->bytes);
	if (!error)
		error = image_shrink(image);
	size->size = image_size_blocks(image) << BLOCK_SHIFT;
	if (error)
		target_say(target, "trim", error);
	return target_close_image(target, image, error);
}

int trim_run(const char *path, enum output output)
{
	struct control_size size = {0};
	struct target target;
	int error = target_find(path, true, &target);

	if (error)
		return error;
	error =
	    target.is_mounted ? target_ask(&target, CONTROL_TRIM, &size, "trim") : trim_image(&target, &size);
	if (!error && output == OUTPUT_JSON)
		print_size(&target, "trimmed_bytes", &size);
	else if (!error)
		printf("%s: %llu bytes given back to the host\n", path, (ull)size.bytes);
	target_close(&target);
	return error;
}

/* ---- grow ---- */

static int grow_image(const struct target *target, struct control_info *info, struct control_size *size)
{
	struct image *image;
	/* Opening it takes in the size that its device has. */
	int error = target_open_image(target, &image);

	if (error)
		return error;
	size->size = size->bytes = image_size_blocks(image) << BLOCK_SHIFT;
	info->fixed_size = image_fixed_size(image);
	info->limit = le64_get(image_super(image)->limit_blocks) << BLOCK_SHIFT;
	return target_close_image(target, image, 0);
}

static void print_growth(const struct target *target, const struct control_info *info,
			 const struct control_size *size)
{
	printf("%s: ", target->path);
	if (!info->fixed_size)
		puts("grows by itself as it fills; nothing to do ('" PROGRAM " limit' sets how far)");
	else if (size->size > size->bytes)
		printf("has grown from %llu to %llu KiB\n", (ull)size->bytes / 1024, (ull)size->size / 1024);
	else
		printf("takes all of its device: %llu KiB\n", (ull)size->size / 1024);
	if (info->fixed_size && info->limit && info->limit < size->size)
		printf("%s: but its limit is %llu KiB: raise it with '" PROGRAM " limit'\n", target->path,
		       (ull)info->limit / 1024);
}

int grow_run(const char *path, enum output output)
{
	struct control_size size = {0};
	struct control_info info = {0};
	struct target target;
	int error = target_find(path, true, &target);

	if (error)
		return error;
	if (!target.is_mounted)
		error = grow_image(&target, &info, &size);
	else
		error = target_ask(&target, CONTROL_GROW, &size, "grow");
	if (!error && target.is_mounted)
		error = target_ask(&target, CONTROL_INFO, &info, "tell");
	if (!error && output == OUTPUT_JSON)
		print_size(&target, "size_before_bytes", &size);
	else if (!error)
		print_growth(&target, &info, &size);
	target_close(&target);
	return error;
}

/* ---- limit ---- */

static int set_limit(const struct target *target, struct control_size *size)
{
	struct image *image;
	int error;

	if (target->is_mounted)
		return target_ask(target, CONTROL_LIMIT, size, "set the limit");
	error = target_open_image(target, &image);
	if (error)
		return error;
	error = image_set_limit(image, size->bytes, &size->least);
	size->error = (uint32_t)-error;
	if (error && error != -EBUSY)
		target_say(target, "set the limit", error);
	return target_close_image(target, image, error == -EBUSY ? 0 : error);
}

static int say_in_use(const struct target *target, const struct control_size *size)
{
	fprintf(stderr,
		PROGRAM
		": %s: cannot set the limit: the image reaches to %llu KiB; move what lies at its end with "
		"'" PROGRAM " compact' first, or delete files\n",
		target->path, (ull)(size->least + 1023) / 1024);
	return -EBUSY;
}

static int change_limit(const struct target *target, const char *text)
{
	struct control_size size = {0};

	if (strcmp(text, "none") != 0 && (parse_size(text, &size.bytes) || !size.bytes)) {
		fprintf(stderr,
			PROGRAM
			": '%s' is not a size; give bytes, a number with K, M, G, T or P, or 'none'\n",
			text);
		return -EINVAL;
	}
	if (size.bytes && size.bytes < BLOCK_SIZE)
		size.bytes = BLOCK_SIZE;
	int error = set_limit(target, &size);
	return error ? error : size.error ? say_in_use(target, &size) : 0;
}

static int show_limit(const struct target *target, enum output output)
{
	struct control_info info = {0};
	int error = facts_find(target, &info);

	if (error)
		return error;
	if (output == OUTPUT_JSON)
		printf("{\"limit_bytes\": %llu}\n", (ull)info.limit);
	else if (info.limit)
		printf("%llu\n", (ull)info.limit);
	else
		puts("none");
	return 0;
}

int limit_run(const char *path, const char *size, enum output output)
{
	struct target target;
	int error = target_find(path, size != NULL, &target);

	if (error)
		return error;
	error = size ? change_limit(&target, size) : show_limit(&target, output);
	target_close(&target);
	return error;
}
