/* mmfsctl tree: names as a drawing. (tree.c prints the B+tree.) */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct drawing {
	struct files *files;
	bool all;
	bool *last; /* by depth: nothing follows on this level */
	size_t room;
	unsigned long long directories, others;
};

static int remember(struct drawing *drawing, const struct walk_entry *entry)
{
	if (entry->depth >= drawing->room) {
		size_t room = 2 * (size_t)entry->depth + 16;
		bool *last = realloc(drawing->last, room * sizeof(*last));
		if (!last)
			return -ENOMEM;
		drawing->last = last;
		drawing->room = room;
	}
	drawing->last[entry->depth] = entry->last;
	return 0;
}

static int draw_target(const struct drawing *drawing, const struct walk_entry *entry)
{
	char *target;

	int error = path_link_target(drawing->files->fs, entry->attr.inode, &target);
	if (error)
		return files_say(drawing->files, entry->path, error);
	printf(" -> ");
	show_name(target);
	free(target);
	return 0;
}

static int draw_entry(void *context, const struct walk_entry *entry, enum walk_event event)
{
	struct drawing *drawing = context;

	if (event == WALK_LEAVE)
		return 0;
	/* Its lines are drawn as if the hidden ones were there: which is the last cannot be known before. */
	if (entry->depth && entry->name[0] == '.' && !drawing->all)
		return event == WALK_ENTER ? WALK_SKIP : 0;
	int error = remember(drawing, entry);
	if (error)
		return error;
	for (unsigned depth = 1; depth < entry->depth; depth++)
		printf(drawing->last[depth] ? "    " : "|   ");
	if (entry->depth)
		printf(entry->last ? "`-- " : "|-- ");
	show_name(entry->depth ? entry->name : entry->path);
	if (S_ISLNK(entry->attr.mode))
		draw_target(drawing, entry);
	putchar('\n');
	if (event == WALK_ENTER)
		drawing->directories++;
	else
		drawing->others++;
	return 0;
}

int draw_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	char root[] = "/", *roots[] = {root};
	struct drawing drawing = {.files = files, .all = options->all};
	int first_error = 0;

	if (count == 0) {
		count = 1;
		paths = roots;
	}
	for (int i = 0; i < count; i++) {
		struct fs_attr attr;
		int error = path_find(files->fs, paths[i], true, &attr);
		if (error)
			files_say(files, paths[i], error);
		else
			error = walk_tree(files, paths[i], &attr, draw_entry, &drawing);
		first_error = first_error ? first_error : error;
	}
	printf("\n%llu directories, %llu files\n", drawing.directories, drawing.others);
	free(drawing.last);
	return first_error;
}
