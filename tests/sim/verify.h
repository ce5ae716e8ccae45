/*
 * Is a recovered image whole, and is its tree one that the crash may leave?
 *
 * The tree must equal the model's state at one step of a window (but for a step that takes several records,
 * of which a part may be there). A byte of a file must be the one of that state, or, in a block that was
 * overwritten in place, that of a later state up to the crash, or of an earlier one not yet synced, though no
 * older than the step since which older bytes must not show.
 */
#ifndef MMFS_VERIFY_H
#define MMFS_VERIFY_H

#include "step.h"

struct verify_window {
	size_t first, last; /* states of the history that the tree may equal */
	bool kill;	    /* nothing of what was acknowledged may be missing: first == acknowledged */
	size_t acknowledged;
};

struct verify_result {
	char why[400];
	size_t state; /* that the tree equals (or, partial: the one before) */
	bool partial;
};

/* The window after a power cut when `acknowledged` steps had returned, and one more may be under way. */
void verify_power_window(const struct history *history, size_t acknowledged,
			 struct verify_window *ret_window);
void verify_kill_window(const struct history *history, size_t acknowledged, struct verify_window *ret_window);

/* 0; 1: no, with the reason. */
int verify_tree(struct mount *mount, const struct history *history, const struct verify_window *window,
		struct verify_result *ret_result);
/* Every block is owned once and marked used, no other is; the counters are right. Structure of all items.
 * `inodes`: how many the tree reaches. */
int verify_space(struct mount *mount, char *why, size_t room);
/* Are label and limit those of the last acknowledged step, or of the one under way? (settings.c) */
int verify_settings(struct mount *mount, const struct history *history, const struct verify_window *window,
		    char *why, size_t room);
/* `state` gets those that were found. */
void settings_found(struct mount *mount, const struct history *history, const struct verify_window *window,
		    struct model_state *state);
/* Makes every file larger: what comes behind its old end must be zeros. Changes the image. */
int verify_growth(struct mount *mount, char *why, size_t room);
/* The state that was found: `result` state with the bytes that the files have now. */
struct model_state *verify_state(struct mount *mount, const struct history *history,
				 const struct verify_result *result);

/* ---- walk.c: the tree as the filesystem shows it ---- */

struct walk_file {
	uint64_t inode, size, hash;  /* hash: model_facts_hash */
	uint32_t mode, nlink, names; /* nlink as told; names found */
	uint32_t subdirectories;
};

struct walk {
	struct fs *fs;
	struct walk_file *files; /* by inode */
	size_t count, capacity;
	uint64_t hash; /* as that of a model state */
	char *why;
	size_t why_room;
};

/* 0; 1: the tree is broken, walk->why tells. */
int walk_tree(struct walk *walk, struct fs *fs, char *why, size_t why_room);
void walk_free(struct walk *walk);
struct walk_file *walk_find(const struct walk *walk, uint64_t inode);

#endif
