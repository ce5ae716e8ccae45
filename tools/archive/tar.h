/*
 * Archives: the files of an image as a tar (pax), and what libarchive reads as files of an image. Kept are
 * contents with their holes, owners by number, modes, times, xattrs with ACLs, flags of chattr(1), symbolic
 * links, devices, FIFOs and names of the same file. tar has no sockets: they are left out, which is said.
 *
 * What comes from an archive is hostile: names stay below the directory that was given ("..", symbolic links
 * on the way, and links to what is outside are refused), and damage ends it with what came before in place.
 * Failures are said; the functions return 0 or the first of them as -errno. Long work ends with -EINTR when
 * files_stopped().
 */
#ifndef MMFS_TAR_H
#define MMFS_TAR_H

#include "../common/files.h"

/* ---- reading an archive (tar_input.c) ---- */

struct tar_input;
struct archive;

/* path "-": standard input. What it is and how it is compressed is found out. Says what went wrong. */
MUST_CHECK int tar_input_open(const char *program, const char *path, struct tar_input **ret_input);
struct archive *tar_input_archive(struct tar_input *input);
/* For messages. */
const char *tar_input_name(const struct tar_input *input);
/* Behind the last entry: 0, or -EUCLEAN (said) if the end mark of a plain tar is missing. */
MUST_CHECK int tar_input_check_end(struct tar_input *input);
/* Says what libarchive says. Returns -EINTR when stopped, else -EUCLEAN. */
int tar_input_say(struct tar_input *input);
void tar_input_close(struct tar_input *input);

/* ---- writing one (tar_output.c) ---- */

enum tar_filter { TAR_PLAIN, TAR_GZIP, TAR_BZIP2, TAR_XZ, TAR_ZSTD, TAR_LZ4 };

struct tar_output;

/* By the end of a name: "x.tar.gz", "x.tgz"; TAR_PLAIN for others. */
enum tar_filter tar_filter_of(const char *name);
/* path "-": standard output. A file gets its name when it is complete. Says what went wrong. */
MUST_CHECK int tar_output_open(const char *program, const char *path, enum tar_filter filter,
			       struct tar_output **ret_output);
struct archive *tar_output_archive(struct tar_output *output);
/* Writes an entry's head; its contents follow by archive_write_data. Says what went wrong: -EIO or what the
 * host said ends everything; 1: this entry was left out. */
struct archive_entry;
MUST_CHECK int tar_output_head(struct tar_output *output, struct archive_entry *entry);
/* Gives its xattrs the order of their names. 0 or -ENOMEM. */
MUST_CHECK int tar_sort_xattrs(struct archive_entry *entry);
/* Bytes of the contents; holes as zeros, which cost nothing. The same errors. */
MUST_CHECK int tar_output_data(struct tar_output *output, const void *bytes, size_t length);
MUST_CHECK int tar_output_hole(struct tar_output *output, uint64_t length);
/* 0, or why nothing more can be written to it. */
int tar_output_failure(const struct tar_output *output);
/* The end mark, and the file's name. */
MUST_CHECK int tar_output_finish(struct tar_output *output);
/* Without tar_output_finish: there is no such file. NULL is allowed. */
void tar_output_close(struct tar_output *output);

/* ---- an image (tar_in.c, tar_out.c) ---- */

struct tar_in_options {
	bool strict;	/* the first failure ends it */
	unsigned strip; /* leading names that are taken off each path; what has no more is left out */
};
/* Puts the entries of an archive into `directory`. What is there already: directories are filled and get the
 * attributes of the archive's, anything else is replaced in one step, once the new one is complete. */
MUST_CHECK int tar_in(struct files *files, struct tar_input *input, uint64_t directory,
		      const struct tar_in_options *options);

struct tar_out;
/* NULL: no memory. */
struct tar_out *tar_out_open(const struct files *files, struct tar_output *output);
/* Writes what `path` names and everything below it; "" or "/": the root, as ".". */
MUST_CHECK int tar_out_tree(struct tar_out *out, const char *path);
void tar_out_close(struct tar_out *out);

/* ---- a mount, or any directory of the host (tar_host.c) ---- */

/* Writes what `path` names below `directory`, as tar_out_tree; not what is mounted there in turn. */
MUST_CHECK int tar_host_out(const char *program, const char *directory, const char *path,
			    struct tar_output *output);
/* As tar_in; root keeps owners, others become them. */
MUST_CHECK int tar_host_in(const char *program, struct tar_input *input, const char *directory,
			   const struct tar_in_options *options);
/* What is in directory `source`, instead of an archive. */
MUST_CHECK int tar_host_copy(const char *program, const char *source, const char *directory);

/* ---- names in an archive (tar_name.c) ---- */

/* What is to be made of the name of an entry: without leading and double slashes and ".", and without the
 * first `strip` names; "" for the directory itself. To be freed. 1: nothing is left of it. -EXDEV: it holds
 * "..". -EILSEQ: it is NULL, since it could not be read. */
MUST_CHECK int tar_name(const char *name, unsigned strip, char **ret_name);

#endif
