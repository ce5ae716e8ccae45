/*
 * The commands of mmfsctl that work on the files of an image, or of the mount that serves it. Each is a
 * function NAME_run in a file of its own, listed in command.c.
 */
#ifndef MMFS_CTL_COMMAND_H
#define MMFS_CTL_COMMAND_H

#include "../common/copy.h"
#include "../common/files.h"

#define PROGRAM "mmfsctl"

struct command_options {
	bool all, details, recursive, force, parents, json;
};

struct command {
	const char *name;
	const char *letters; /* its options; 'j' is --json */
	int least, most;     /* number of PATHs; most -1: any */
	bool writes;	     /* opens the image for writing */
	int (*run)(struct files *files, const struct command_options *options, int count, char **paths);
};

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);
/* arguments[0] is its name. Ends the program if they are wrong. 0 or -errno, which has been said. */
MUST_CHECK int command_run(const struct command *command, int count, char **arguments);

/* Each returns 0, or -errno having said why. */
MUST_CHECK int df_run(struct files *files, const struct command_options *options, int count, char **paths);
MUST_CHECK int ls_run(struct files *files, const struct command_options *options, int count, char **paths);
MUST_CHECK int draw_run(struct files *files, const struct command_options *options, int count, char **paths);
MUST_CHECK int cat_run(struct files *files, const struct command_options *options, int count, char **paths);
MUST_CHECK int get_run(struct files *files, const struct command_options *options, int count, char **paths);
MUST_CHECK int put_run(struct files *files, const struct command_options *options, int count, char **paths);
MUST_CHECK int rm_run(struct files *files, const struct command_options *options, int count, char **paths);
MUST_CHECK int mkdir_run(struct files *files, const struct command_options *options, int count, char **paths);

/* Prints --help and ends the program (main.c). */
__attribute__((noreturn)) void usage_print(void);

/* ---- show.c: how facts look ---- */

/* A name; on a terminal without what that could take for a command. */
void show_name(const char *name);
/* A string for JSON, with its quotes. Bytes that are no UTF-8 become the lone surrogates DC80..DCFF, from
 * which the bytes can be had back. */
void show_json(const char *text);
/* "drwxr-xr-x": 10 bytes and a NUL. */
void show_mode(uint32_t mode, char *ret_text);
/* "file", "directory", ... */
const char *show_type(uint32_t mode);

#endif
