#include "step.h"

#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct step_call {
	struct mount *mount;
	struct model_state *state; /* being changed */
	struct history *history;
	const struct step *step;
	uint64_t parent_a, parent_b, a, b; /* inodes; 0: absent */
	struct fs_name name_a, name_b;
	uint32_t entry_a, entry_b;
	char text_a[MODEL_NAME_ROOM], text_b[MODEL_NAME_ROOM];
	struct step_done done;
	unsigned requests;	      /* begun so far */
	struct request_answer answer; /* to the last of them, if it had happened before */
};

/* ---- helpers ---- */

static uint64_t resolve(const struct model_state *state, const struct step_path *path, unsigned depth)
{
	uint64_t inode = ROOT_INODE;

	for (unsigned i = 0; i < depth && inode; i++) {
		struct model_file *directory = model_find(state, inode);

		inode = directory && S_ISDIR(directory->mode) ? model_lookup(directory, path->names[i]) : 0;
	}
	if (inode && depth < path->count) {
		struct model_file *directory = model_find(state, inode);

		if (!directory || !S_ISDIR(directory->mode))
			return 0;
	}
	return inode;
}

static void resolve_path(const struct model_state *state, const struct step_path *path, uint64_t *ret_parent,
			 uint64_t *ret_inode, uint32_t *ret_entry, char *text, struct fs_name *ret_name)
{
	*ret_parent = path->count ? resolve(state, path, path->count - 1) : 0;
	*ret_inode =
	    path->count ? (*ret_parent ? resolve(state, path, path->count) : 0) : (uint64_t)ROOT_INODE;
	*ret_entry = path->count ? path->names[path->count - 1] : 0;
	ret_name->bytes = text;
	ret_name->length = model_name(*ret_entry, text);
}

static bool is_directory(const struct step_call *call, uint64_t inode)
{
	return S_ISDIR(model_find(call->state, inode)->mode);
}

/* Is `inode` the directory `top` or below it? */
static bool is_below(const struct step_call *call, uint64_t inode, uint64_t top)
{
	for (unsigned depth = 0; depth < 64; depth++) {
		if (inode == top)
			return true;
		if (inode == ROOT_INODE)
			return false;
		inode = model_find(call->state, inode)->parent;
	}
	return true;
}

/* 0 if both agree that it worked or not. */
static int judge(struct step_call *call, int error, bool should_work)
{
	call->mount->error = error < 0 ? error : 0;
	return (error >= 0) == should_work ? 0 : 1;
}

static bool request_begins(struct step_call *call)
{
	return mount_request_begins(call->mount, step_unique(call->history->steps, call->requests++),
				    &call->answer);
}

#define REQUEST(call, expression)                                                                            \
	(int)(request_begins(call) ? 0 : mount_request_ends((call)->mount, expression))

static void count_link(struct step_call *call, uint64_t inode, int change)
{
	model_edit(call->state, inode)->nlink += (uint32_t)change;
}

/* A name of `inode` goes: and with it perhaps the inode. */
static void lose_name(struct step_call *call, uint64_t parent, uint64_t inode)
{
	if (is_directory(call, inode)) {
		model_edit(call->state, inode)->nlink = 0;
		count_link(call, parent, -1);
	} else {
		count_link(call, inode, -1);
	}
}

/* ---- names ---- */

/* Some files are made without a name first, and some renames leave a whiteout. */
static bool makes_unnamed(const struct step *step)
{
	return step->kind == STEP_CREATE && step->seed % 4 == 3;
}

static bool leaves_whiteout(const struct step *step)
{
	return step->seed % 4 == 3;
}

static int make_unnamed(struct step_call *call, const struct fs_caller *caller, struct fs_attr *attr)
{
	struct fs *fs = call->mount->fs;
	int error = REQUEST(call, fs_tmpfile(fs, caller, call->parent_a, 0644, attr));

	if (error)
		return error;
	uint64_t inode = call->answer.inode ? call->answer.inode : attr->inode;
	error = REQUEST(call, fs_link(fs, inode, call->parent_a, call->name_a, attr));
	attr->inode = inode;
	/* Either it has no name and goes, or it is known twice. */
	fs_forget(fs, inode, 1);
	return error;
}

