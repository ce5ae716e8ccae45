/*
 * What the files of the daemon share. Nothing outside fs/fuse/ includes it, and FUSE appears nowhere else.
 *
 * Life of a daemon: options_parse; daemonize_start (the parent waits); mountpoint_prepare; lock_image;
 * supervisor_run, which goes on in a child; open_image; fs_open; session_mount; session_serve, which tells
 * that the mount is ready, works until it is unmounted, and unmounts it itself on a signal; fs_close;
 * image_close. A daemon that takes over from one that died goes on with session_resume instead of mounting. A
 * program that takes over from another (takeover.h) begins with supervisor_run.
 *
 * A request is read by a worker thread (session.c), decoded by libfuse, and handled by a function of an ops_
 * file, whose last act is one reply (reply.c).
 */
#ifndef MMFS_DAEMON_H
#define MMFS_DAEMON_H

#define FUSE_USE_VERSION 314

#include "../fs.h"
#include "options.h"

#include <fuse_lowlevel.h>
#include <stdatomic.h>

struct daemon {
	const struct options *options;
	char **arguments; /* of the program */
	struct image *image;
	struct fs *fs;
	struct fuse_session *session;
	uint64_t connection;	   /* random: tells the requests of one mount from those of another (R17) */
	struct handover *handover; /* NULL: nobody supervises, and the mount ends with this process */
	int supervisor;		   /* socket, if there is a handover */
	int child_status;	   /* in the supervisor: of a daemon that ended by itself */
	int handover_descriptor;   /* in the supervisor */
	int image_descriptor;	   /* locked */
	bool image_created;	   /* it did not exist before */
	int fuse_descriptor;	   /* goes_on: the connection's */
	bool goes_on;		   /* another daemon has served this mount before */
	char *image_path;	   /* absolute */
	char *mountpoint;	   /* absolute, or /dev/fd/N */
	dev_t mounted_device;
	/* The kernel takes ENOSYS for "opens need no message". Set by INIT, before any other request. */
	bool open_elided, opendir_elided;
	bool writeback; /* negotiated: sizes and times of regular files are the kernel's to know */
	atomic_bool damage_told, failure_told; /* the log has it already */
};

static inline struct daemon *daemon_of(fuse_req_t request)
{
	return fuse_req_userdata(request);
}

/* mmfs is the only one that changes the image, so the kernel may keep what it knows. */
#define CACHE_SECONDS (365 * 86400.0)

#define WRITE_MOST (1u << 20) /* bytes of one WRITE: what the kernel sends at most */
/* Exit status of a daemon that errors=abort has ended. */
#define STATUS_ABORTED 2

/* ---- log.c ---- */

/* "mmfs: ..." on stderr, or after log_to_syslog in the system log. Without a newline at the end. */
void log_say(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_to_syslog(void);
/* Tells once that the image has failed, and once that damage was found in it. With errors=abort a failed
 * image ends the process here. */
void log_image_failure(struct daemon *daemon);

/* ---- daemonize.c ---- */

/* Forks. The parent waits until the child is ready and exits 0, or exits 1 when the child has ended. Returns
 * in the child: 0, or a negative errno (nothing was forked). */
MUST_CHECK int daemonize_start(void);
/* The mount is usable: lets the parent go, leaves the terminal. Later messages go to the system log. */
void daemonize_ready(void);
/* The same without a parent that waits: for a child of the supervisor, which tells that in its own time. */
void daemonize_detach(void);
/* After a fork: the waiting parent is not this process's. */
void daemonize_is_child(void);

/* ---- mountpoint.c ---- */

/* Checks all that can be wrong with a mount before anything is made or opened: the mountpoint, the image's
 * place, the rights to use FUSE. Detaches what a dead daemon left there. Fills in the daemon's paths. Has
 * said what is wrong when it returns a negative errno. */
MUST_CHECK int mountpoint_prepare(struct daemon *daemon);
/* "/dev/fd/N", as container runtimes give: somebody else has mounted, and passes the connection on as that
 * descriptor. N, or -1 for a directory. Where the mount is, is not known then: it cannot be looked at through
 * itself, and not be unmounted. */
int mountpoint_descriptor(const char *mountpoint);
/* The supervisor has another descriptor of the connection: the one that was passed goes. */
void mountpoint_close_descriptor(const struct daemon *daemon);
/* Takes away a mount whose connection has ended. */
void mountpoint_detach_dead(const struct daemon *daemon);
/* Unmounts while the workers still serve, so that the kernel can write out what it holds. *ret_busy: somebody
 * still uses the mount; it is detached and goes on until they let go. 0 or a negative errno. */
MUST_CHECK int mountpoint_unmount(const struct daemon *daemon, bool *ret_busy);
/* Right after mounting, when the mount cannot be looked at: whatever is mounted there last goes. */
MUST_CHECK int mountpoint_detach(const struct daemon *daemon);

/* ---- session.c ---- */

MUST_CHECK int session_mount(struct daemon *daemon);
/* Instead of it: takes the connection over from a daemon that has died. */
MUST_CHECK int session_resume(struct daemon *daemon);
/* Serves until the mount has ended. *ret_abandoned: workers still wait for requests of a detached mount and
 * go with the process; no request is being worked on, and none will be. */
MUST_CHECK int session_serve(struct daemon *daemon, bool *ret_abandoned);
/* Not when abandoned. */
void session_destroy(struct daemon *daemon);

/* ---- ops_*.c: each fills in its handlers ---- */

void ops_name(struct fuse_lowlevel_ops *ops);
void ops_attr(struct fuse_lowlevel_ops *ops);
void ops_file(struct fuse_lowlevel_ops *ops);
void ops_dir(struct fuse_lowlevel_ops *ops);
void ops_xattr(struct fuse_lowlevel_ops *ops);
void ops_ioctl(struct fuse_lowlevel_ops *ops);

/* ---- reply.c: the last act of a handler ---- */

/* error: 0 or a negative errno. */
void reply_error(fuse_req_t request, int error);
/* attr counts one lookup, which is taken back if the kernel did not get the reply. */
void reply_entry(fuse_req_t request, int error, const struct fs_attr *attr);
void reply_attr(fuse_req_t request, int error, const struct fs_attr *attr);
/* A count of bytes, or a negative errno. */
void reply_written(fuse_req_t request, ssize_t count);
/* What FUSE makes of attributes. */
void reply_fill_entry(const struct fs_attr *attr, struct fuse_entry_param *ret_entry);
/* How the kernel is to go on with an opened file. */
void reply_fill_open(const struct daemon *daemon, struct fuse_file_info *file);

#endif
