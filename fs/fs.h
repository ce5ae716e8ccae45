/*
 * Files and names: one function for each filesystem operation, on a backend image. A library: no FUSE types,
 * prints nothing. The only header of fs/ that programs include.
 *
 * Inode numbers are never reused, so a number names one file for ever. The caller (the kernel, through
 * default_permissions) has checked permissions; these functions check what only a filesystem can: existence,
 * types, limits, emptiness.
 *
 * Every function takes the locks it needs; none is held on return. Results are 0 or a negative errno, outputs
 * are untouched on failure. -ENOENT (-ESTALE for an inode number that names nothing), -EUCLEAN: a damaged
 * item, -ENOSPC, -EIO, -EROFS.
 */
#ifndef MMFS_FS_H
#define MMFS_FS_H

#include "../backend/backend.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

struct fs;

struct fs_options {
	bool read_only;
	bool noatime; /* never change atime by reading; default: relatime for reads that reach us */
	uint32_t root_uid, root_gid; /* of the root directory, when it is made */
	bool track_lookups; /* unlinked inodes live until fs_forget says 0; else they go with their last name
			     */
};

/* Makes the root directory if the image has none; clears orphans and finishes intents of an earlier life (not
 * when read_only). The image stays the caller's; close the fs first. */
MUST_CHECK int fs_open(struct image *image, const struct fs_options *options, struct fs **ret_fs);
/* Clears what unlinked inodes are left. NULL is allowed. */
int fs_close(struct fs *fs);
/* Lets go of the memory only: nothing is written, as after a kill (tests), or when the image has failed. */
void fs_drop(struct fs *fs);
struct image *fs_image(struct fs *fs);

#define FS_NAME_MAX	  255u
#define FS_LINK_MAX	  65000u
#define FS_SIZE_MAX	  (INT64_MAX - 4095) /* largest file size, bytes (further bounded by 2^44 blocks) */
#define FS_XATTR_SIZE_MAX 65536u
#define FS_XATTR_LIST_MAX 65536u

struct fs_attr {
	uint64_t inode;
	uint64_t size;	    /* bytes */
	uint64_t blocks512; /* for st_blocks */
	uint64_t generation;
	struct timespec atime, mtime, ctime, btime;
	uint32_t mode, uid, gid, nlink;
	uint32_t rdev_major, rdev_minor;
};

struct fs_caller {
	uint32_t uid, gid;    /* filesystem ids of the caller: owner of what it makes */
	bool may_keep_setgid; /* member of the file's group or CAP_FSETID: set by the FUSE layer where it
				 knows; else false */
};

/* ---- names (namespace.c, rename.c). Names are not NUL-terminated strings here: bytes and length. ---- */

struct fs_name {
	const char *bytes;
	size_t length;
};

/* Finds `name` ("." and ".." too) in `parent` and counts one lookup on it. -ENOENT, -ENOTDIR, -ENAMETOOLONG.
 */
MUST_CHECK int fs_lookup(struct fs *fs, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr);
/* Takes `count` lookups off; an unlinked inode without lookups is deleted. */
void fs_forget(struct fs *fs, uint64_t inode, uint64_t count);

/* mknod, mkdir, create (regular files): mode holds type and permissions, the umask already applied. Counts a
 * lookup. A set-group-ID parent gives its group, and to a directory the bit. -EEXIST, -EMLINK, -ENAMETOOLONG,
 * -EINVAL. */
MUST_CHECK int fs_make(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
		       uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, struct fs_attr *ret_attr);
MUST_CHECK int fs_symlink(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
			  const char *target, struct fs_attr *ret_attr);
MUST_CHECK int fs_readlink(struct fs *fs, uint64_t inode, char *ret_target, size_t room, size_t *ret_length);
/* Counts a lookup of `inode`. -EPERM: a directory; -EMLINK. */
MUST_CHECK int fs_link(struct fs *fs, uint64_t inode, uint64_t parent, struct fs_name name,
		       struct fs_attr *ret_attr);
MUST_CHECK int fs_unlink(struct fs *fs, uint64_t parent, struct fs_name name);
MUST_CHECK int fs_rmdir(struct fs *fs, uint64_t parent, struct fs_name name);
/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE; others -EINVAL. */
MUST_CHECK int fs_rename(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t new_parent,
			 struct fs_name new_name, unsigned flags);

/* ---- attributes (attr.c) ---- */

MUST_CHECK int fs_getattr(struct fs *fs, uint64_t inode, struct fs_attr *ret_attr);

#define FS_SET_MODE	 1u
#define FS_SET_UID	 2u
#define FS_SET_GID	 4u
#define FS_SET_SIZE	 8u
#define FS_SET_ATIME	 16u
#define FS_SET_MTIME	 32u
#define FS_SET_ATIME_NOW 64u
#define FS_SET_MTIME_NOW 128u
#define FS_SET_CTIME	 256u  /* to the given time (writeback cache) */
#define FS_KILL_SET_ID	 512u  /* a truncate or chown by one without CAP_FSETID: set-id bits go */
#define FS_SET_CTIME_NOW 1024u /* and nothing else: a chown of neither owner nor group */

