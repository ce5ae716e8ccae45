/* See resend.h. */
#include "resend.h"
#include "sibling.h"
#include "suspects.h"
#include "wire.h"
#include "../../backend/point.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#define RESENT (UINT64_C(1) << 63)

static struct {
	bool active;	     /* set before the workers start; cleared when all have been read */
	atomic_uint unknown; /* resent requests not looked up yet, and 1 while there may be more to read */
	int over;	     /* eventfd */
	bool settles;	     /* there is a thread for that */
	pthread_t settler;
} resend = {.over = -1};
static _Thread_local bool counted; /* the request at hand is one of `unknown` */

int resend_begin(struct daemon *daemon)
{
	(void)daemon;
	resend.over = eventfd(0, EFD_CLOEXEC);
	if (resend.over < 0)
		return -errno;
	atomic_store(&resend.unknown, 1);
	resend.active = true;
	return 0;
}

int resend_over_descriptor(void)
{
	return resend.over;
}

static void one_less(void)
{
	if (atomic_fetch_sub(&resend.unknown, 1) == 1)
		eventfd_write(resend.over, 1);
}

/* These come ahead of others, and resent ones may still stand behind them. */
static bool comes_ahead(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT;
}

/* The INTERRUPT of one that was sent again has its `unique`. */
static bool is_resent(const struct fuse_in_header *request)
{
	return (request->unique & RESENT) && !comes_ahead(request->opcode);
}

static void all_are_read(void)
{
	resend.active = false;
	one_less();
}

static bool others_wait(int descriptor)
{
	struct pollfd polled = {.fd = descriptor, .events = POLLIN};

	return poll(&polled, 1, 0) != 0;
}

void resend_asked(int descriptor)
{
	if (!others_wait(descriptor))
		all_are_read();
}

bool resend_reads(void)
{
	return resend.active;
}

void resend_read(const struct fuse_in_header *request, int descriptor)
{
	if (!resend.active)
		return;
	counted = is_resent(request);
	if (counted)
		atomic_fetch_add(&resend.unknown, 1);
	/* The kernel has put them at the head of its list. */
	if (!others_wait(descriptor) || (!counted && !comes_ahead(request->opcode)))
		all_are_read();
}

/* ---- answers ---- */

static void fill_attr(const struct fs_attr *attr, struct fuse_attr *ret)
{
	*ret = (struct fuse_attr){
	    .ino = attr->inode,
	    .size = attr->size,
	    .blocks = attr->blocks512,
	    .atime = (uint64_t)attr->atime.tv_sec,
	    .mtime = (uint64_t)attr->mtime.tv_sec,
	    .ctime = (uint64_t)attr->ctime.tv_sec,
	    .atimensec = (uint32_t)attr->atime.tv_nsec,
	    .mtimensec = (uint32_t)attr->mtime.tv_nsec,
	    .ctimensec = (uint32_t)attr->ctime.tv_nsec,
	    .mode = attr->mode,
	    .nlink = attr->nlink,
	    .uid = attr->uid,
	    .gid = attr->gid,
	    .rdev = (uint32_t)makedev(attr->rdev_major, attr->rdev_minor),
	    .blksize = BLOCK_SIZE,
	};
}

/* What follows the header of a reply. */
union answer {
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} create;
	struct fuse_attr_out attr;
	struct fuse_write_out write;
	struct fuse_ioctl_out ioctl;
	uint64_t copied; /* of COPY_FILE_RANGE_64 */
};

static int answer_entry(struct daemon *daemon, uint64_t inode, union answer *answer)
{
	struct fs_attr attr;
	/* Its lookup was counted before the record. */
	int error = fs_getattr(daemon->fs, inode, &attr);

	if (error)
		return error;
	answer->create.entry = (struct fuse_entry_out){
	    .nodeid = attr.inode,
	    .generation = (uint32_t)attr.generation,
	    .entry_valid = (uint64_t)CACHE_SECONDS,
	    .attr_valid = (uint64_t)CACHE_SECONDS,
	};
	fill_attr(&attr, &answer->create.entry.attr);
	return 0;
}

/* Returns the size of the answer, or a negative errno. */
static int make_answer(struct daemon *daemon, uint32_t opcode, const struct request_answer *happened,
		       union answer *answer)
{
	struct fs_attr attr;
	int error;

