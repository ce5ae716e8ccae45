/* mmfsctl df: room in an image. */
#include "command.h"

#include <stdio.h>

static void print_text(const struct files *files, const struct fs_statfs *room)
{
	unsigned long long total = room->blocks, left = room->free_blocks, used = total - left;
	const unsigned kib = BLOCK_SIZE / 1024;

	puts("  1K-blocks        Used   Available Use%    Inodes Image");
	printf("%11llu %11llu %11llu %3llu%% %9llu ", total * kib, used * kib, left * kib,
	       total ? (used * 100 + total - 1) / total : 0, (unsigned long long)room->inodes);
	show_name(files->image_path);
	putchar('\n');
}

static void print_json(const struct files *files, const struct fs_statfs *room)
{
	printf("{\"image\": ");
	show_json(files->image_path);
	printf(
	    ", \"total_bytes\": %llu, \"used_bytes\": %llu, \"available_bytes\": %llu, \"inodes\": %llu}\n",
	    (unsigned long long)room->blocks * BLOCK_SIZE,
	    (unsigned long long)(room->blocks - room->free_blocks) * BLOCK_SIZE,
	    (unsigned long long)room->free_blocks * BLOCK_SIZE, (unsigned long long)room->inodes);
}

int df_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	struct fs_statfs room;

	(void)count;
	(void)paths;
	int error = tree_statfs(files->fs, &room);
	if (error)
		return files_say(files, "/", error);
	if (room.free_blocks > room.blocks)
		room.free_blocks = room.blocks;
	if (options->json)
		print_json(files, &room);
	else
		print_text(files, &room);
	return 0;
}
