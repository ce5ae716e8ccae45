/* mmfsctl ls: as ls(1), with numbers of owners, since an image may come from another machine. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct row {
	char *name;
	struct fs_attr attr;
	char *target; /* of a symbolic link, else NULL */
};

struct rows {
	struct row *rows;
	size_t count, room;
};

struct ls {
	struct files *files;
	const struct command_options *options;
	bool headings; /* each directory is named */
	bool printed;  /* something, so that a blank line or a comma comes between */
	int first_error;
};

static void note_error(struct ls *ls, const char *path, int error)
{
	files_say(ls->files, path, error);
	if (!ls->first_error)
		ls->first_error = error;
}

/* ---- rows ---- */

static void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->rows[i].name);
		free(rows->rows[i].target);
	}
	free(rows->rows);
}

static int rows_add(struct ls *ls, struct rows *rows, const char *name, const struct fs_attr *attr)
{
	struct row row = {.attr = *attr};
	int error = 0;

	if (rows->count == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;
		struct row *grown = reallocarray(rows->rows, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		rows->rows = grown;
		rows->room = room;
	}
	if (S_ISLNK(attr->mode) && (ls->options->details || ls->options->json))
		error = path_link_target(ls->files->fs, attr->inode, &row.target);
	row.name = error ? NULL : strdup(name);
	if (!row.name) {
		free(row.target);
		return error ? error : -ENOMEM;
	}
	rows->rows[rows->count++] = row;
	return 0;
}

/* ---- printing them ---- */

struct widths {
	int links, uid, gid, size;
};

static void widen(int *width, int wanted)
{
	if (*width < wanted)
		*width = wanted;
}

static int size_text(const struct fs_attr *attr, char *text, size_t room)
{
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))
		return snprintf(text, room, "%u, %u", attr->rdev_major, attr->rdev_minor);
	return snprintf(text, room, "%llu", (unsigned long long)attr->size);
}

static struct widths measure(const struct rows *rows)
{
	struct widths widths = {0};
	char text[32];

	for (size_t i = 0; i < rows->count; i++) {
		const struct fs_attr *attr = &rows->rows[i].attr;
		widen(&widths.links, snprintf(text, sizeof(text), "%u", attr->nlink));
		widen(&widths.uid, snprintf(text, sizeof(text), "%u", attr->uid));
		widen(&widths.gid, snprintf(text, sizeof(text), "%u", attr->gid));
		widen(&widths.size, size_text(attr, text, sizeof(text)));
	}
	return widths;
}

static void print_details(const struct fs_attr *attr, const struct widths *widths)
{
	char mode[11], size[32], when[64] = "?";
	time_t seconds = attr->mtime.tv_sec;
	struct tm parts;

	show_mode(attr->mode, mode);
	size_text(attr, size, sizeof(size));
	if (localtime_r(&seconds, &parts))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &parts);
	printf("%s %*u %*u %*u %*s %s ", mode, widths->links, attr->nlink, widths->uid, attr->uid,
	       widths->gid, attr->gid, widths->size, size, when);
}

static void print_text(const struct ls *ls, const struct rows *rows)
{
	struct widths widths = measure(rows);

	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];
		if (ls->options->details)
			print_details(&row->attr, &widths);
		show_name(row->name);
		if (row->target && ls->options->details) {
			printf(" -> ");
			show_name(row->target);
		}
		putchar('\n');
	}
}

static void json_time(const char *name, const struct timespec *time)
{
	long long seconds = time->tv_sec;

	/* nanoseconds count upwards before 1970 as well */
	if (seconds < 0 && time->tv_nsec)
		printf(", \"%s\": -%lld.%09ld", name, -(seconds + 1), 1000000000 - time->tv_nsec);
	else
		printf(", \"%s\": %lld.%09ld", name, seconds, time->tv_nsec);
}

static void print_json(struct ls *ls, const char *path, const struct row *row)
{
	const struct fs_attr *attr = &row->attr;

	printf(ls->printed ? ",\n {\"path\": " : "[\n {\"path\": ");
	ls->printed = true;
	show_json(path);
	printf(", \"type\": \"%s\", \"mode\": \"%04o\", \"links\": %u, \"uid\": %u, \"gid\": %u",
	       show_type(attr->mode), attr->mode & 07777, attr->nlink, attr->uid, attr->gid);
	printf(", \"size\": %llu, \"allocated\": %llu, \"inode\": %llu", (unsigned long long)attr->size,
	       (unsigned long long)attr->blocks512 * 512, (unsigned long long)attr->inode);
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))
		printf(", \"major\": %u, \"minor\": %u", attr->rdev_major, attr->rdev_minor);
	json_time("atime", &attr->atime);
	json_time("mtime", &attr->mtime);
	json_time("ctime", &attr->ctime);
	json_time("btime", &attr->btime);
	if (row->target) {
		printf(", \"target\": ");
		show_json(row->target);
	}
	putchar('}');
}

