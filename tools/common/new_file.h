/*
 * A file of the host that gets its name only once it is complete: whatever ends the program before that
 * leaves nothing behind, and what has the name already stays as it was. Where the host has no files without
 * names (O_TMPFILE), it has another one until then, which is removed unless the program is killed.
 *
 * Usual order: new_file_open -> writing, syncing -> new_file_name -> new_file_close.
 */
#ifndef MMFS_NEW_FILE_H
#define MMFS_NEW_FILE_H

#include "../../backend/backend.h"

#include <sys/stat.h>
#include <sys/types.h>

struct new_file {
	int descriptor;	 /* to read and to write */
	char *path;	 /* what it is to be called; symbolic links are resolved */
	char *temporary; /* the name that it has until then; NULL: none */
};

/* path: a name in a directory that exists; links to a file are followed. Nothing is said. -errno of open(2)
 * and realpath(3). */
MUST_CHECK int new_file_open(const char *path, mode_t mode, struct new_file *ret_file);
/* It gets the owner and the mode of the file that it is to replace. -EPERM. */
MUST_CHECK int new_file_like(struct new_file *file, const struct stat *status);
/* Gives it its name, for good (the directory is synced; the contents are the caller's to sync). replace: what
 * has that name is given up; else that is -EEXIST. */
MUST_CHECK int new_file_name(struct new_file *file, bool replace);
/* Frees it all; a file that has not been named is gone. */
void new_file_close(struct new_file *file);

#endif