struct fs_set {
	unsigned what; /* FS_SET_ */
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timespec atime, mtime, ctime;
};
/* All at once, ctime is updated. Size: -EISDIR, -EINVAL for what is not a regular file, -EFBIG. */
MUST_CHECK int fs_setattr(struct fs *fs, uint64_t inode, const struct fs_set *set, struct fs_attr *ret_attr);

/* ---- directories (dir.c) ---- */

struct fs_dirent {
	const char *name; /* valid during the call only */
	size_t name_length;
	uint64_t inode;
	uint8_t type;	/* DT_ */
	int64_t cookie; /* pass it to fs_readdir to go on behind this entry */
};
/* Returns other than 0 to stop (the entry was not taken). The directory is locked while it runs: call no fs
 * function. */
typedef int (*fs_emit)(void *context, const struct fs_dirent *entry);
/* Emits "." , "..", then all entries from behind `cookie` (0: from the start). An entry that stays is emitted
 * exactly once whatever happens to others. */
MUST_CHECK int fs_readdir(struct fs *fs, uint64_t directory, int64_t cookie, fs_emit emit, void *context);
/* For readdirplus: attributes, counting one lookup. -ENOENT if it has gone. */
MUST_CHECK int fs_getattr_lookup(struct fs *fs, uint64_t inode, struct fs_attr *ret_attr);

/* ---- file contents (file.c, extent.c, fallocate.c, copy.c) ---- */

/*
 * Reads up to `length` bytes at `offset` as pieces that point into the mapping (holes: into a page of zeros),
 * handed to `reply` while the inode is locked; total is less than asked for only at the end of the file.
 * `reply` returns 0 or an errno, which becomes the result. For programs without iovecs: fs_read_copy.
 */
typedef int (*fs_pieces)(void *context, const struct iovec *pieces, int count, size_t total);
MUST_CHECK int fs_read(struct fs *fs, uint64_t inode, uint64_t offset, size_t length, fs_pieces reply,
		       void *context);
/* The same, and atime stays (O_NOATIME). */
MUST_CHECK int fs_read_noatime(struct fs *fs, uint64_t inode, uint64_t offset, size_t length, fs_pieces reply,
			       void *context);
/* Into a buffer; guarded. Returns bytes read. */
MUST_CHECK ssize_t fs_read_copy(struct fs *fs, uint64_t inode, uint64_t offset, void *bytes, size_t length);

/* Writes all of it or as much as there was room for (at least one byte, else -ENOSPC). Returns bytes written.
 * -EFBIG. append: at the present end instead (`offset` is not used). kill_set_id: set-id bits and
 * security.capability go. */
#define FS_WRITE_APPEND	     1u
#define FS_WRITE_KILL_SET_ID 2u
MUST_CHECK ssize_t fs_write(struct fs *fs, uint64_t inode, uint64_t offset, const void *bytes, size_t length,
			    unsigned flags);
/* fsync (data_only false) or fdatasync of a file or directory. */
MUST_CHECK int fs_sync(struct fs *fs, uint64_t inode, bool data_only);
/* mode: as fallocate(2): 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE, ZERO_RANGE|KEEP_SIZE; others
 * -EOPNOTSUPP. */
MUST_CHECK int fs_fallocate(struct fs *fs, uint64_t inode, int mode, uint64_t offset, uint64_t length);
/* whence: SEEK_DATA or SEEK_HOLE. -ENXIO. */
MUST_CHECK int fs_seek(struct fs *fs, uint64_t inode, uint64_t offset, int whence, uint64_t *ret_offset);
/* Copies bytes; holes stay holes where the target had one. Returns bytes copied. Overlap in one file:
 * -EINVAL. */
MUST_CHECK ssize_t fs_copy(struct fs *fs, uint64_t from, uint64_t from_offset, uint64_t to,
			   uint64_t to_offset, uint64_t length);

/* ---- xattrs (xattr.c): names with their prefix ---- */

/* flags: XATTR_CREATE, XATTR_REPLACE. -EEXIST, -ENODATA, -ERANGE (name), -E2BIG (value), -EOPNOTSUPP
 * (prefix). */
MUST_CHECK int fs_setxattr(struct fs *fs, uint64_t inode, const char *name, const void *value, size_t length,
			   int flags);
/* room 0: only the length. -ENODATA, -ERANGE. */
MUST_CHECK int fs_getxattr(struct fs *fs, uint64_t inode, const char *name, void *value, size_t room,
			   size_t *ret_length);
/* NUL-terminated names one after the other. with_trusted: trusted.* too. */
MUST_CHECK int fs_listxattr(struct fs *fs, uint64_t inode, char *names, size_t room, bool with_trusted,
			    size_t *ret_length);
MUST_CHECK int fs_removexattr(struct fs *fs, uint64_t inode, const char *name);

/* ---- the whole (statfs.c) ---- */

struct fs_statfs {
	uint64_t blocks, free_blocks; /* of 4096 bytes */
	uint64_t inodes, free_inodes;
};
MUST_CHECK int fs_statfs(struct fs *fs, struct fs_statfs *ret);

#endif
