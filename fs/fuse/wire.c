/* See wire.h. */
#include "wire.h"
#include "daemon.h"
#include "sibling.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local struct wire_request current;
static atomic_ullong init_unique; /* of the INIT that was read and not answered; 0: none */
static atomic_bool killpriv;	  /* negotiated */
/* Bits of INIT that the kernel offers and its reply is to have. */
static struct {
	uint32_t flags, flags2;
} offered;
/* An INIT to be read again, before there is more than one thread; its reply is dropped. */
static struct {
	const void *init; /* NULL: none, or it was read */
	size_t length;
	uint64_t unique; /* of the reply; 0: none */
} repeated;

/* Copied in less time than it takes to wake another worker. */
#define SHORT_BYTES 32768u

/* FUSE_DIRECT_IO_ALLOW_MMAP of protocol 7.39, as a bit of flags2. */
#define DIRECT_IO_ALLOW_MMAP (1u << 4)

#define NOTIFY_RESEND	 7 /* FUSE_NOTIFY_RESEND */
#define NOTIFY_INC_EPOCH 8 /* FUSE_NOTIFY_INC_EPOCH */

/* The kernel wants room for its largest WRITE; libfuse gives a page for what comes before the bytes. */
#define REQUEST_BYTES (WRITE_MOST + 4096u)

static void note_init(uint64_t unique, const struct fuse_init_in *init, size_t length)
{
	if (length < offsetof(struct fuse_init_in, flags) + 4)
		return;
	offered.flags = init->flags & FUSE_HANDLE_KILLPRIV_V2;
	if ((init->flags & FUSE_INIT_EXT) && length >= offsetof(struct fuse_init_in, flags2) + 4)
		offered.flags2 = init->flags2 & DIRECT_IO_ALLOW_MMAP;
	atomic_store(&init_unique, unique);
}

static void note_request(uint8_t *bytes, size_t length)
{
	struct fuse_in_header *header = (void *)bytes;
	const void *body = header + 1;

	current = (struct wire_request){0};
	if (length < sizeof(*header))
		return;
	length -= sizeof(*header);
	current.opcode = header->opcode;
	header->opcode = sibling_of(header->opcode, length);
	if (header->opcode == FUSE_WRITE && length >= sizeof(struct fuse_write_in)) {
		current.write_flags = ((const struct fuse_write_in *)body)->write_flags;
		current.bytes = ((const struct fuse_write_in *)body)->size;
	}
	if (header->opcode == FUSE_READ && length >= sizeof(struct fuse_read_in))
		current.bytes = ((const struct fuse_read_in *)body)->size;
	if (header->opcode == FUSE_SETATTR && length >= sizeof(struct fuse_setattr_in))
		current.setattr_valid = ((const struct fuse_setattr_in *)body)->valid;
	if (current.opcode == SIBLING_COPY_FILE_RANGE_64 && length >= sizeof(struct fuse_copy_file_range_in))
		current.copy_bytes = ((const struct fuse_copy_file_range_in *)body)->len;
	if (header->opcode == FUSE_INIT)
		note_init(header->unique, body, length);
}

static int buffer_alloc(struct fuse_buf *buffer)
{
	buffer->mem = malloc(REQUEST_BYTES);
	buffer->flags = 0;
	if (!buffer->mem)
		return -ENOMEM;
	/* A request that is copied into a page which is not there yet fails if this process is killed
	 * meanwhile: its caller sees EIO, and no other daemon is sent it again. (Not zeros: compilers make a
	 * calloc of that, which touches nothing.) */
	memset(buffer->mem, 0xff, REQUEST_BYTES);
	return 0;
}

static ssize_t read_request(int descriptor, uint8_t *bytes)
{
	ssize_t length;

	if (!repeated.init || repeated.length > REQUEST_BYTES)
		return read(descriptor, bytes, REQUEST_BYTES);
	length = (ssize_t)repeated.length;
	memcpy(bytes, repeated.init, repeated.length);
	repeated.init = NULL;
	return length;
}

ssize_t wire_receive(struct fuse_session *session, struct fuse_buf *buffer)
{
	int error = buffer->mem ? 0 : buffer_alloc(buffer);
	ssize_t length;

	if (error)
		return error;
	do /* ENOENT: the request was interrupted before it was read */
		length = read_request(fuse_session_fd(session), buffer->mem);
	while (length < 0 && errno == ENOENT && !fuse_session_exited(session));
	if (fuse_session_exited(session) || (length < 0 && errno == ENODEV)) {
		fuse_session_exit(session); /* unmounted */
		return 0;
	}
	if (length < 0)
		return -errno;
	if ((size_t)length < sizeof(struct fuse_in_header))
		return -EIO;
	buffer->size = (size_t)length;
	note_request(buffer->mem, (size_t)length);
	return length;
}

#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2

/* libfuse may have been built without custom I/O, but it takes a descriptor for a mountpoint, as container
 * runtimes pass one. The reply to a repeated INIT is refused by the kernel, which harms nothing. */
int wire_attach(struct fuse_session *session, int descriptor)
{
	char path[32];

	if (fuse_session_fd(session) == descriptor)
		return 0;
	snprintf(path, sizeof(path), "/dev/fd/%d", descriptor);
	return fuse_session_mount(session, path) ? -EIO : 0;
}

