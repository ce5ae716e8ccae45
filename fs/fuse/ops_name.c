/* Requests about names: lookup, forget, and all that makes, removes or moves a name. */
#include "caller.h"
#include "daemon.h"
#include "sibling.h"
#include "wire.h"
#include "../../backend/point.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h> /* RENAME_ */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static struct fs_name name_of(const char *text)
{
	return (struct fs_name){.bytes = text, .length = strlen(text)};
}

static void ops_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct daemon *daemon = daemon_of(request);
	struct fs_attr attr;
	int error;

	/* A file handle (NFS export, open_by_handle_at) is resolved by "." of any inode, directory or not. */
	if (!strcmp(name, "."))
		error = fs_getattr_lookup(daemon->fs, parent, &attr);
	else
		error = fs_lookup(daemon->fs, parent, name_of(name), &attr);
	if (error == -ENOENT) {
		/* Inode 0 with a timeout lets the kernel remember that there is no such name. */
		struct fuse_entry_param absent = {.entry_timeout = CACHE_SECONDS};
		fuse_reply_entry(request, &absent);
		return;
	}
	reply_entry(request, error, &attr);
}

static void ops_forget(fuse_req_t request, fuse_ino_t inode, uint64_t count)
{
	fs_forget(daemon_of(request)->fs, inode, count);
	fuse_reply_none(request);
}

static void ops_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
	struct daemon *daemon = daemon_of(request);

	for (size_t i = 0; i < count; i++)
		fs_forget(daemon->fs, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(request);
}

/* May what the caller makes below `parent` have the set-group-ID bit? */
static bool may_keep_setgid(fuse_req_t request, fuse_ino_t parent)
{
	struct fs_attr attr;

	if (fs_getattr(daemon_of(request)->fs, parent, &attr))
		return false;
	return caller_in_group(request, attr.gid) || caller_capable(request, CAP_FSETID);
}

static struct fs_caller caller_of(fuse_req_t request, fuse_ino_t parent, uint32_t mode)
{
	const struct fuse_ctx *context = fuse_req_ctx(request);
	struct fs_caller caller = {.uid = context->uid, .gid = context->gid, .umask = context->umask};

	if ((mode & S_ISGID) && !S_ISDIR(mode))
		caller.may_keep_setgid = may_keep_setgid(request, parent);
	return caller;
}

static int make(fuse_req_t request, fuse_ino_t parent, const char *name, uint32_t mode, dev_t rdev,
		struct fs_attr *ret_attr)
{
	struct fs_caller caller = caller_of(request, parent, mode);

	return fs_make(daemon_of(request)->fs, &caller, parent, name_of(name), mode, major(rdev), minor(rdev),
		       ret_attr);
}

static void ops_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs_attr attr;
	/* mknod(2): no type means a regular file. */
	int error = make(request, parent, name, mode & S_IFMT ? mode : mode | S_IFREG, rdev, &attr);

	reply_entry(request, error, &attr);
}

static void ops_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs_attr attr;
	int error = make(request, parent, name, (mode & ~(mode_t)S_IFMT) | S_IFDIR, 0, &attr);

	reply_entry(request, error, &attr);
}

/* The file that open(O_TMPFILE) makes: what the kernel gives as its name means nothing. */
static int make_tmpfile(fuse_req_t request, fuse_ino_t parent, uint32_t mode, struct fs_attr *ret_attr)
{
	struct fs_caller caller = caller_of(request, parent, mode);

	return fs_tmpfile(daemon_of(request)->fs, &caller, parent, mode, ret_attr);
}

/* CREATE, and TMPFILE, which differs by the name only. Where opens need no message, the kernel is told that
 * there is no CREATE: a MKNOD then does the same, and there is nothing to release when the file is closed. */
static void ops_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *file)
{
	struct daemon *daemon = daemon_of(request);
	struct fuse_entry_param entry;
	struct fs_attr attr;
	int error;

	if (daemon->open_elided && wire_request()->opcode != SIBLING_TMPFILE) {
		fuse_reply_err(request, ENOSYS);
		return;
	}
	mode = (mode & ~(mode_t)S_IFMT) | S_IFREG;
	if (wire_request()->opcode == SIBLING_TMPFILE)
		error = make_tmpfile(request, parent, mode, &attr);
	else
		error = make(request, parent, name, mode, 0, &attr);
	if (error) {
		reply_error(request, error);
		return;
	}
	reply_fill_entry(&attr, &entry);
	reply_fill_open(daemon, file);
	(void)point_reached(POINT_REPLY_NEXT);
	if (fuse_reply_create(request, &entry, file))
		fs_forget(daemon->fs, attr.inode, 1);
}

static void ops_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
	struct fs_caller caller = caller_of(request, parent, S_IFLNK);
	struct fs_attr attr;
	int error = fs_symlink(daemon_of(request)->fs, &caller, parent, name_of(name), target, &attr);

	reply_entry(request, error, &attr);
}

static void ops_readlink(fuse_req_t request, fuse_ino_t inode)
{
	char target[PATH_MAX + 1];
	size_t length;
	int error = fs_readlink(daemon_of(request)->fs, inode, target, PATH_MAX, &length);

	if (error) {
		reply_error(request, error);
		return;
	}
	target[length] = 0;
	fuse_reply_readlink(request, target);
}

static void ops_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t new_parent, const char *new_name)
{
	struct fs_attr attr;
	int error = fs_link(daemon_of(request)->fs, inode, new_parent, name_of(new_name), &attr);

	reply_entry(request, error, &attr);
}

static void ops_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	reply_error(request, fs_unlink(daemon_of(request)->fs, parent, name_of(name)));
}

static void ops_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	reply_error(request, fs_rmdir(daemon_of(request)->fs, parent, name_of(name)));
}

static void ops_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		       const char *new_name, unsigned flags)
{
	struct fs *fs = daemon_of(request)->fs;
	struct fs_name from = name_of(name), to = name_of(new_name);
	int error;

	if (flags & RENAME_WHITEOUT) {
		struct fs_caller caller = caller_of(request, parent, S_IFCHR);
		error = fs_rename_whiteout(fs, &caller, parent, from, new_parent, to,
					   flags & ~(unsigned)RENAME_WHITEOUT);
	} else {
		error = fs_rename(fs, parent, from, new_parent, to, flags);
	}
	reply_error(request, error);
}

void ops_name(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = ops_lookup;
	ops->forget = ops_forget;
	ops->forget_multi = ops_forget_multi;
	ops->mknod = ops_mknod;
	ops->mkdir = ops_mkdir;
	ops->create = ops_create;
	ops->symlink = ops_symlink;
	ops->readlink = ops_readlink;
	ops->link = ops_link;
	ops->unlink = ops_unlink;
	ops->rmdir = ops_rmdir;
	ops->rename = ops_rename;
}
