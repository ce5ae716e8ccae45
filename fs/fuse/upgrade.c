/* See upgrade.h. */
#include "upgrade.h"
#include "handover.h"
#include "supervisor.h"
#include "takeover.h"
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define ANSWER_MS 10000 /* how long the other program may take to answer */
#define STEP_MS	  10

static int wanted = -1; /* eventfd */
static atomic_bool under_way;

int upgrade_begin(void)
{
	wanted = eventfd(0, EFD_CLOEXEC);
	return wanted < 0 ? -errno : 0;
}

int upgrade_descriptor(void)
{
	return wanted;
}

/* ---- asking the other program ---- */

/* Our own arguments, with the question before them: whether it takes these options is asked, too. */
static char **question(char **arguments)
{
	static char option[] = "--" HANDOVER_OPTION;
	size_t count = 0;

	while (arguments[count])
		count++;
	char **list = calloc(count + 2, sizeof(*list));
	if (!list)
		return NULL;
	list[0] = arguments[0];
	list[1] = option;
	memcpy(list + 2, arguments + 1, (count - 1) * sizeof(*list));
	return list;
}

static int start(const char *path, char **arguments, int output, pid_t *ret_child)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	int error = posix_spawn(ret_child, path, &actions, &attributes, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -error;
}

/* What it prints, to its end: -ETIMEDOUT, or -EPROTO if that is too much. */
static int read_answer(int input, char *text, size_t room, int *time_ms)
{
	size_t length = 0;

	while (*time_ms > 0) {
		struct pollfd polled = {.fd = input, .events = POLLIN};

		if (poll(&polled, 1, STEP_MS) <= 0) {
			*time_ms -= STEP_MS;
			continue;
		}
		ssize_t count = read(input, text + length, room - 1 - length);
		if (count < 0)
			return -errno;
		length += (size_t)count;
		if (length == room - 1)
			return -EPROTO;
		text[length] = 0;
		if (count == 0)
			return 0;
	}
	return -ETIMEDOUT;
}

/* Its end; it is killed when its time is over. 0: it ended with status 0. */
static int wait_for(pid_t child, int time_ms)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
	int status;
	pid_t ended;

	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && time_ms > 0) {
		nanosleep(&step, NULL);
		time_ms -= STEP_MS;
	}
	if (ended == 0) {
		kill(child, SIGKILL);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		return -ETIMEDOUT;
	}
	return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}

static int ask(const char *path, char **arguments)
{
	char text[32] = "", right[32];
	int ends[2], time_ms = ANSWER_MS;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	int error = start(path, arguments, ends[1], &child);
	close(ends[1]);
	if (!error) {
		error = read_answer(ends[0], text, sizeof(text), &time_ms);
		int end_error = wait_for(child, error ? 0 : time_ms);
		error = error ? error : end_error;
	}
	close(ends[0]);
	snprintf(right, sizeof(right), "%u\n", HANDOVER_VERSION);
	return error ? error : strcmp(text, right) != 0 ? -EPROTO : 0;
}

static int check_program(const struct daemon *daemon)
{
	char path[PATH_MAX];
	struct stat status;
	int error = takeover_program(path, sizeof(path));

	if (error)
		return error;
	/* It may be covered by the mount. */
	if (stat(path, &status))
		return -errno;
	if (status.st_dev == daemon->mounted_device)
		return -EXDEV;
	char **arguments = question(daemon->arguments);
	error = arguments ? ask(path, arguments) : -ENOMEM;
	free(arguments);
	return error;
}

/* ---- the request ---- */

static int check_mount(const struct daemon *daemon)
{
	if (!supervisor_lives(daemon) || !handover_kernel_resends(daemon->handover))
		return -EOPNOTSUPP;
	if (!atomic_load(&daemon->handover->ready))
		return -EBUSY;
	if (!*daemon->handover->image_path || !*daemon->handover->mountpoint)
		return -ENAMETOOLONG;
	return image_failure(daemon->image) ? -EIO : 0;
}

int upgrade_request(struct daemon *daemon, uint32_t uid)
{
	if (uid != 0 && uid != geteuid())
		return -EPERM;
	int error = check_mount(daemon);
	if (error)
		return error;
	if (atomic_exchange(&under_way, true))
		return -EBUSY;
	error = check_program(daemon);
	if (error) {
		atomic_store(&under_way, false);
		log_say(LOG_WARNING, "%s: not upgraded: the installed program cannot take over: %s",
			daemon->mountpoint, strerror(-error));
		return error;
	}
	eventfd_write(wanted, 1);
	return 0;
}

void upgrade_leave(const struct daemon *daemon, int signals)
{
	struct pollfd polled = {.fd = signals, .events = POLLIN};

	workers_abandon();
	if (poll(&polled, 1, 0) > 0)
		supervisor_tell_end(daemon);
	_exit(SUPERVISOR_UPGRADE);
}
