/*
 * Requests that libfuse may not know: FUSE_TMPFILE (known from 3.17 on), FUSE_STATX (3.18) and
 * FUSE_COPY_FILE_RANGE_64. Each begins as an older sibling does, so libfuse decodes it as that one, and the
 * sibling's handler asks wire_request() which of the two it was. What is answered to STATX and
 * COPY_FILE_RANGE_64 is larger than to the sibling, and is made here. With a libfuse that knows them it is
 * the same.
 */
#ifndef MMFS_SIBLING_H
#define MMFS_SIBLING_H

#include "daemon.h"

/* Opcodes of the protocol, whatever the system's headers know. */
enum sibling_opcode { SIBLING_TMPFILE = 51, SIBLING_STATX = 52, SIBLING_COPY_FILE_RANGE_64 = 53 };

/* The opcode as which libfuse is to decode it: the sibling's, or `opcode` itself. A request too short for
 * what it is keeps its own, which libfuse refuses. */
uint32_t sibling_of(uint32_t opcode, size_t body_bytes);

/* The last act of a handler (reply.c). */
void sibling_reply_statx(fuse_req_t request, int error, const struct fs_attr *attr);
/* A count of bytes, or a negative errno. */
void sibling_reply_copied(fuse_req_t request, ssize_t count);

#endif
