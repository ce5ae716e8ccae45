/* Opening, syncing and closing the image. */
#include "handle.h"

#include "../common/open_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static __thread char message[1024];

static void keep_message(const char *line)
{
	snprintf(message, sizeof(message), "%s", line);
}

const char *mmfs_version(void)
{
	return MMFS_VERSION;
}

const char *mmfs_message(void)
{
	return message;
}

static int open_files(struct mmfs *mmfs)
{
	struct fs_options options = {
	    .read_only = image_read_only(mmfs->image),
	    .acl = true,
	    .root_uid = getuid(),
	    .root_gid = getgid(),
	};

	int error = fs_open(mmfs->image, &options, &mmfs->fs);
	if (error && !message[0])
		snprintf(message, sizeof(message), "%s",
			 error == -EUCLEAN ? image_damage(mmfs->image) : strerror(-error));
	return error;
}

int mmfs_open(const char *image_path, unsigned flags, struct mmfs **ret_image)
{
	bool read_only = flags & MMFS_READ_ONLY;
	struct open_image_options options = {
	    .read_only = read_only,
	    .create = flags & MMFS_CREATE,
	    .image.no_syncer = read_only,
	    .tell = keep_message,
	};

	message[0] = 0;
	if ((flags & ~(MMFS_READ_ONLY | MMFS_CREATE)) || flags == (MMFS_READ_ONLY | MMFS_CREATE)) {
		keep_message("unknown flags, or MMFS_READ_ONLY together with MMFS_CREATE");
		return -EINVAL;
	}
	struct mmfs *mmfs = calloc(1, sizeof(*mmfs));
	if (!mmfs)
		return -ENOMEM;
	int error = open_image("libmmfs", image_path, &options, &mmfs->image, NULL);
	if (!error) {
		error = open_files(mmfs);
		if (error)
			image_drop(mmfs->image);
	}
	if (error) {
		free(mmfs);
		return error;
	}
	*ret_image = mmfs;
	return 0;
}

int mmfs_close(struct mmfs *mmfs)
{
	if (!mmfs)
		return 0;
	int error = fs_close(mmfs->fs);
	int close_error = image_close(mmfs->image);
	free(mmfs);
	return error ? error : close_error;
}

int mmfs_sync(struct mmfs *mmfs)
{
	return image_read_only(mmfs->image) ? 0 : image_checkpoint(mmfs->image);
}

int mmfs_statvfs(struct mmfs *mmfs, struct statvfs *ret_status)
{
	struct fs_statfs status;

	int error = fs_statfs(mmfs->fs, &status);
	if (error)
		return error;
	*ret_status = (struct statvfs){
	    .f_bsize = BLOCK_SIZE,
	    .f_frsize = BLOCK_SIZE,
	    .f_blocks = status.blocks,
	    .f_bfree = status.free_blocks,
	    .f_bavail = status.free_blocks,
	    .f_files = status.inodes,
	    .f_ffree = status.free_inodes,
	    .f_favail = status.free_inodes,
	    .f_namemax = FS_NAME_MAX,
	    .f_flag = image_read_only(mmfs->image) ? ST_RDONLY : 0,
	};
	return 0;
}

struct fs_caller handle_caller(void)
{
	/* no umask: a library does not touch it, and reading it means to change it for a moment */
	return (struct fs_caller){.uid = getuid(), .gid = getgid(), .may_keep_setgid = true};
}
