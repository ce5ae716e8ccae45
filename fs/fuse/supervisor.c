/* See supervisor.h. */
#include "supervisor.h"
#include "handover.h"
#include "suspects.h"
#include "takeover.h"
#include "../../tools/common/open_image.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#define FRUITLESS_MOST 3u /* daemons in a row that die without having answered anything */
#define RETRY_MS       100
#define RETRIES	       300u /* of starting a daemon: half a minute */
#define STARVED_MOST   60u  /* daemons in a row that have not enough memory to begin: a minute */

enum message { MESSAGE_CONNECTION = 'c', MESSAGE_READY = 'r', MESSAGE_END = 'e' };

struct supervisor {
	struct daemon *daemon;
	pid_t child;
	int signals; /* signalfd */
	int socket;  /* our end */
	bool ready;  /* this child serves the mount */
	int end;     /* signal that told us to unmount; 0: none */
	unsigned fruitless, starved;
};

/* ---- the child's side ---- */

static int send_message(int socket, enum message message, int descriptor)
{
	char byte = (char)message;
	struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};

	if (descriptor >= 0) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *carried = CMSG_FIRSTHDR(&header);
		carried->cmsg_level = SOL_SOCKET;
		carried->cmsg_type = SCM_RIGHTS;
		carried->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(carried), &descriptor, sizeof(descriptor));
	}
	while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int supervisor_give(const struct daemon *daemon, int descriptor)
{
	return daemon->handover ? send_message(daemon->supervisor, MESSAGE_CONNECTION, descriptor) : 0;
}

bool supervisor_lives(const struct daemon *daemon)
{
	struct pollfd polled = {.fd = daemon->supervisor};

	return daemon->handover && poll(&polled, 1, 0) == 0;
}

void supervisor_tell_ready(const struct daemon *daemon)
{
	if (!daemon->handover)
		return;
	atomic_store(&daemon->handover->ready, true);
	/* Should the supervisor be gone, the mount works without it. */
	int error = send_message(daemon->supervisor, MESSAGE_READY, -1);
	if (error)
		log_say(LOG_WARNING, "%s: has lost its supervisor: %s", daemon->mountpoint, strerror(-error));
}

void supervisor_tell_end(const struct daemon *daemon)
{
	int error = send_message(daemon->supervisor, MESSAGE_END, -1);

	if (error)
		log_say(LOG_WARNING, "%s: has lost its supervisor: %s", daemon->mountpoint, strerror(-error));
}

/* ---- starting a child ---- */

/* The child is as a process that nobody supervises: it takes signals itself. */
static void become_child(struct supervisor *supervisor, int socket)
{
	struct daemon *daemon = supervisor->daemon;
	sigset_t none;

	close(supervisor->socket);
	close(supervisor->signals);
	daemon->supervisor = socket;
	daemonize_is_child();
	prctl(PR_SET_NAME, "mmfs");
	/* The daemon blocks what it waits for by itself. Those that have come are not lost meanwhile. */
	sigemptyset(&none);
	sigaddset(&none, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &none, NULL);
}

/* *ret_child: this is the child. */
static int start_child(struct supervisor *supervisor, bool *ret_child)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	pid_t child = fork();
	if (child < 0) {
		int error = -errno;
		close(ends[0]);
		close(ends[1]);
		return error;
	}
	*ret_child = child == 0;
	supervisor->child = child;
	supervisor->ready = false;
	if (child == 0) {
		close(ends[0]);
		become_child(supervisor, ends[1]);
		return 0;
	}
	close(ends[1]);
	if (supervisor->socket >= 0)
		close(supervisor->socket);
	supervisor->socket = ends[0];
	return 0;
}

/* ---- while it runs ---- */

/* False: the child has closed its end. */
static bool take_message(struct supervisor *supervisor)
{
	struct daemon *daemon = supervisor->daemon;
	char byte = 0;
	struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr header = {.msg_iov = &piece,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control.bytes)};
	ssize_t count = recvmsg(supervisor->socket, &header, MSG_CMSG_CLOEXEC);

	if (count <= 0)
		return count < 0 && errno == EINTR;
	struct cmsghdr *carried = CMSG_FIRSTHDR(&header);
	if (byte == MESSAGE_CONNECTION && carried && carried->cmsg_type == SCM_RIGHTS) {
		memcpy(&daemon->fuse_descriptor, CMSG_DATA(carried), sizeof(daemon->fuse_descriptor));
		mountpoint_close_descriptor(daemon);
	}
	if (byte == MESSAGE_READY)
		supervisor->ready = true;
	if (byte == MESSAGE_READY && !daemon->options->foreground)
		daemonize_ready();
	if (byte == MESSAGE_END)
		supervisor->end = SIGTERM;
	return true;
}