/* directory: its path, NULL for what was given by itself. */
static void print_rows(struct ls *ls, const struct rows *rows, const char *directory)
{
	if (!ls->options->json) {
		print_text(ls, rows);
		ls->printed = ls->printed || rows->count;
		return;
	}
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];
		char *path = NULL;
		bool slash = directory && *directory && directory[strlen(directory) - 1] != '/';
		if (asprintf(&path, "%s%s%s", directory ? directory : "", slash ? "/" : "", row->name) < 0) {
			note_error(ls, row->name, -ENOMEM);
			return;
		}
		print_json(ls, path, row);
		free(path);
	}
}

/* ---- directories ---- */

static void add_entry(struct ls *ls, struct rows *rows, uint64_t directory, const char *path,
		      const char *name)
{
	struct fs_attr attr;
	int error = tree_lookup(ls->files->fs, directory, (struct fs_name){name, strlen(name)}, &attr);

	if (!error)
		error = rows_add(ls, rows, name, &attr);
	if (!error)
		return;
	fprintf(stderr, PROGRAM ": in %s:\n", path);
	note_error(ls, name, error);
}

static void print_heading(const struct ls *ls, const char *path, const struct rows *rows)
{
	unsigned long long blocks = 0;

	if (ls->options->json)
		return;
	if (ls->headings) {
		if (ls->printed)
			putchar('\n');
		show_name(path);
		puts(":");
	}
	for (size_t i = 0; i < rows->count; i++)
		blocks += rows->rows[i].attr.blocks512;
	if (ls->options->details)
		printf("total %llu\n", (blocks + 1) / 2);
}

static void list_one(struct ls *ls, const char *path, uint64_t directory)
{
	struct listing listing;
	struct rows rows = {0};

	int error = list_directory(ls->files->fs, directory, &listing);
	if (error) {
		note_error(ls, path, error);
		return;
	}
	if (ls->options->all) {
		add_entry(ls, &rows, directory, path, ".");
		add_entry(ls, &rows, directory, path, "..");
	}
	for (size_t i = 0; i < listing.count; i++)
		if (ls->options->all || listing.names[i][0] != '.')
			add_entry(ls, &rows, directory, path, listing.names[i]);
	print_heading(ls, path, &rows);
	print_rows(ls, &rows, path);
	ls->printed = ls->printed || !ls->options->json;
	rows_free(&rows);
	listing_free(&listing);
}

static int list_below(void *context, const struct walk_entry *entry, enum walk_event event)
{
	struct ls *ls = context;

	if (event != WALK_ENTER)
		return 0;
	if (entry->depth && entry->name[0] == '.' && !ls->options->all)
		return WALK_SKIP;
	list_one(ls, entry->path, entry->attr.inode);
	return 0;
}

static void list_directories(struct ls *ls, int count, char **paths)
{
	for (int i = 0; i < count; i++) {
		struct fs_attr attr;
		int error = path_find(ls->files->fs, paths[i], !ls->options->details, &attr);
		if (error || !S_ISDIR(attr.mode))
			continue; /* said, or printed, before */
		if (!ls->options->recursive) {
			list_one(ls, paths[i], attr.inode);
			continue;
		}
		error = walk_tree(ls->files, paths[i], &attr, list_below, ls);
		if (!ls->first_error)
			ls->first_error = error;
	}
}

/* What is no directory comes first. With -l a link is itself, else what it leads to if that is a directory.
 */
static void list_others(struct ls *ls, int count, char **paths)
{
	struct rows rows = {0};

	for (int i = 0; i < count; i++) {
		struct fs_attr attr;
		int error = path_find(ls->files->fs, paths[i], !ls->options->details, &attr);
		if (error == -ENOENT || error == -ELOOP)
			error = path_find(ls->files->fs, paths[i], false, &attr);
		else if (!error && !S_ISDIR(attr.mode))
			error = path_find(ls->files->fs, paths[i], false, &attr);
		if (!error && !S_ISDIR(attr.mode))
			error = rows_add(ls, &rows, paths[i], &attr);
		if (error)
			note_error(ls, paths[i], error);
	}
	print_rows(ls, &rows, NULL);
	rows_free(&rows);
}

int ls_run(struct files *files, const struct command_options *options, int count, char **paths)
{
	char root[] = "/", *roots[] = {root};
	struct ls ls = {.files = files, .options = options};

	if (count == 0) {
		count = 1;
		paths = roots;
	}
	ls.headings = options->recursive || count > 1;
	list_others(&ls, count, paths);
	list_directories(&ls, count, paths);
	if (options->json)
		puts(ls.printed ? "\n]" : "[]");
	return ls.first_error;
}