static int run_make(struct step_call *call)
{
	const struct step *step = call->step;
	struct fs_caller caller = {0};
	struct fs_attr attr = {0};
	uint32_t mode = step->kind == STEP_MKDIR ? S_IFDIR | 0755 : S_IFREG | 0644;
	char target[4096];
	struct model_file *file;
	int error;

	if (!call->parent_a)
		return 0;
	if (step->kind == STEP_SYMLINK) {
		mode = S_IFLNK | 0777;
		model_text(step->seed, target, step->length);
		target[step->length] = 0;
		error = REQUEST(
		    call, fs_symlink(call->mount->fs, &caller, call->parent_a, call->name_a, target, &attr));
	} else if (makes_unnamed(step) && !call->a) { /* nobody would hear of a deletion that failed */
		error = make_unnamed(call, &caller, &attr);
	} else {
		error = REQUEST(
		    call, fs_make(call->mount->fs, &caller, call->parent_a, call->name_a, mode, 0, 0, &attr));
	}
	if (call->a)
		return judge(call, error, false);
	if (call->answer.inode)
		attr.inode = call->answer.inode;
	if (error)
		attr.inode = call->history->highest_inode + 1;
	if (attr.inode > call->history->highest_inode)
		call->history->highest_inode = attr.inode;
	if (model_find(call->state, attr.inode)) {
		call->mount->error = -EEXIST;
		return 1;
	}
	file = model_add(call->state, attr.inode, mode);
	file->nlink = S_ISDIR(mode) ? 2 : 1;
	file->parent = S_ISDIR(mode) ? call->parent_a : 0;
	if (S_ISLNK(mode)) {
		file->target_seed = step->seed;
		file->target_length = (uint32_t)step->length;
	}
	model_enter(model_edit(call->state, call->parent_a), call->entry_a, attr.inode);
	if (S_ISDIR(mode))
		count_link(call, call->parent_a, 1);
	return judge(call, error, true);
}

static int run_link(struct step_call *call)
{
	struct fs_attr attr;
	int error;

	if (!call->a || !call->parent_b)
		return 0;
	error = REQUEST(call, fs_link(call->mount->fs, call->a, call->parent_b, call->name_b, &attr));
	if (call->b || is_directory(call, call->a))
		return judge(call, error, false);
	count_link(call, call->a, 1);
	model_enter(model_edit(call->state, call->parent_b), call->entry_b, call->a);
	return judge(call, error, true);
}

static int run_unlink(struct step_call *call)
{
	bool is_rmdir = call->step->kind == STEP_RMDIR;
	int error;

	if (!call->parent_a)
		return 0;
	error =
	    REQUEST(call, (is_rmdir ? fs_rmdir : fs_unlink)(call->mount->fs, call->parent_a, call->name_a));
	if (!call->a || is_directory(call, call->a) != is_rmdir ||
	    (is_rmdir && model_find(call->state, call->a)->entry_count))
		return judge(call, error, false);
	lose_name(call, call->parent_a, call->a);
	model_leave(model_edit(call->state, call->parent_a), call->entry_a);
	return judge(call, error, true);
}

static bool rename_works(const struct step_call *call)
{
	bool directory;

	if (!call->a)
		return false;
	directory = is_directory(call, call->a);
	if (directory && is_below(call, call->parent_b, call->a))
		return false;
	if (!call->b || call->a == call->b)
		return true;
	if (is_directory(call, call->b) != directory)
		return false;
	if (is_below(call, call->parent_a, call->b) && directory)
		return false;
	return !directory || !model_find(call->state, call->b)->entry_count;
}

/* The entry for `inode` is now in `parent`. */
static void set_parent(struct step_call *call, uint64_t inode, uint64_t old_parent, uint64_t parent)
{
	if (!is_directory(call, inode) || old_parent == parent)
		return;
	model_edit(call->state, inode)->parent = parent;
	count_link(call, old_parent, -1);
	count_link(call, parent, 1);
}

static int rename_names(const struct step_call *call)
{
	const struct fs_caller caller = {0};
	struct fs *fs = call->mount->fs;

	if (leaves_whiteout(call->step))
		return fs_rename_whiteout(fs, &caller, call->parent_a, call->name_a, call->parent_b,
					  call->name_b, 0);
	return fs_rename(fs, call->parent_a, call->name_a, call->parent_b, call->name_b, 0);
}

