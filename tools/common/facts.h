/* Facts of an image that is open, in the form in which a daemon tells them. */
#ifndef MMFS_FACTS_H
#define MMFS_FACTS_H

#include "../../fs/fs.h"
#include "control.h"

MUST_CHECK int facts_of_image(struct image *image, struct control_info *ret_info);
struct fs_compaction facts_to_compaction(const struct control_compaction *given);
struct control_compaction facts_of_compaction(const struct fs_compaction *compaction);

#endif
