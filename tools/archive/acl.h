/* POSIX ACLs between the two ways they are kept: as the value of an xattr, and as entries of libarchive. */
#ifndef MMFS_ARCHIVE_ACL_H
#define MMFS_ARCHIVE_ACL_H

#include "../../backend/backend.h"

#include <archive_entry.h>

/* The most bytes that an ACL takes as a value. */
#define ACL_BYTES_MAX 65536u

/* Adds the ACL of such a value to an entry. of_new: it is the default ACL of a directory. -EINVAL: that is
 * none. */
MUST_CHECK int acl_to_entry(struct archive_entry *entry, bool of_new, const void *value, size_t length);
/* The ACL of an entry as a value of at most ACL_BYTES_MAX bytes; *ret_length 0: it has none, but for what the
 * mode says. Users and groups that have names only are looked up on the host: -ENOENT, nobody has that name.
 * -E2BIG, -EINVAL. */
MUST_CHECK int acl_of_entry(struct archive_entry *entry, bool of_new, void *value, size_t *ret_length);

#endif