/* The old name means a whiteout now. */
static void find_whiteout(struct step_call *call, int error)
{
	struct fs_attr attr = {.inode = call->history->highest_inode + 1};

	if (!error && !fs_lookup(call->mount->fs, call->parent_a, call->name_a, &attr))
		fs_forget(call->mount->fs, attr.inode, 1);
	if (attr.inode > call->history->highest_inode)
		call->history->highest_inode = attr.inode;
	model_add(call->state, attr.inode, S_IFCHR)->nlink = 1;
	model_enter(model_edit(call->state, call->parent_a), call->entry_a, attr.inode);
}

static int run_rename(struct step_call *call)
{
	int error;

	if (!call->parent_a || !call->parent_b)
		return 0;
	error = REQUEST(call, rename_names(call));
	if (!rename_works(call))
		return judge(call, error, false);
	if (call->a == call->b)
		return judge(call, error, true);
	if (call->b) {
		lose_name(call, call->parent_b, call->b);
		model_leave(model_edit(call->state, call->parent_b), call->entry_b);
	}
	model_leave(model_edit(call->state, call->parent_a), call->entry_a);
	model_enter(model_edit(call->state, call->parent_b), call->entry_b, call->a);
	set_parent(call, call->a, call->parent_a, call->parent_b);
	if (leaves_whiteout(call->step))
		find_whiteout(call, error);
	return judge(call, error, true);
}

static int run_exchange(struct step_call *call)
{
	int error;

	if (!call->parent_a || !call->parent_b)
		return 0;
	error = REQUEST(call, fs_rename(call->mount->fs, call->parent_a, call->name_a, call->parent_b,
					call->name_b, RENAME_EXCHANGE));
	if (!call->a || !call->b ||
	    (is_directory(call, call->a) && is_below(call, call->parent_b, call->a)) ||
	    (is_directory(call, call->b) && is_below(call, call->parent_a, call->b)))
		return judge(call, error, false);
	if (call->a == call->b)
		return judge(call, error, true);
	model_leave(model_edit(call->state, call->parent_a), call->entry_a);
	model_leave(model_edit(call->state, call->parent_b), call->entry_b);
	model_enter(model_edit(call->state, call->parent_a), call->entry_a, call->b);
	model_enter(model_edit(call->state, call->parent_b), call->entry_b, call->a);
	set_parent(call, call->a, call->parent_a, call->parent_b);
	set_parent(call, call->b, call->parent_b, call->parent_a);
	return judge(call, error, true);
}

/* ---- contents ---- */

static bool is_regular(const struct step_call *call, uint64_t inode)
{
	return inode && S_ISREG(model_find(call->state, inode)->mode);
}

static void changes_content(struct step_call *call, uint64_t inode, bool partial)
{
	call->done.inode = inode;
	call->done.partial = partial;
	call->done.shape = true;
}

static int run_write(struct step_call *call)
{
	const struct step *step = call->step;
	bool append = step->kind == STEP_APPEND;
	unsigned flags = append ? FS_WRITE_APPEND : 0;
	uint8_t *bytes;
	struct model_file *file;
	uint64_t offset;
	ssize_t written;

	if (!is_regular(call, call->a))
		return 0;
	file = model_edit(call->state, call->a);
	offset = append ? file->size : step->offset;
	bytes = malloc(step->length);
	if (!bytes)
		abort();
	step_bytes(call->history->steps, offset, bytes, step->length);
	changes_content(call, call->a, true);
	/* The kernel works out the offset, once. */
	if (append && call->mount->connection)
		flags = FS_WRITE_APPENDS;
	written = request_begins(call)
		      ? (ssize_t)call->answer.count
		      : mount_request_ends(call->mount, fs_write(call->mount->fs, call->a,
								 flags & FS_WRITE_APPEND ? 0 : offset, bytes,
								 step->length, flags));
	model_write(file, offset, step->length, bytes, (uint16_t)call->history->steps,
		    &call->history->allocations);
	free(bytes);
	if (written >= 0 && (uint64_t)written < step->length)
		written = -ENOSPC;
	return judge(call, written < 0 ? (int)written : 0, true);
}