static void want_newer(struct fuse_conn_info *connection, bool direct_io)
{
	if (direct_io)
		connection->want |= connection->capable & FUSE_CAP_DIRECT_IO_ALLOW_MMAP;
	if (!(connection->capable & FUSE_CAP_HANDLE_KILLPRIV_V2))
		return;
	connection->want |= FUSE_CAP_HANDLE_KILLPRIV_V2;
	atomic_store(&killpriv, true);
}

#else

/* libfuse insists on it, and never calls it. */
static ssize_t wire_read(int descriptor, void *bytes, size_t room, void *context)
{
	(void)context;
	return read(descriptor, bytes, room);
}

/* The reply to INIT, with what libfuse does not know. It comes as a header and a fuse_init_out. */
static bool amend_init(struct iovec *pieces, int count, struct fuse_init_out *ret_reply)
{
	const struct fuse_out_header *header = pieces[0].iov_base;
	size_t length;

	if (count != 2 || pieces[0].iov_len != sizeof(*header) || header->error ||
	    header->unique != atomic_load(&init_unique))
		return false;
	length = pieces[1].iov_len;
	if (length < offsetof(struct fuse_init_out, flags) + 4 || length > sizeof(*ret_reply))
		return false;
	memcpy(ret_reply, pieces[1].iov_base, length);
	ret_reply->flags |= offered.flags;
	if (offered.flags2 && length >= offsetof(struct fuse_init_out, flags2) + 4) {
		ret_reply->flags2 |= offered.flags2;
		ret_reply->flags |= FUSE_INIT_EXT;
	}
	pieces[1].iov_base = ret_reply;
	return true;
}

static uint64_t reply_unique(const struct iovec *pieces)
{
	const struct fuse_out_header *header = pieces[0].iov_base;

	return pieces[0].iov_len >= sizeof(*header) ? header->unique : 0;
}

static ssize_t pieces_length(const struct iovec *pieces, int count)
{
	size_t length = 0;

	for (int i = 0; i < count; i++)
		length += pieces[i].iov_len;
	return (ssize_t)length;
}

static ssize_t wire_writev(int descriptor, struct iovec *pieces, int count, void *context)
{
	struct fuse_init_out reply;

	(void)context;
	if (atomic_load_explicit(&init_unique, memory_order_relaxed) && amend_init(pieces, count, &reply)) {
		atomic_store(&init_unique, 0);
		atomic_store(&killpriv, offered.flags & FUSE_HANDLE_KILLPRIV_V2);
	}
	if (repeated.unique && reply_unique(pieces) == repeated.unique) {
		repeated.unique = 0;
		return pieces_length(pieces, count);
	}
	return writev(descriptor, pieces, count);
}

int wire_attach(struct fuse_session *session, int descriptor)
{
	static const struct fuse_custom_io io = {.read = wire_read, .writev = wire_writev};

	return fuse_session_custom_io(session, &io, descriptor);
}

static void want_newer(struct fuse_conn_info *connection, bool direct_io)
{
	(void)connection; /* amend_init does it */
	if (!direct_io)
		offered.flags2 = 0;
}

#endif

void wire_repeat_init(const void *init, size_t length)
{
	const struct fuse_in_header *header = init;

	repeated.init = init;
	repeated.length = length;
	repeated.unique = header->unique;
}

/* A message without anything behind its header. */
static int notify(int descriptor, int what)
{
	struct fuse_out_header header = {.len = sizeof(header), .error = what};

	while (write(descriptor, &header, sizeof(header)) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int wire_ask_again(int descriptor)
{
	return notify(descriptor, NOTIFY_RESEND);
}

int wire_doubt_names(int descriptor)
{
	return notify(descriptor, NOTIFY_INC_EPOCH);
}

void wire_negotiate(struct fuse_conn_info *connection, bool direct_io)
{
	want_newer(connection, direct_io);
#ifdef FUSE_CAP_OVER_IO_URING
	/* Those requests would come to threads of libfuse's own. */
	connection->want &= ~(unsigned)FUSE_CAP_OVER_IO_URING;
#endif
}

const struct wire_request *wire_request(void)
{
	return &current;
}

bool wire_request_waits(void)
{
	return current.opcode == FUSE_FSYNC || current.opcode == FUSE_FSYNCDIR ||
	       current.opcode == FUSE_SYNCFS;
}

bool wire_request_short(void)
{
	switch (current.opcode) {
	case FUSE_LOOKUP:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_GETATTR:
	case SIBLING_STATX:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_CREATE:
	case SIBLING_TMPFILE:
	case FUSE_LINK:
	case FUSE_SYMLINK:
	case FUSE_READLINK:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_GETXATTR:
	case FUSE_STATFS:
	case FUSE_RELEASE:
		return true;
	case FUSE_SETATTR:
		return !(current.setattr_valid & FATTR_SIZE);
	case FUSE_READ:
	case FUSE_WRITE:
		return current.bytes <= SHORT_BYTES;
	default:
		return false;
	}
}

bool wire_write_cached(void)
{
	return current.write_flags & FUSE_WRITE_CACHE;
}

bool wire_write_kills(void)
{
	return current.write_flags & FUSE_WRITE_KILL_SUIDGID;
}

bool wire_killpriv(void)
{
	return atomic_load_explicit(&killpriv, memory_order_relaxed);
}
