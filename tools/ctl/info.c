/* mmfsctl info and label: what an image is. */
#include "admin.h"

#include "../common/facts.h"
#include "../common/open_image.h"
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What its superblock tells, where the image cannot be opened. */
static void facts_of_super(const struct source *source, struct control_info *ret_info)
{
	const struct super_disk *super = &source->super;

	*ret_info = (struct control_info){
	    .magic = CONTROL_MAGIC,
	    .format_version = le32_get(super->version),
	    .clean = (le64_get(super->flags) & SUPER_CLEAN) != 0,
	    .failed = (le64_get(super->flags) & SUPER_FAILED) != 0,
	    .created_seconds = le64_get(super->created_seconds),
	    .size = store_size(source->store),
	    .limit = le64_get(super->limit_blocks) << BLOCK_SHIFT,
	    .journal = le64_get(super->ring_blocks) << BLOCK_SHIFT,
	};
	memcpy(ret_info->uuid, super->uuid, sizeof(ret_info->uuid));
	memcpy(ret_info->label, super->label, sizeof(ret_info->label));
}

/* *ret_use: what is in it is known. */
static int facts_of_file(const char *path, struct control_info *ret_info, bool *ret_use)
{
	struct source source;
	int error = source_open(path, true, &source);

	if (error)
		return error;
	if (!source.has_super) {
		fprintf(stderr, PROGRAM ": %s: both superblock slots are damaged\n", path);
		error = -EUCLEAN;
	} else {
		facts_of_super(&source, ret_info);
		*ret_use = source.image && !facts_of_image(source.image, ret_info);
	}
	source_close(&source);
	return error;
}

static const char *state(const struct target *target, const struct control_info *info)
{
	if (info->failed)
		return "a sync failed while it was mounted";
	if (target->is_mounted)
		return target->mounted.status.read_only ? "mounted read-only" : "mounted";
	return info->clean ? "clean" : "not unmounted (the next mount recovers it)";
}

static void print_text(const struct target *target, const struct control_info *info, bool use)
{
	printf("%s: an mmfs image\n", target->path);
	printf("  %-18s ", "uuid");
	text_uuid(info->uuid);
	printf("\n  %-18s ", "label");
	text_string(info->label, strnlen(info->label, sizeof(info->label)));
	putchar('\n');
	text_line("format version", "%u", info->format_version);
	text_time("created", (int64_t)info->created_seconds, 0);
	text_line("state", "%s", state(target, info));
	if (target->is_mounted) {
		printf("  %-18s ", "mountpoint");
		text_string(target->mounted.path, strlen(target->mounted.path));
		putchar('\n');
	}
	text_line("file size", "%llu KiB", (unsigned long long)info->size / 1024);
	if (info->fixed_size)
		text_line("grows", "no: its device has that size");
	else if (info->limit)
		text_line("grows up to", "%llu KiB", (unsigned long long)info->limit / 1024);
	else
		text_line("grows up to", "as far as the host has room");
	text_line("journal", "%llu KiB", (unsigned long long)info->journal / 1024);
	if (!use)
		return;
	text_line("inodes", "%llu", (unsigned long long)info->inodes);
	text_line("used", "%llu KiB", (unsigned long long)info->used / 1024);
	text_line("free", "%llu KiB", (unsigned long long)info->free / 1024);
}

static void print_json(const struct target *target, const struct control_info *info, bool use)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {{"format_version", info->format_version},
		       {"created", info->created_seconds},
		       {"size_bytes", info->size},
		       {"limit_bytes", info->limit},
		       {"journal_bytes", info->journal}},
	  in_use[] = {{"inodes", info->inodes}, {"used_bytes", info->used}, {"free_bytes", info->free}};

	fputs("{\"path\": ", stdout);
	json_string(target->path);
	fputs(", \"uuid\": \"", stdout);
	text_uuid(info->uuid);
	fputs("\", \"label\": ", stdout);
	json_string(info->label);
	fputs(", \"state\": ", stdout);
	json_string(state(target, info));
	fputs(", \"mountpoint\": ", stdout);
	json_string_or_null(target->is_mounted ? target->mounted.path : "");
	printf(", \"fixed_size\": %s", info->fixed_size ? "true" : "false");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		printf(", \"%s\": %llu", numbers[i].name, (unsigned long long)numbers[i].value);
	for (size_t i = 0; use && i < sizeof(in_use) / sizeof(in_use[0]); i++)
		printf(", \"%s\": %llu", in_use[i].name, (unsigned long long)in_use[i].value);
	puts("}");
}

static int find_facts(const struct target *target, struct control_info *ret_info, bool *ret_use)
{
	int error;

	*ret_use = true;
	if (!target->is_mounted)
		return facts_of_file(target->path, ret_info, ret_use);
	error = target_ask(target, CONTROL_INFO, ret_info, "tell");
	ret_info->label[sizeof(ret_info->label) - 1] = 0;
	return error;
}

int facts_find(const struct target *target, struct control_info *ret_info)
{
	bool use;

	return find_facts(target, ret_info, &use);
}

int info_run(const char *path, enum output output)
{
	struct control_info info = {0};
	struct target target;
	bool use;
	int error = target_find(path, false, &target);

	if (error)
		return error;
	error = find_facts(&target, &info, &use);
	if (!error && output == OUTPUT_JSON)
		print_json(&target, &info, use);
	else if (!error)
		print_text(&target, &info, use);
	target_close(&target);
	return error;
}

/* ---- label ---- */

static int show_label(const struct target *target, enum output output)
{
	struct control_info info = {0};
	int error = facts_find(target, &info);

	if (error)
		return error;
	if (output == OUTPUT_JSON) {
		fputs("{\"label\": ", stdout);
		json_string(info.label);
		puts("}");
	} else {
		show_name(info.label);
		putchar('\n');
	}
	return 0;
}

static int change_label(const struct target *target, const char *label)
{
	struct control_label wanted = {.label = ""};
	struct image *image;

	if (strlen(label) >= sizeof(wanted.label)) {
		fprintf(stderr, PROGRAM ": %s: the label is longer than 63 bytes; give a shorter one\n",
			target->path);
		return -EINVAL;
	}
	memcpy(wanted.label, label, strlen(label));
	if (target->is_mounted) {
		if (!ioctl(target->mounted.descriptor, CONTROL_LABEL, &wanted))
			return 0;
		return target_say(target, "change the label", -errno);
	}
	int error = target_open_image(target, &image);
	if (error)
		return error;
	error = image_set_label(image, label);
	if (error)
		target_say(target, "change the label", error);
	return target_close_image(target, image, error);
}

int label_run(const char *path, const char *label, enum output output)
{
	struct target target;
	int error = target_find(path, label != NULL, &target);

	if (error)
		return error;
	error = label ? change_label(&target, label) : show_label(&target, output);
	target_close(&target);
	return error;
}