static int run_truncate(struct step_call *call)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = call->step->length};
	struct fs_attr attr;
	int error;

	if (!is_regular(call, call->a))
		return 0;
	changes_content(call, call->a, true);
	error = REQUEST(call, fs_setattr(call->mount->fs, call->a, &set, &attr));
	model_truncate(model_edit(call->state, call->a), call->step->length, (uint16_t)call->history->steps);
	return judge(call, error, true);
}

static int run_fallocate(struct step_call *call)
{
	const struct step *step = call->step;
	struct model_file *file;
	int mode = 0, error;

	if (!is_regular(call, call->a))
		return 0;
	if (step->kind == STEP_PUNCH)
		mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	if (step->kind == STEP_ZERO_RANGE)
		mode = FALLOC_FL_ZERO_RANGE;
	if (step->kind == STEP_FALLOCATE_KEEP)
		mode = FALLOC_FL_KEEP_SIZE;
	changes_content(call, call->a, true);
	error = REQUEST(call, fs_fallocate(call->mount->fs, call->a, mode, step->offset, step->length));
	file = model_edit(call->state, call->a);
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		model_extend(file, step->offset + step->length, (uint16_t)call->history->steps);
	if (step->kind == STEP_PUNCH || step->kind == STEP_ZERO_RANGE)
		model_zero(file, step->offset, step->length, step->kind == STEP_PUNCH);
	return judge(call, error, true);
}

/* Copies block by block of the target, leaving holes where both sides have one. */
static void model_copy(struct step_call *call, uint64_t length)
{
	const struct step *step = call->step;
	struct model_file *to = model_edit(call->state, call->b);
	struct model_file *from = model_find(call->state, call->a);
	uint16_t number = (uint16_t)call->history->steps;
	uint8_t bytes[4096];

	for (uint64_t done = 0; done < length;) {
		uint64_t at = step->offset2 + done, piece = 4096 - at % 4096;
		bool data = false;

		if (piece > length - done)
			piece = length - done;
		for (uint64_t i = 0; i < piece; i++) {
			uint64_t source = step->offset + done + i;
			const struct model_block *block = model_block(from, source / 4096);

			bytes[i] = block ? block->bytes[source % 4096] : 0;
			data |= block != NULL;
		}
		if (data || model_block(to, at / 4096))
			model_write(to, at, piece, bytes, number, &call->history->allocations);
		else
			model_extend(to, at + piece, number);
		done += piece;
	}
}

static int run_copy(struct step_call *call)
{
	const struct step *step = call->step;
	uint64_t length = step->length, size;
	ssize_t copied;

	if (!is_regular(call, call->a) || !is_regular(call, call->b) || call->a == call->b)
		return 0;
	size = model_find(call->state, call->a)->size;
	if (step->offset >= size)
		length = 0;
	else if (length > size - step->offset)
		length = size - step->offset;
	changes_content(call, call->b, true);
	copied = request_begins(call)
		     ? (ssize_t)call->answer.count
		     : mount_request_ends(call->mount, fs_copy(call->mount->fs, call->a, step->offset,
							       call->b, step->offset2, step->length));
	model_copy(call, length);
	if (copied >= 0 && (uint64_t)copied != length)
		copied = -ENODATA;
	return judge(call, copied < 0 ? (int)copied : 0, true);
}

/* ---- attributes ---- */

static int run_xattr(struct step_call *call)
{
	const struct step *step = call->step;
	unsigned index = step->seed % MODEL_XATTRS;
	static char value[65536];
	struct model_file *file;
	bool works = true;
	int error;

	/* user attributes are for files and directories */
	if (!call->a || !(is_regular(call, call->a) || is_directory(call, call->a)))
		return 0;
	file = model_edit(call->state, call->a);
	if (step->kind == STEP_REMOVEXATTR) {
		works = file->xattrs[index].length != 0;
		error = REQUEST(call, fs_removexattr(call->mount->fs, call->a, model_xattr_name(index)));
		file->xattrs[index].length = 0;
		return judge(call, error, works);
	}
	model_text(step->seed, value, step->length);
	error = REQUEST(
	    call, fs_setxattr(call->mount->fs, call->a, model_xattr_name(index), value, step->length, 0));
	file->xattrs[index] = (struct model_xattr){.length = (uint32_t)step->length, .seed = step->seed};
	return judge(call, error, works);
}

