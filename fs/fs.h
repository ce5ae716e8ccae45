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

/* Memory for lookup counts that outlives the process: all zeros at first. A later fs_open with the same
 * memory goes on with the counts in it. */
struct fs_lookup_memory {
	void *base;  /* at a multiple of 64 KiB, which is one of every page size */
	size_t size; /* bytes; of it only what is used needs to be backed */
	/* Makes whole pages of it zeros again, without memory behind them. */
	void (*clear)(void *start, size_t length);
};

/* Instead of the owners that are stored; owner.h. */
struct fs_shown_owner {
	bool has_uid, has_gid;
	uint32_t uid, gid;
};

struct fs_options {
	bool read_only;
	bool acl; /* POSIX ACLs: without it they are kept, but nobody sees them and nothing inherits them */
	bool noatime; /* never change atime by reading; default: relatime for reads that reach us */
	struct fs_shown_owner shown; /* everything appears to belong to them, and permissions go by that */
	uint32_t root_uid, root_gid; /* of the root directory, when it is made */
	bool track_lookups; /* unlinked inodes live until fs_forget says 0; else they go with their last name
			     */
	const struct fs_lookup_memory *lookup_memory; /* NULL: counts die with the process */
	bool prefault_reads; /* the pieces that fs_read gives can be copied from without page faults */
	bool deletes_later;  /* what unlink and rename leave without a name is deleted by fs_finish */
	bool goes_on; /* the kernel still uses what an earlier process has served: its orphans (R18) and
			 intents stay until fs_settle */
};

/* Makes the root directory if the image has none; clears orphans and finishes intents of an earlier life (not
 * when read_only). The image stays the caller's; close the fs first. */
MUST_CHECK int fs_open(struct image *image, const struct fs_options *options, struct fs **ret_fs);
/* After goes_on, once nothing is held for requests of before: finishes intents, and deletes those orphans
 * that nobody knows. Others may work meanwhile. */
MUST_CHECK int fs_settle(struct fs *fs);
/* From another thread: fs_settle is to return soon, with -EINTR if it is not done. What it leaves is done by
 * fs_close and the next mount. Not to be taken back. */
void fs_settle_stop(struct fs *fs);
/* The program is about to end: operations that take long give up with -EINTR, or leave to the next mount what
 * can be finished then. For any thread; not to be taken back. */
void fs_stop(struct fs *fs);
/* Clears what unlinked inodes are left. NULL is allowed. */
int fs_close(struct fs *fs);
/* Lets go of the memory only: nothing is written, as after a kill (tests), or when the image has failed. */
void fs_drop(struct fs *fs);
struct image *fs_image(struct fs *fs);

#define FS_NAME_MAX	  255u
#define FS_LINK_MAX	  65000u
#define FS_SIZE_MAX	  (UINT64_C(1) << 56) /* largest file size, bytes: 2^44 blocks */
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
	uint32_t flags;	 /* INODE_ */
	uint32_t unused; /* 0: there is no padding, so that attributes can be compared as bytes */
};

struct fs_caller {
	uint32_t uid, gid; /* filesystem ids of the caller: owner of what it makes */
	uint32_t umask;	   /* with ACLs: what does not inherit one loses these permissions; else not used */
	bool may_keep_setgid; /* in the directory's group, or CAP_FSETID: else a program for its group that is
				 made in a set-group-ID directory is not set-group-ID */
};

/* ---- names (namespace.c, rename.c). Names are not NUL-terminated strings here: bytes and length. ---- */

struct fs_name {
	const char *bytes;
	size_t length;
};

/* Finds `name` ("." and ".." too) in `parent` and counts one lookup on it. -ENOENT, -ENOTDIR, -ENAMETOOLONG.
 */
MUST_CHECK int fs_lookup(struct fs *fs, uint64_t parent, struct fs_name name, struct fs_attr *ret_attr);
/* Takes `count` lookups off; an unlinked inode without lookups is deleted, with deletes_later by fs_collect.
 */
void fs_forget(struct fs *fs, uint64_t inode, uint64_t count);
/* Is there anything for fs_collect to do? */
bool fs_collects(struct fs *fs);
/* Deletes what fs_forget has left, which it bounds. No request waits for it, but one that asks how much room
 * there is. */
void fs_collect(struct fs *fs);
/* How many inodes the kernel knows. */
uint64_t fs_known_inodes(struct fs *fs);