static void take_signal(struct supervisor *supervisor)
{
	struct signalfd_siginfo signal;

	if (read(supervisor->signals, &signal, sizeof(signal)) != sizeof(signal))
		return;
	if (signal.ssi_signo == SIGCHLD)
		return;
	supervisor->end = (int)signal.ssi_signo;
	kill(supervisor->child, supervisor->end);
}

/* Until the child has ended. */
static int wait_for_child(struct supervisor *supervisor)
{
	bool listening = true;
	int status;

	for (;;) {
		struct pollfd polled[] = {{.fd = supervisor->signals, .events = POLLIN},
					  {.fd = listening ? supervisor->socket : -1, .events = POLLIN}};
		poll(polled, 2, -1);
		if (polled[1].revents)
			listening = take_message(supervisor);
		if (polled[0].revents)
			take_signal(supervisor);
		if (waitpid(supervisor->child, &status, WNOHANG) == supervisor->child)
			break;
	}
	/* What it has sent last. */
	struct pollfd rest = {.fd = supervisor->socket, .events = POLLIN};
	while (listening && poll(&rest, 1, 0) > 0)
		listening = take_message(supervisor);
	return status;
}

/* ---- when it has died ---- */

/* May another one go on? Says why not. */
static bool may_restart(struct supervisor *supervisor, int signal)
{
	struct daemon *daemon = supervisor->daemon;
	struct handover *handover = daemon->handover;

	if (!atomic_load(&handover->ready) || daemon->fuse_descriptor < 0) {
		log_say(LOG_ERR, "ended by signal %d (%s) before the mount was ready", signal,
			strsignal(signal));
		/* It may have been made. */
		if (daemon->fuse_descriptor >= 0)
			close(daemon->fuse_descriptor);
		daemon->fuse_descriptor = -1;
		mountpoint_detach_dead(daemon);
		return false;
	}
	if (!handover_kernel_resends(handover)) {
		log_say(LOG_CRIT,
			"%s: the daemon was ended by signal %d (%s), and this kernel (before 6.9) cannot let "
			"another go on; unmount it and mount it again",
			daemon->mountpoint, signal, strsignal(signal));
		return false;
	}
	bool progress = atomic_exchange(&handover->progress, false);
	/* To unmount it sends requests itself. */
	supervisor->fruitless = progress && !supervisor->end ? 0 : supervisor->fruitless + 1;
	/* The next one will not run what has ended these. */
	if (suspects_note(handover, signal))
		supervisor->fruitless = 0;
	if (supervisor->fruitless < FRUITLESS_MOST)
		return true;
	log_say(LOG_CRIT,
		"%s: %u daemons in a row were ended (the last by signal %d, %s) without answering a request: "
		"giving up; unmount it, run fsck.mmfs on %s, and mount it again",
		daemon->mountpoint, FRUITLESS_MOST, signal, strsignal(signal), daemon->image_path);
	return false;
}

static void note_restart(struct supervisor *supervisor, int signal)
{
	struct daemon *daemon = supervisor->daemon;
	char *last_error = daemon->handover->last_error;
	size_t room = sizeof(daemon->handover->last_error);

	daemon->handover->restarts++;
	if (signal)
		snprintf(last_error, room, "the daemon was ended by signal %d (%s)", signal,
			 strsignal(signal));
	else
		snprintf(last_error, room, "the daemon did not have enough memory to begin");
	log_say(LOG_WARNING, "%s: %s; another one goes on", daemon->mountpoint, last_error);
	daemon->goes_on = true;
}

/* A shortage passes, and callers of a mount that has no daemon just wait. */
static int start_child_at_last(struct supervisor *supervisor, bool *ret_child)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
	int error = start_child(supervisor, ret_child);

	for (unsigned i = 0; i < RETRIES && supervisor->daemon->goes_on && error; i++) {
		nanosleep(&pause, NULL);
		error = start_child(supervisor, ret_child);
	}
	return error;
}