static int run_chmod(struct step_call *call)
{
	struct fs_set set = {.what = FS_SET_MODE};
	struct fs_attr attr;
	struct model_file *file;
	int error;

	if (!call->a || S_ISLNK(model_find(call->state, call->a)->mode))
		return 0;
	file = model_edit(call->state, call->a);
	file->mode = (file->mode & S_IFMT) | (call->step->seed & 0777);
	set.mode = file->mode;
	error = REQUEST(call, fs_setattr(call->mount->fs, call->a, &set, &attr));
	return judge(call, error, true);
}

/* ---- durability ---- */

static int run_sync(struct step_call *call)
{
	struct mount *mount = call->mount;
	struct image *image = mount->image;
	int error = 0;

	switch (call->step->kind) {
	case STEP_FSYNC:
	case STEP_FDATASYNC:
		if (!call->a) {
			call->done.kind = STEP_NONE;
			return 0;
		}
		call->done.inode = call->a;
		error = fs_sync(mount->fs, call->a, call->step->kind == STEP_FDATASYNC);
		break;
	case STEP_SYNC:
		error = image_sync(image, image_head(image), NULL, 0);
		break;
	case STEP_CHECKPOINT:
		error = image_checkpoint(image);
		break;
	case STEP_TRIM:
		error = mount_trim(mount);
		break;
	case STEP_COMPACT:
		error = mount_compact(mount);
		break;
	case STEP_LIMIT:
	case STEP_LABEL:
	case STEP_GROW:
		return settings_run(mount, call->state, call->step);
	default: /* REMOUNT */
		error = mount_again(mount);
		break;
	}
	return judge(call, error, true);
}

typedef int (*step_function)(struct step_call *call);

static const step_function functions[STEP_KINDS] = {
    [STEP_CREATE] = run_make,
    [STEP_MKDIR] = run_make,
    [STEP_SYMLINK] = run_make,
    [STEP_LINK] = run_link,
    [STEP_UNLINK] = run_unlink,
    [STEP_RMDIR] = run_unlink,
    [STEP_RENAME] = run_rename,
    [STEP_EXCHANGE] = run_exchange,
    [STEP_WRITE] = run_write,
    [STEP_APPEND] = run_write,
    [STEP_TRUNCATE] = run_truncate,
    [STEP_PUNCH] = run_fallocate,
    [STEP_ZERO_RANGE] = run_fallocate,
    [STEP_FALLOCATE] = run_fallocate,
    [STEP_FALLOCATE_KEEP] = run_fallocate,
    [STEP_COPY] = run_copy,
    [STEP_SETXATTR] = run_xattr,
    [STEP_REMOVEXATTR] = run_xattr,
    [STEP_CHMOD] = run_chmod,
    [STEP_FSYNC] = run_sync,
    [STEP_FDATASYNC] = run_sync,
    [STEP_SYNC] = run_sync,
    [STEP_CHECKPOINT] = run_sync,
    [STEP_TRIM] = run_sync,
    [STEP_COMPACT] = run_sync,
    [STEP_LIMIT] = run_sync,
    [STEP_LABEL] = run_sync,
    [STEP_GROW] = run_sync,
    [STEP_REMOUNT] = run_sync,
};

int step_run(struct mount *mount, struct history *history, const struct step *step)
{
	struct step_call call = {.mount = mount, .history = history, .step = step};
	int result;

	history->steps++;
	mount->error = 0;
	call.state = model_state_copy(history_last(history));
	call.done.kind = step->kind;
	resolve_path(call.state, &step->a, &call.parent_a, &call.a, &call.entry_a, call.text_a, &call.name_a);
	resolve_path(call.state, &step->b, &call.parent_b, &call.b, &call.entry_b, call.text_b, &call.name_b);
	result = functions[step->kind](&call);
	model_seal(call.state);
	history_push(history, call.state, call.done);
	return result;
}