/* mknod, mkdir, create (regular files): mode holds type and permissions, the umask already applied if the fs
 * has no ACLs. Counts a lookup. A set-group-ID parent gives its group, and to a directory the bit. -EEXIST,
 * -EMLINK, -ENAMETOOLONG, -EINVAL. */
MUST_CHECK int fs_make(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
		       uint32_t mode, uint32_t rdev_major, uint32_t rdev_minor, struct fs_attr *ret_attr);
MUST_CHECK int fs_symlink(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
			  const char *target, struct fs_attr *ret_attr);
/* Makes a regular file without a name, that inherits from `directory`, and counts one lookup. fs_link gives
 * it one; else it goes when it is forgotten. Other flags and errors as fs_make. */
MUST_CHECK int fs_tmpfile(struct fs *fs, const struct fs_caller *caller, uint64_t directory, uint32_t mode,
			  struct fs_attr *ret_attr);
MUST_CHECK int fs_readlink(struct fs *fs, uint64_t inode, char *ret_target, size_t room, size_t *ret_length);
/* Counts a lookup of `inode`. -EPERM: a directory; -EMLINK. An inode without names gets one: whether it may
 * (a file of O_TMPFILE) or has been unlinked for good, the caller knows, as Linux does. */
MUST_CHECK int fs_link(struct fs *fs, uint64_t inode, uint64_t parent, struct fs_name name,
		       struct fs_attr *ret_attr);
MUST_CHECK int fs_unlink(struct fs *fs, uint64_t parent, struct fs_name name);
/* With deletes_later: this thread's last request has been answered. */
void fs_finish(struct fs *fs);
MUST_CHECK int fs_rmdir(struct fs *fs, uint64_t parent, struct fs_name name);
/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE; others -EINVAL. */
MUST_CHECK int fs_rename(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t new_parent,
			 struct fs_name new_name, unsigned flags);
/* RENAME_WHITEOUT: the old name then means a new character device 0:0 of the caller's, which hides the name
 * in the layers of an overlayfs below. flags: RENAME_NOREPLACE; others -EINVAL. */
MUST_CHECK int fs_rename_whiteout(struct fs *fs, const struct fs_caller *caller, uint64_t parent,
				  struct fs_name name, uint64_t new_parent, struct fs_name new_name,
				  unsigned flags);

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
#define FS_SET_MORE	 1024u /* another change of the same request follows */
#define FS_KILL_SET_ID	 512u  /* a truncate or chown by one without CAP_FSETID: set-id bits go */
#define FS_SET_CACHED	 4096u /* times from the kernel's cache: of a guarded inode they stay as they are */
#define FS_SET_CTIME_NOW 2048u /* and nothing else: a chown of neither owner nor group */

struct fs_set {
	unsigned what; /* FS_SET_ */
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timespec atime, mtime, ctime;
};
/* All at once, ctime is updated. Size: -EISDIR, -EINVAL for what is not a regular file, -EFBIG. */
MUST_CHECK int fs_setattr(struct fs *fs, uint64_t inode, const struct fs_set *set, struct fs_attr *ret_attr);

/* ---- flags of chattr (flags.c). What an immutable or append-only inode refuses is -EPERM from every
 * function. ---- */

/* All flags at once. may_guard: the caller may change INODE_IMMUTABLE and INODE_APPEND. -EOPNOTSUPP: other
 * flags than INODE_FLAGS; -EPERM. */
MUST_CHECK int fs_set_flags(struct fs *fs, uint64_t inode, uint32_t flags, bool may_guard);
/* May it be opened like that (O_ACCMODE, O_APPEND, O_TRUNC)? 0 or -EPERM. */
MUST_CHECK int fs_may_open(struct fs *fs, uint64_t inode, int open_flags);

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
#define FS_WRITE_APPENDS                                                                                     \
	4u /* the descriptor has O_APPEND, `offset` is right: what append-only files take                    \
	    */
#define FS_WRITE_CACHED                                                                                      \
	8u /* written earlier, when it was allowed: no time changes, and chattr flags count not */
MUST_CHECK ssize_t fs_write(struct fs *fs, uint64_t inode, uint64_t offset, const void *bytes, size_t length,
			    unsigned flags);