	switch (opcode) {
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		error = answer_entry(daemon, happened->inode, answer);
		return error ? error : (int)sizeof(answer->create.entry);
	case FUSE_CREATE:
	case SIBLING_TMPFILE:
		error = answer_entry(daemon, happened->inode, answer);
		answer->create.open = (struct fuse_open_out){.open_flags = FOPEN_KEEP_CACHE};
		return error ? error : (int)sizeof(answer->create);
	case FUSE_SETATTR:
		error = fs_getattr(daemon->fs, happened->inode, &attr);
		if (error)
			return error;
		answer->attr = (struct fuse_attr_out){.attr_valid = (uint64_t)CACHE_SECONDS};
		fill_attr(&attr, &answer->attr.attr);
		return (int)sizeof(answer->attr);
	case FUSE_WRITE:
	case FUSE_COPY_FILE_RANGE:
		answer->write = (struct fuse_write_out){.size = (uint32_t)happened->count};
		return (int)sizeof(answer->write);
	case SIBLING_COPY_FILE_RANGE_64:
		answer->copied = happened->count;
		return (int)sizeof(answer->copied);
	case FUSE_IOCTL: /* flags were set */
		answer->ioctl = (struct fuse_ioctl_out){.result = 0};
		return (int)sizeof(answer->ioctl);
	default: /* UNLINK, RMDIR, RENAME, SETXATTR, REMOVEXATTR, FALLOCATE: success says it all */
		return 0;
	}
}

static void send_answer(const struct daemon *daemon, const struct fuse_in_header *request, int error,
			union answer *answer, size_t size)
{
	struct fuse_out_header header = {
	    .len = (uint32_t)(sizeof(header) + size), .error = error, .unique = request->unique};
	struct iovec pieces[] = {{.iov_base = &header, .iov_len = sizeof(header)},
				 {.iov_base = answer, .iov_len = size}};

	/* -ENOENT: it was interrupted, and nobody waits. */
	if (writev(fuse_session_fd(daemon->session), pieces, size ? 2 : 1) < 0 && errno != ENOENT)
		log_say(LOG_WARNING, "%s: answering a request again: %s", daemon->mountpoint,
			strerror(errno));
}

/* It would end this daemon, too. */
static bool refuse_if_guilty(struct daemon *daemon, const struct fuse_in_header *request)
{
	unsigned deaths = suspects_guilty(daemon->handover, request->unique & ~RESENT);

	if (!deaths)
		return false;
	log_say(LOG_CRIT,
		"%s: a request (type %u, inode %llu) has ended %u daemons in a row: it fails with EIO and is "
		"not tried again; everything else goes on. Report it, with a core dump if there is one, and "
		"when it is unmounted run fsck.mmfs -n %s",
		daemon->mountpoint, wire_request()->opcode, (unsigned long long)request->nodeid, deaths,
		daemon->image_path);
	/* A part of it may have been done. */
	fuse_lowlevel_notify_inval_inode(daemon->session, request->nodeid, -1, 0);
	if (wire_doubt_names(fuse_session_fd(daemon->session)))
		log_say(LOG_WARNING, "%s: names that the kernel has cached may be out of date",
			daemon->mountpoint);
	send_answer(daemon, request, -EIO, NULL, 0);
	return true;
}

static bool answer_if_happened(struct daemon *daemon, const struct fuse_in_header *request)
{
	struct request_answer happened;
	union answer answer;

	if (!image_answer(daemon->image, request->unique & ~RESENT, &happened))
		return false;
	int size = make_answer(daemon, wire_request()->opcode, &happened, &answer);
	/* As the handler does: the kernel does not know that ctime has changed. */
	if (wire_request()->opcode == FUSE_IOCTL)
		fuse_lowlevel_notify_inval_inode(daemon->session, request->nodeid, -1, 0);
	(void)point_reached(POINT_REPLY_NEXT);
	send_answer(daemon, request, size < 0 ? size : 0, &answer, size < 0 ? 0 : (size_t)size);
	return true;
}

/* One that has not happened needs no record from before, so nothing is held for it while it runs: what it
 * does may take more room than the ring has besides. */
bool resend_answer(struct daemon *daemon, const struct fuse_in_header *request)
{
	bool answered =
	    is_resent(request) && (refuse_if_guilty(daemon, request) || answer_if_happened(daemon, request));

	if (counted)
		one_less();
	counted = false;
	return answered;
}

static void *settle(void *argument)
{
	struct daemon *daemon = argument;
	int error = fs_settle(daemon->fs);

	if (error && error != -EINTR)
		log_say(LOG_WARNING, "%s: unlinked files stay until it is unmounted: %s", daemon->mountpoint,
			strerror(-error));
	return NULL;
}

void resend_end(struct daemon *daemon)
{
	close(resend.over);
	resend.over = -1;
	image_answers_end(daemon->image);
	/* It may take long, and whoever unmounts is not to wait for it. */
	resend.settles = !pthread_create(&resend.settler, NULL, settle, daemon);
	if (!resend.settles)
		settle(daemon);
}

void resend_settle_end(struct daemon *daemon)
{
	if (!resend.settles)
		return;
	fs_settle_stop(daemon->fs);
	pthread_join(resend.settler, NULL);
	resend.settles = false;
}
