/*
 * libmmfs: the files of an mmfs image, from a program, without mounting it.
 *
 *   mmfs_open -> { mmfs_list, mmfs_file_open -> mmfs_pread, mmfs_pwrite -> mmfs_file_close, ... mmfs_sync }
 * -> mmfs_close
 *
 * Functions return 0 (or a count) or a negative errno; outputs are untouched on failure. Paths are names
 * separated by '/', from the root of the image whether they begin with '/' or not; symbolic links on the way
 * are followed inside of the image. Permissions are not checked: who may write the image file may write what
 * is in it. What is made belongs to the process.
 *
 * What a function has changed survives the death of the process from its return on; a power cut may take back
 * what came after the last mmfs_sync, mmfs_file_sync or the seal that is made every five seconds, never a
 * part of an operation.
 *
 * An image is open for writing in one process at a time, or for reading in any number. All functions but
 * mmfs_close and mmfs_file_close may be called by several threads at once. While an image is open the library
 * handles SIGBUS and SIGSEGV of its own mappings (a full host, a file cut short); other faults get the action
 * from before. Do not fork and use it in both.
 */
#ifndef MMFS_H
#define MMFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mmfs;	  /* an open image */
struct mmfs_file; /* an open regular file of it */

/* "0.1.0" */
const char *mmfs_version(void);

/* ---- the image ---- */

#define MMFS_READ_ONLY 1u /* an image that was not closed is recovered in memory; the file is not written */
#define MMFS_CREATE    2u /* make an image (mode 0600) where there is no file, or an empty one */

/* -EWOULDBLOCK: in use elsewhere; -EINVAL: not an image, or unknown flags; -EUCLEAN: damaged (see fsck.mmfs);
 * errors of open(2). */
int mmfs_open(const char *image_path, unsigned flags, struct mmfs **ret_image);
/* Why this thread's last mmfs_open failed, or what it had to say (changes lost in a power cut): a line
 * without a newline,
 * "" if there is nothing. Valid until the next mmfs_open of this thread. */
const char *mmfs_message(void);
/* Makes everything durable and closes, also when it returns an error. Close files first. NULL is allowed. */
int mmfs_close(struct mmfs *image);
/* Makes everything that was changed until now durable. */
int mmfs_sync(struct mmfs *image);
int mmfs_statvfs(struct mmfs *image, struct statvfs *ret_status);

/* ---- names ---- */

int mmfs_stat(struct mmfs *image, const char *path, struct stat *ret_status);
/* Does not follow a symbolic link at the end. */
int mmfs_lstat(struct mmfs *image, const char *path, struct stat *ret_status);

/* Other than 0 ends the listing, and becomes its result. May call any function of the library. */
typedef int (*mmfs_visit)(void *context, const char *name, const struct stat *status);
/* What is in a directory, in order of the names' bytes, without "." and "..". */
int mmfs_list(struct mmfs *image, const char *path, mmfs_visit visit, void *context);

int mmfs_mkdir(struct mmfs *image, const char *path, mode_t mode);
int mmfs_mknod(struct mmfs *image, const char *path, mode_t mode, dev_t device);
int mmfs_symlink(struct mmfs *image, const char *target, const char *path);
/* The target, with a NUL, cut to `room`. Returns its length (which may be `room` or more). */
ssize_t mmfs_readlink(struct mmfs *image, const char *path, char *target, size_t room);
int mmfs_link(struct mmfs *image, const char *path, const char *new_path);
int mmfs_unlink(struct mmfs *image, const char *path);
int mmfs_rmdir(struct mmfs *image, const char *path);
/* flags: those of renameat2(2): 0, RENAME_NOREPLACE, RENAME_EXCHANGE. */
int mmfs_rename(struct mmfs *image, const char *path, const char *new_path, unsigned flags);

/* ---- attributes. Symbolic links at the end are not followed. ---- */

int mmfs_chmod(struct mmfs *image, const char *path, mode_t mode);
/* (uid_t)-1, (gid_t)-1: leave it. */
int mmfs_chown(struct mmfs *image, const char *path, uid_t uid, gid_t gid);
/* As utimensat(2): access and modification time, UTIME_NOW and UTIME_OMIT too. */
int mmfs_utimens(struct mmfs *image, const char *path, const struct timespec times[2]);
/* flags: XATTR_CREATE, XATTR_REPLACE. */
int mmfs_setxattr(struct mmfs *image, const char *path, const char *name, const void *value, size_t length,
		  int flags);
/* These two return the length; room 0 asks for nothing else. -ERANGE: it does not fit. */
ssize_t mmfs_getxattr(struct mmfs *image, const char *path, const char *name, void *value, size_t room);
ssize_t mmfs_listxattr(struct mmfs *image, const char *path, char *names, size_t room);
int mmfs_removexattr(struct mmfs *image, const char *path, const char *name);

/* ---- contents ---- */

/* flags: O_CREAT (with mode), O_EXCL, O_TRUNC, O_NOFOLLOW; others -EINVAL. -EISDIR; -ENXIO: not a regular
 * file. A file whose last name is removed is gone at once: functions then say -ESTALE. */
int mmfs_file_open(struct mmfs *image, const char *path, int flags, mode_t mode, struct mmfs_file **ret_file);
/* NULL is allowed. */
void mmfs_file_close(struct mmfs_file *file);
int mmfs_file_stat(struct mmfs_file *file, struct stat *ret_status);
/* Less than asked for only at the end of the file. */
ssize_t mmfs_pread(struct mmfs_file *file, void *bytes, size_t length, uint64_t offset);
/* Less than given only if there is no room for more. -ENOSPC, -EFBIG. */
ssize_t mmfs_pwrite(struct mmfs_file *file, const void *bytes, size_t length, uint64_t offset);
int mmfs_file_truncate(struct mmfs_file *file, uint64_t size);
int mmfs_file_sync(struct mmfs_file *file);

#ifdef __cplusplus
}
#endif

#endif