/* fsync (data_only false) or fdatasync of a file or directory. */
MUST_CHECK int fs_sync(struct fs *fs, uint64_t inode, bool data_only);
/* mode: as fallocate(2): 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE, ZERO_RANGE|KEEP_SIZE; others
 * -EOPNOTSUPP. */
MUST_CHECK int fs_fallocate(struct fs *fs, uint64_t inode, int mode, uint64_t offset, uint64_t length);
/* The same by steps of a bounded time, between which nothing is locked: call it until it returns 0 or an
 * error. 1: there is more to do. What has been done by then stays done if it is not called again. */
struct fs_fallocation {
	int mode;
	uint64_t offset, length;
	unsigned stage; /* its own; 0 at first */
	uint64_t at;
};
MUST_CHECK int fs_fallocate_step(struct fs *fs, uint64_t inode, struct fs_fallocation *fallocation);
/* whence: SEEK_DATA or SEEK_HOLE. -ENXIO. */
MUST_CHECK int fs_seek(struct fs *fs, uint64_t inode, uint64_t offset, int whence, uint64_t *ret_offset);
/* Copies bytes; holes stay holes where the target had one. Returns bytes copied. Overlap in one file:
 * -EINVAL. */
MUST_CHECK ssize_t fs_copy(struct fs *fs, uint64_t from, uint64_t from_offset, uint64_t to,
			   uint64_t to_offset, uint64_t length);

/* ---- xattrs (xattr.c, xattr_set.c): names with their prefix: user., trusted., security.; ACLs only in
 * lists ---- */

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

/* ---- POSIX ACLs (acl.c), encoded as in setxattr(2). -EOPNOTSUPP without fs_options.acl, and for symlinks.
 * of_new: the default ACL of a directory, that is of what is made in it; else the access ACL. ---- */

/* Is that one? 0, -EINVAL, -EOPNOTSUPP (a version that is not known), -E2BIG. */
MUST_CHECK int fs_check_acl(const void *value, size_t length);
/* room 0: only the length. -ENODATA, -ERANGE. */
MUST_CHECK int fs_get_acl(struct fs *fs, uint64_t inode, bool of_new, void *value, size_t room,
			  size_t *ret_length);
/* length 0: removes it, if there is one. An access ACL becomes the mode too; keep_setgid: the caller is in
 * the file's group or has CAP_FSETID, else the set-group-ID bit goes. -EINVAL, -EACCES (of_new of what is not
 * a directory), -E2BIG. */
MUST_CHECK int fs_set_acl(struct fs *fs, uint64_t inode, bool of_new, const void *value, size_t length,
			  bool keep_setgid);

/* ---- the whole (statfs.c, compact.c, freeze.c) ---- */

/* As image_backup, with changes kept out for the moment that it needs. Reads go on. */
MUST_CHECK int fs_backup(struct fs *fs, const struct image_sink *sink,
			 struct image_backup_report *ret_report);

struct fs_statfs {
	uint64_t blocks, free_blocks; /* of 4096 bytes */
	uint64_t inodes, free_inodes;
};
MUST_CHECK int fs_statfs(struct fs *fs, struct fs_statfs *ret);
/* One step of a trim, as image_trim_step; -EINTR after fs_stop. */
MUST_CHECK int fs_trim_step(struct fs *fs, struct image_trimming *trimming);

/* How far a compaction has come: zeros at first. All of it may come from outside: the worst that wrong
 * numbers do is to leave something where it is. */
enum { FS_COMPACT_BEGIN, FS_COMPACT_DATA, FS_COMPACT_NODES, FS_COMPACT_CUT, FS_COMPACT_DONE };
struct fs_compaction {
	uint32_t stage, round;
	uint64_t end;			     /* block from which on everything is to go */
	uint64_t above_blocks, moved_blocks; /* of this round: behind the end at first; moved by now */
	uint64_t total_moved;		     /* blocks, of earlier rounds */
	uint64_t inode, logical, type;	     /* where to go on */
};
/* Moves file data and tree nodes from the end of the image to free space before, then cuts the file there.
 * Call it until it returns 0 or an error. 1: there is more to do. What has been done by then stays done, and
 * others may work meanwhile. Zone maps stay where they are, and the roots, the journal and the superblocks.
 */
MUST_CHECK int fs_compact_step(struct fs *fs, struct fs_compaction *compaction);

#endif