/* A daemon that goes on has ended by itself with SUPERVISOR_STARVED. May another one try? */
static bool may_try_again(struct supervisor *supervisor)
{
	const struct timespec pause = {.tv_sec = supervisor->starved > 0,
				       .tv_nsec = supervisor->starved ? 0 : RETRY_MS * 1000000L};

	if (!supervisor->daemon->goes_on || ++supervisor->starved > STARVED_MOST)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

/* A daemon has ended by itself. */
static int take_status(struct supervisor *supervisor, int status)
{
	struct daemon *daemon = supervisor->daemon;

	daemon->child_status = status;
	/* Else it has said why, and where. */
	if (status && daemon->goes_on && !supervisor->ready)
		log_say(LOG_CRIT, "%s: no other daemon can go on; unmount it and mount it again",
			daemon->mountpoint);
	return status ? -ECHILD : 0;
}

/* The daemon has made room. Returns if this program goes on after all. */
static void change_program(struct supervisor *supervisor)
{
	struct daemon *daemon = supervisor->daemon;

	/* The signal to unmount comes to the next daemon instead. */
	if (supervisor->end)
		kill(getpid(), SIGTERM);
	supervisor->end = 0;
	log_say(LOG_NOTICE, "%s: the installed program takes over", daemon->mountpoint);
	int error = takeover_exec(daemon);
	snprintf(daemon->handover->last_error, sizeof(daemon->handover->last_error),
		 "the installed program could not be started: %s", strerror(-error));
	log_say(LOG_ERR, "%s: %s; the old one goes on", daemon->mountpoint, daemon->handover->last_error);
	daemon->goes_on = true;
}

/* What a supervisor needs cannot be had. A mount that is just as good until its daemon dies is better than
 * none; one that goes on has promised more. */
static int do_without(struct supervisor *supervisor, int error, bool *ret_child)
{
	struct daemon *daemon = supervisor->daemon;
	sigset_t set;

	if (daemon->goes_on) {
		log_say(LOG_ERR, "%s: cannot be supervised: %s; unmount it and mount it again",
			daemon->mountpoint, strerror(-error));
		return error;
	}
	log_say(LOG_WARNING,
		"%s: cannot be supervised (%s): should its daemon die, the mount is dead until it is mounted "
		"again. -o supervise=no says that this is meant",
		daemon->mountpoint, strerror(-error));
	if (daemon->handover)
		handover_drop(daemon->handover, daemon->handover_descriptor);
	daemon->handover = NULL;
	if (supervisor->signals >= 0)
		close(supervisor->signals);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	prctl(PR_SET_NAME, "mmfs");
	*ret_child = true;
	return 0;
}

static int supervise(struct supervisor *supervisor, bool *ret_child)
{
	for (;;) {
		int error = start_child_at_last(supervisor, ret_child);
		if (error)
			return do_without(supervisor, error, ret_child);
		if (*ret_child)
			return 0;
		/* Its predecessor may have died of this, or before it. It blocks signals until it serves. */
		if (supervisor->end)
			kill(supervisor->child, supervisor->end);
		int status = wait_for_child(supervisor);
		if (WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISOR_UPGRADE) {
			change_program(supervisor);
			continue;
		}
		if (supervisor->ready)
			supervisor->starved = 0;
		bool starved = WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISOR_STARVED;
		if (WIFEXITED(status) && !(starved && may_try_again(supervisor)))
			return take_status(supervisor, WEXITSTATUS(status));
		if (WIFSIGNALED(status) && !may_restart(supervisor, WTERMSIG(status)))
			return -ECHILD;
		note_restart(supervisor, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
}

/* ---- preparations ---- */

static int block_signals(struct supervisor *supervisor)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return supervisor->signals < 0 ? -errno : 0;
}

/* The memory for the daemons of a mount that begins. */
static int make_handover(struct daemon *daemon)
{
	int error = handover_make(&daemon->handover, &daemon->handover_descriptor);

	if (error)
		return error;
	struct handover *handover = daemon->handover;
	handover->connection = daemon->connection;
	if (strlen(daemon->image_path) < sizeof(handover->image_path) &&
	    strlen(daemon->mountpoint) < sizeof(handover->mountpoint)) {
		memcpy(handover->image_path, daemon->image_path, strlen(daemon->image_path));
		memcpy(handover->mountpoint, daemon->mountpoint, strlen(daemon->mountpoint));
	}
	daemon->fuse_descriptor = -1;
	return 0;
}

int supervisor_run(struct daemon *daemon, bool *ret_child)
{
	struct supervisor supervisor = {.daemon = daemon, .signals = -1, .socket = -1};
	int error = daemon->handover ? 0 : make_handover(daemon);

	if (!error)
		error = block_signals(&supervisor);
	if (error)
		return do_without(&supervisor, error, ret_child);
	/* It is not to keep a directory of somebody's busy. */
	if (chdir("/"))
		log_say(LOG_WARNING, "/: %s", strerror(errno));
	prctl(PR_SET_NAME, "mmfs-supervise");
	return supervise(&supervisor, ret_child);
}
