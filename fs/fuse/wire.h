/*
 * The messages themselves, where libfuse does not pass on what they say, or cannot say what we need.
 *
 * FUSE_HANDLE_KILLPRIV_V2: set-id bits and capabilities are cleared by this daemon when a file is written,
 * truncated or given away, so that the kernel need not ask for security.capability before every write.
 * libfuse before 3.17 cannot negotiate it, so the reply to INIT gets its bit on the way out, and what WRITE
 * and SETATTR say about it is read from the request.
 */
#ifndef MMFS_WIRE_H
#define MMFS_WIRE_H

#include "../../backend/store.h"

struct fuse_session;

/* What the request that this thread has read says. */
struct wire_request {
	uint32_t opcode;	/* as the kernel sent it: libfuse may have been given a sibling's */
	uint32_t write_flags;	/* of WRITE: FUSE_WRITE_ */
	uint32_t setattr_valid; /* of SETATTR: FATTR_ */
};

/* Puts these functions between a mounted session and its descriptor. 0 or a negative errno. */
MUST_CHECK int wire_attach(struct fuse_session *session);
const struct wire_request *wire_request(void);
/* Is the request at hand soon done, whatever else goes on? */
bool wire_request_short(void);

/* WRITE by one without CAP_FSETID. */
bool wire_write_kills(void);
/* It was negotiated. */
bool wire_killpriv(void);

#endif
