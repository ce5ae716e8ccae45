/*
 * The messages themselves, where libfuse does not pass on what they say, or cannot say what we need. Requests
 * are read here, not by libfuse.
 *
 * FUSE_HANDLE_KILLPRIV_V2: set-id bits and capabilities are cleared by this daemon when a file is written,
 * truncated or given away, so that the kernel need not ask for security.capability before every write.
 * libfuse before 3.17 cannot negotiate it: there the reply to INIT gets its bit on the way out, by
 * fuse_session_custom_io(), which later libfuses may refuse and which is not used with them. What WRITE and
 * SETATTR say about it is read from the request.
 *
 * FUSE_DIRECT_IO_ALLOW_MMAP: files opened past the kernel's cache can be mapped shared all the same. It is
 * negotiated in the same way.
 */
#ifndef MMFS_WIRE_H
#define MMFS_WIRE_H

#include "../../backend/store.h"

#include <sys/types.h>

struct fuse_buf;
struct fuse_conn_info;
struct fuse_session;

/* What the request that this thread has read says. */
struct wire_request {
	uint32_t opcode;	/* as the kernel sent it: libfuse may have been given a sibling's */
	uint32_t write_flags;	/* of WRITE: FUSE_WRITE_ */
	uint32_t setattr_valid; /* of SETATTR: FATTR_ */
	uint32_t bytes;		/* of READ and WRITE */
	uint64_t copy_bytes;	/* of COPY_FILE_RANGE_64: libfuse 3.18 cuts it for the sibling */
};

/* Puts these functions between a session and a descriptor: its own of a mounted session, or that of a
 * connection that it is to take over. 0 or a negative errno. */
MUST_CHECK int wire_attach(struct fuse_session *session, int descriptor);
/* The next request that this session reads is that INIT, which the kernel has been answered long ago: its
 * reply goes nowhere. `init` must stay. */
void wire_repeat_init(const void *init, size_t length);
/* Asks the kernel to send again what was read from that connection and not answered (Linux 6.9). 0 or a
 * negative errno. */
MUST_CHECK int wire_ask_again(int descriptor);
/* The kernel is to look up again whatever names it knows (Linux 6.16). 0 or a negative errno. */
MUST_CHECK int wire_doubt_names(int descriptor);
/* In the handler of INIT, when all else has been asked for. direct_io: files are opened past the cache. */
void wire_negotiate(struct fuse_conn_info *connection, bool direct_io);
/* Reads the next request for fuse_session_process_buf. `buffer` is empty at first and keeps its memory, which
 * the caller frees. Returns its length, 0 if the session has ended, or a negative errno. */
MUST_CHECK ssize_t wire_receive(struct fuse_session *session, struct fuse_buf *buffer);
const struct wire_request *wire_request(void);
/* Is the request at hand soon done, whatever else goes on? */
bool wire_request_short(void);
/* Does it wait for the disk? */
bool wire_request_waits(void);

/* WRITE of pages from the kernel's cache. */
bool wire_write_cached(void);
/* WRITE by one without CAP_FSETID. */
bool wire_write_kills(void);
/* It was negotiated. */
bool wire_killpriv(void);

#endif
