/*
 * The connection to the kernel: mounting, INIT, the workers, and its end.
 *
 * Workers read a request each, and handle it to its end. The main thread waits for a signal, or for the
 * workers to end since the mount has ended. On a signal it unmounts while they still work, so that the kernel
 * can write out what it holds. If somebody still uses the mount then, it is detached, and after the request
 * at hand the workers are kept from taking another: the image can be closed, and those users get an error
 * when the process ends.
 */
#include "control.h"
#include "handover.h"
#include "resend.h"
#include "supervisor.h"
#include "upgrade.h"
#include "wire.h"
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#define BACKGROUND_REQUESTS 64u
#define READ_AHEAD_KIB	    1024u
#define DIRTY_PERCENT	    50u
#define HEALTH_MS	    10000 /* how often the image is looked at when no request fails */
#define HEALTH_ABORT_MS	    500	  /* the same when its failure is to end the daemon */
#define END_MS		    5000  /* how long an ended mount may take to let the workers go */

/* ---- INIT ---- */

static void want(struct fuse_conn_info *connection, unsigned capability)
{
	connection->want |= connection->capable & capability;
}

/* Are there immutable or append-only files in the image? If it cannot be told, there may be. */
static bool image_guards(const struct daemon *daemon)
{
	struct image_space space;

	return image_space(daemon->image, &space) != 0 || space.guarded > 0;
}

static void ops_init(void *context, struct fuse_conn_info *connection)
{
	struct daemon *daemon = context;

	/* Opens are answered ENOSYS, so O_TRUNC has to come as a truncation of its own. Nothing changes
	 * behind the kernel's back, so it need not doubt its pages. Replies come from memory: splicing would
	 * only cost. */
	connection->want &=
	    ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ |
			FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE |
			FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_POSIX_ACL);
	want(connection, FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS |
			     FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_EXPORT_SUPPORT |
			     FUSE_CAP_ASYNC_DIO | FUSE_CAP_ASYNC_READ | FUSE_CAP_IOCTL_DIR);
	/* Umask and default ACLs are then ours to apply, since one of them excludes the other. */
	if (daemon->options->acl)
		want(connection, FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK);
	/* On a mount that outlives its daemon so do the pages that the kernel has not yet written. */
	if (daemon->options->writeback && !daemon->options->read_only)
		want(connection, FUSE_CAP_WRITEBACK_CACHE);
	daemon->writeback = connection->want & FUSE_CAP_WRITEBACK_CACHE;
	wire_negotiate(connection, daemon->options->direct_io);
	/* Opening an immutable file for writing has to fail; and only the reply to an open can say that its
	 * reads and writes bypass the cache. */
	daemon->open_elided = (connection->capable & FUSE_CAP_NO_OPEN_SUPPORT) && !image_guards(daemon) &&
			      !daemon->options->direct_io;
	daemon->opendir_elided = connection->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	connection->max_write = WRITE_MOST;
	connection->max_background = BACKGROUND_REQUESTS;
	connection->congestion_threshold = BACKGROUND_REQUESTS * 3 / 4;
	connection->time_gran = 1;
}

/* ---- mounting ---- */

/* Whether set-id bits and device nodes in it can be believed: only root could have put them there. */
static bool image_is_roots(const struct daemon *daemon)
{
	struct stat status;

	if (geteuid() != 0 || stat(daemon->image_path, &status) || status.st_uid != 0)
		return false;
	return S_ISBLK(status.st_mode) || !(status.st_mode & (S_IWGRP | S_IWOTH));
}

/* What libfuse is given, as one list. NULL: out of memory. */
static char *mount_options(const struct daemon *daemon)
{
	const struct options *options = daemon->options;
	bool trusted = image_is_roots(daemon);
	/* Set-id bits that stored owners gave to themselves would give away the rights of the shown one. */
	bool shown = options->shown.has_uid || options->shown.has_gid;
	char *list = NULL, *source = NULL;
	int bad = 0;

	if (asprintf(&source, "fsname=%s", options->fsname ? options->fsname : daemon->image_path) < 0)
		return NULL;
	bad |= fuse_opt_add_opt(&list, "default_permissions");
	bad |= fuse_opt_add_opt(&list, "subtype=mmfs");
	bad |= fuse_opt_add_opt_escaped(&list, source);
	bad |= fuse_opt_add_opt(&list, options->read_only ? "ro" : "rw");
	if (trusted && !shown && !options->suid_given)
		bad |= fuse_opt_add_opt(&list, "suid");
	if (trusted && !options->dev_given)
		bad |= fuse_opt_add_opt(&list, "dev");
	if (options->allow_other)
		bad |= fuse_opt_add_opt(&list, "allow_other");
	if (options->allow_root)
		bad |= fuse_opt_add_opt(&list, "allow_root");
	if (options->debug)
		bad |= fuse_opt_add_opt(&list, "debug");
	if (options->mount_flags)
		bad |= fuse_opt_add_opt(&list, options->mount_flags);
	free(source);
	if (bad) {
		free(list);
		return NULL;
	}
	return list;
}

