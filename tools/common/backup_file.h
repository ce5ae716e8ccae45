/* A file of the host as the place for a copy of an image (image_sink). */
#ifndef MMFS_BACKUP_FILE_H
#define MMFS_BACKUP_FILE_H

#include "../../backend/backend.h"

struct backup_file {
	int descriptor; /* of the copy: open for reading and writing, empty */
	int source;	/* of the image, for sharing its blocks; -1: that is not tried */
	bool (*stopped)(void *context);
	void *context;
};

/* `file` has to stay where it is as long as the sink is used. */
struct image_sink backup_file_sink(struct backup_file *file);
/* May it be written to: a regular file, which is made empty. 0, -EINVAL, or another errno. */
MUST_CHECK int backup_file_empty(const struct backup_file *file);

#endif
