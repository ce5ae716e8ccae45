/* Replies, and what FUSE makes of attributes. */
#include "daemon.h"
#include "../../backend/point.h"
#include "../../tools/common/stat.h"

#include <errno.h>

void reply_error(fuse_req_t request, int error)
{
	struct daemon *daemon = daemon_of(request);

	(void)point_reached(POINT_REPLY_NEXT);
	fuse_reply_err(request, -error);
	/* Afterwards, as it may be the end of this process. */
	if (error == -EIO || error == -EUCLEAN)
		log_image_failure(daemon);
}

void reply_fill_entry(const struct fs_attr *attr, struct fuse_entry_param *ret_entry)
{
	*ret_entry = (struct fuse_entry_param){
	    .ino = attr->inode,
	    .generation = (uint32_t)attr->generation, /* the kernel keeps 32 bits */
	    .attr_timeout = CACHE_SECONDS,
	    .entry_timeout = CACHE_SECONDS,
	    .attr = stat_of_attr(attr),
	};
}

void reply_fill_open(const struct daemon *daemon, struct fuse_file_info *file)
{
	file->keep_cache = 1;
	file->direct_io = daemon->options->direct_io;
}

void reply_entry(fuse_req_t request, int error, const struct fs_attr *attr)
{
	struct daemon *daemon = daemon_of(request);
	struct fuse_entry_param entry;

	if (error) {
		reply_error(request, error);
		return;
	}
	reply_fill_entry(attr, &entry);
	(void)point_reached(POINT_REPLY_NEXT);
	/* The request was interrupted or the mount has ended: the kernel does not know the inode. */
	if (fuse_reply_entry(request, &entry))
		fs_forget(daemon->fs, attr->inode, 1);
}

void reply_attr(fuse_req_t request, int error, const struct fs_attr *attr)
{
	struct stat status;

	if (error) {
		reply_error(request, error);
		return;
	}
	status = stat_of_attr(attr);
	(void)point_reached(POINT_REPLY_NEXT);
	fuse_reply_attr(request, &status, CACHE_SECONDS);
}

void reply_written(fuse_req_t request, ssize_t count)
{
	if (count < 0) {
		reply_error(request, (int)count);
		return;
	}
	(void)point_reached(POINT_REPLY_NEXT);
	fuse_reply_write(request, (size_t)count);
}