/* libfuse and fusermount3 print what they think; it becomes part of our one line. */
static int mount_saying(struct daemon *daemon, char *text, size_t room)
{
	int memory = memfd_create("mmfs-messages", MFD_CLOEXEC), terminal = fcntl(2, F_DUPFD_CLOEXEC, 3);

	if (memory >= 0 && terminal >= 0)
		dup2(memory, 2);
	int error = fuse_session_mount(daemon->session, daemon->mountpoint);
	if (memory >= 0 && terminal >= 0) {
		dup2(terminal, 2);
		ssize_t length = pread(memory, text, room - 1, 0);
		text[length > 0 ? length : 0] = 0;
		/* The first line is the cause. */
		text[strcspn(text, "\n")] = 0;
	}
	if (memory >= 0)
		close(memory);
	if (terminal >= 0)
		close(terminal);
	return error;
}

/* From before the mount appears: a signal must not end the daemon and leave the mount. It waits until
 * session_serve looks for it. */
static void block_signals(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
}

/* Handlers and mount options; not yet mounted. */
static int make_session(struct daemon *daemon)
{
	static const char program[] = "mmfs";
	struct fuse_lowlevel_ops ops = {.init = ops_init};
	struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);
	char *list = mount_options(daemon);

	ops_name(&ops);
	ops_attr(&ops);
	ops_file(&ops);
	ops_dir(&ops);
	ops_xattr(&ops);
	ops_ioctl(&ops);
	if (list && !fuse_opt_add_arg(&arguments, program) && !fuse_opt_add_arg(&arguments, "-o") &&
	    !fuse_opt_add_arg(&arguments, list))
		daemon->session = fuse_session_new(&arguments, &ops, sizeof(ops), daemon);
	free(list);
	fuse_opt_free_args(&arguments);
	if (daemon->session)
		return 0;
	log_say(LOG_ERR, "%s: cannot be mounted: out of memory", daemon->mountpoint);
	return -ENOMEM;
}

/* INIT is the first request there is. The supervisor keeps it for the next daemon's libfuse. */
static int answer_init(struct daemon *daemon)
{
	struct fuse_buf buffer = {0};
	ssize_t size;

	do
		size = wire_receive(daemon->session, &buffer);
	while (size == -EINTR || size == -EAGAIN);
	if (size > 0 && daemon->handover && !daemon->goes_on) {
		if ((size_t)size > sizeof(daemon->handover->init)) {
			free(buffer.mem);
			return -EPROTO;
		}
		memcpy(daemon->handover->init, buffer.mem, (size_t)size);
		daemon->handover->init_length = (uint32_t)size;
	}
	if (size > 0)
		fuse_session_process_buf(daemon->session, &buffer);
	free(buffer.mem);
	return size < 0 ? (int)size : size == 0 ? -ENOTCONN : 0;
}

int session_mount(struct daemon *daemon)
{
	char text[256] = "";
	sigset_t signals;
	int error = make_session(daemon);

	if (error)
		return error;
	block_signals(&signals);
	if (mount_saying(daemon, text, sizeof(text))) {
		log_say(LOG_ERR, "%s: cannot be mounted: %s", daemon->mountpoint,
			text[0] ? text : "the kernel or fusermount3 refused");
		fuse_session_destroy(daemon->session);
		daemon->session = NULL;
		return -EIO;
	}
	error = wire_attach(daemon->session, fuse_session_fd(daemon->session));
	if (!error)
		error = answer_init(daemon);
	if (!error)
		error = supervisor_give(daemon, fuse_session_fd(daemon->session));
	if (error) {
		log_say(LOG_ERR, "%s: cannot be served: %s", daemon->mountpoint, strerror(-error));
		session_destroy(daemon);
	}
	return error;
}

int session_resume(struct daemon *daemon)
{
	struct handover *handover = daemon->handover;
	int error = make_session(daemon);

	if (error)
		return error;
	daemon->mounted_device = handover->mounted_device;
	wire_repeat_init(handover->init, handover->init_length);
	error = wire_attach(daemon->session, daemon->fuse_descriptor);
	if (!error)
		error = answer_init(daemon);
	/* Whatever INIT would make of it today: what the kernel was told then counts. */
	daemon->open_elided = handover->open_elided;
	daemon->opendir_elided = handover->opendir_elided;
	if (!error)
		error = resend_begin(daemon);
	if (!error)
		error = wire_ask_again(daemon->fuse_descriptor);
	if (!error)
		resend_asked(daemon->fuse_descriptor);
	if (error) {
		log_say(LOG_ERR, "%s: cannot be taken over: %s", daemon->mountpoint, strerror(-error));
		session_destroy(daemon);
	}
	return error;
}

void session_destroy(struct daemon *daemon)
{
	/* The mount has ended: this only closes the descriptor. */
	fuse_session_unmount(daemon->session);
	fuse_session_destroy(daemon->session);
	daemon->session = NULL;
}

