/* Attributes as struct stat has them, for what is told to other programs. */
#ifndef MMFS_STAT_H
#define MMFS_STAT_H

#include "../../fs/fs.h"

#include <sys/stat.h>

struct stat stat_of_attr(const struct fs_attr *attr);

#endif
