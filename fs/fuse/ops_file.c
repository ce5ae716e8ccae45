/* Requests about what files contain. File handles are not used: an open has no state here. */

#include "daemon.h"
#include "set_id.h"
#include "sibling.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* COPY_FILE_RANGE answers with 32 bits; whole blocks, so that the next one begins at a block. */
#define COPY_32_MOST (UINT32_MAX - (BLOCK_SIZE - 1))

static void ops_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	if (daemon_of(request)->open_elided) {
		/* From now on the kernel opens files without asking. */
		fuse_reply_err(request, ENOSYS);
		return;
	}
	int error = fs_may_open(daemon_of(request)->fs, inode, file->flags);
	if (error) {
		reply_error(request, error);
		return;
	}
	reply_fill_open(daemon_of(request), file);
	fuse_reply_open(request, file);
}

struct read_reply {
	fuse_req_t request;
	bool replied;
};

/* Straight from the mapping, under the inode lock. A page that cannot be read becomes EIO in the kernel. */
static int read_pieces(void *context, const struct iovec *pieces, int count, size_t total)
{
	struct read_reply *reply = context;

	(void)total;
	reply->replied = true;
	fuse_reply_iov(reply->request, pieces, count);
	return 0;
}

static void ops_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
		     struct fuse_file_info *file)
{
	struct read_reply reply = {.request = request};

	/* Opens are stateless, but each read tells the flags of its descriptor. Through one that can only be
	 * written to, the kernel reads what it is to write a part of. */
	bool keeps_atime = (file->flags & O_NOATIME) || (file->flags & O_ACCMODE) == O_WRONLY;
	int error = (keeps_atime ? fs_read_noatime : fs_read)(daemon_of(request)->fs, inode, (uint64_t)offset,
							      size, read_pieces, &reply);
	if (reply.replied)
		return;
	if (error)
		reply_error(request, error);
	else
		fuse_reply_buf(request, NULL, 0);
}

static void ops_write(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size, off_t offset,
		      struct fuse_file_info *file)
{
	unsigned flags = wire_write_kills() ? FS_WRITE_KILL_SET_ID : 0;

	/* The kernel has worked out the offset, with the file locked. */
	if (file->flags & O_APPEND)
		flags |= FS_WRITE_APPENDS;
	/* Written long ago, by whom and through which descriptor is not known any more. */
	if (daemon_of(request)->writeback && wire_write_cached())
		flags |= FS_WRITE_CACHED;

	reply_written(request, fs_write(daemon_of(request)->fs, inode, (uint64_t)offset, bytes, size, flags));
}

static void ops_fsync(fuse_req_t request, fuse_ino_t inode, int data_only, struct fuse_file_info *file)
{
	(void)file;
	reply_error(request, fs_sync(daemon_of(request)->fs, inode, data_only != 0));
}

/* Is a long fallocate to give up? What it has allocated does no harm. One that zeroes goes on: after an error
 * the kernel would go on showing what it has cached of the part that was zeroed. */
static bool allocation_ends(fuse_req_t request, int mode)
{
	return !(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) && fuse_req_interrupted(request);
}

static void ops_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
			  struct fuse_file_info *file)
{
	(void)file;
	if (offset < 0 || length <= 0) {
		reply_error(request, -EINVAL);
		return;
	}
	struct daemon *daemon = daemon_of(request);
	struct fs_fallocation range = {.mode = mode, .offset = (uint64_t)offset, .length = (uint64_t)length};
	int error = set_id_kill(request, inode);
	/* Steps, since a large range takes long: others get at the file in between. */
	if (!error)
		error = fs_fallocate_step(daemon->fs, inode, &range);
	while (error > 0)
		error =
		    allocation_ends(request, mode) ? -EINTR : fs_fallocate_step(daemon->fs, inode, &range);
	reply_error(request, error);
	/* Some blocks may have been had before it failed; the kernel believes that nothing has changed. */
	if (error)
		fuse_lowlevel_notify_inval_inode(daemon->session, inode, -1, 0);
}

static void ops_lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence,
		      struct fuse_file_info *file)
{
	uint64_t found = 0;
	int error = -EINVAL;

	(void)file;
	if (offset < 0)
		error = -ENXIO;
	else if (whence == SEEK_DATA || whence == SEEK_HOLE)
		error = fs_seek(daemon_of(request)->fs, inode, (uint64_t)offset, whence, &found);
	if (error)
		reply_error(request, error);
	else
		fuse_reply_lseek(request, (off_t)found);
}

static void ops_copy_file_range(fuse_req_t request, fuse_ino_t from, off_t from_offset,
				struct fuse_file_info *from_file, fuse_ino_t to, off_t to_offset,
				struct fuse_file_info *to_file, size_t length, int flags)
{
	(void)from_file;
	(void)to_file;
	if (flags || from_offset < 0 || to_offset < 0) {
		reply_error(request, -EINVAL);
		return;
	}
	bool answers_64 = wire_request()->opcode == SIBLING_COPY_FILE_RANGE_64;
	uint64_t most = answers_64 ? wire_request()->copy_bytes : length;
	if (!answers_64 && most > COPY_32_MOST)
		most = COPY_32_MOST;
	ssize_t copied = set_id_kill(request, to);
	if (!copied)
		copied = fs_copy(daemon_of(request)->fs, from, (uint64_t)from_offset, to, (uint64_t)to_offset,
				 most);
	(answers_64 ? sibling_reply_copied : reply_written)(request, copied);
}

void ops_file(struct fuse_lowlevel_ops *ops)
{
	ops->open = ops_open;
	ops->read = ops_read;
	ops->write = ops_write;
	ops->fsync = ops_fsync;
	ops->fallocate = ops_fallocate;
	ops->lseek = ops_lseek;
	ops->copy_file_range = ops_copy_file_range;
}