/* ---- serving ---- */

/* Best effort: only root may. */
static void set_tunable(const struct daemon *daemon, const char *name, unsigned value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/%s", major(daemon->mounted_device),
		 minor(daemon->mounted_device), name);
	FILE *file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%u\n", value);
	fclose(file);
}

static void set_tunables(const struct daemon *daemon)
{
	set_tunable(daemon, "read_ahead_kb", READ_AHEAD_KIB);
	if (!daemon->writeback)
		return;
	/* Else a FUSE mount may have no more than 1 % of what may be dirty, and writers wait. */
	set_tunable(daemon, "strict_limit", 0);
	set_tunable(daemon, "max_ratio", DIRTY_PERCENT);
}

/* Sends a first request through the mount. */
static int check_mount(struct daemon *daemon)
{
	struct stat status;

	if (mountpoint_descriptor(daemon->mountpoint) >= 0)
		return 0;
	if (stat(daemon->mountpoint, &status)) {
		int error = -errno;
		log_say(LOG_ERR, "%s: the mount does not answer: %s", daemon->mountpoint, strerror(-error));
		return error;
	}
	daemon->mounted_device = status.st_dev;
	return 0;
}

enum end { END_UNMOUNTED, END_SIGNAL, END_UPGRADE };

static enum end wait_for_end(struct daemon *daemon, int signals)
{
	struct pollfd polled[] = {{.fd = signals, .events = POLLIN},
				  {.fd = workers_ended_descriptor(), .events = POLLIN},
				  {.fd = resend_over_descriptor(), .events = POLLIN},
				  {.fd = upgrade_descriptor(), .events = POLLIN}};

	int health_ms = daemon->options->errors_abort ? HEALTH_ABORT_MS : HEALTH_MS;

	for (;;) {
		/* To unmount, the kernel may want to write more than the journal has room for while that is
		 * held. */
		polled[0].fd = polled[2].fd < 0 ? signals : -1;
		int count = poll(polled, 4, health_ms);
		log_image_failure(daemon);
		if (count <= 0)
			continue;
		if (polled[2].revents) {
			resend_end(daemon);
			polled[2].fd = -1;
		}
		if (polled[1].revents)
			return END_UNMOUNTED;
		if (polled[0].revents)
			return END_SIGNAL;
		if (polled[3].revents) {
			if (supervisor_lives(daemon))
				return END_UPGRADE;
			polled[3].fd = -1; /* nobody would start another */
		}
	}
}

/* The workers have to let go of the image. True: they could not be ended, and are abandoned. `answers`: the
 * mount can be looked at; else it is just detached. */
static bool stop(struct daemon *daemon, bool answers)
{
	bool busy = false;
	int error = answers ? mountpoint_unmount(daemon, &busy) : mountpoint_detach(daemon);

	if (error == -EOPNOTSUPP)
		log_say(LOG_WARNING,
			"%s: whoever mounted it has to unmount it, best before this; its users get "
			"errors",
			daemon->mountpoint);
	else if (error)
		log_say(LOG_WARNING, "%s: cannot be unmounted: %s", daemon->mountpoint, strerror(-error));
	else if (busy)
		log_say(LOG_WARNING, "%s: still in use; detached", daemon->mountpoint);
	if (!error && workers_ended(busy ? 0 : END_MS))
		return false;
	fs_stop(daemon->fs);
	workers_abandon();
	return true;
}

static void tell_ready(struct daemon *daemon)
{
	struct handover *handover = daemon->handover;

	if (!daemon->goes_on)
		set_tunables(daemon);
	if (!handover) {
		daemonize_ready();
		return;
	}
	if (!daemon->goes_on) {
		handover->mounted_device = daemon->mounted_device;
		handover->open_elided = daemon->open_elided;
		handover->opendir_elided = daemon->opendir_elided;
		if (!daemon->options->foreground)
			daemonize_detach();
	}
	supervisor_tell_ready(daemon);
}

int session_serve(struct daemon *daemon, bool *ret_abandoned)
{
	sigset_t set;
	bool abandoned = false;

	block_signals(&set);
	control_begin(daemon);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);
	int error = signals < 0 ? -errno : upgrade_begin();
	if (!error)
		error = workers_start(daemon);
	if (error) {
		log_say(LOG_ERR, "%s: cannot be served: %s", daemon->mountpoint, strerror(-error));
		*ret_abandoned = false;
		return error;
	}
	error = daemon->goes_on ? 0 : check_mount(daemon);
	if (error) {
		abandoned = stop(daemon, false);
	} else {
		tell_ready(daemon);
		enum end end = wait_for_end(daemon, signals);
		resend_settle_end(daemon);
		if (end == END_UPGRADE)
			upgrade_leave(daemon, signals);
		if (end == END_SIGNAL)
			abandoned = stop(daemon, true);
	}
	if (!abandoned)
		workers_join();
	close(signals);
	*ret_abandoned = abandoned;
	return error;
}
