/* Going to the background, but not before the mount is ready: whoever called mmfs can rely on its exit code.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

static int ready_pipe = -1; /* child: where to tell that the mount is ready; -1: in the foreground */

/* Nothing of the child's is in the way of anyone who waits for the end of our output (a pipe, ssh). */
static _Noreturn void wait_for_child(int pipe_end, pid_t child)
{
	char byte;
	ssize_t count;
	int status;

	do
		count = read(pipe_end, &byte, 1);
	while (count < 0 && errno == EINTR);
	if (count == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	/* It has said why; a signal is said here. */
	if (WIFSIGNALED(status))
		log_say(LOG_ERR, "ended by signal %d before the mount was ready", WTERMSIG(status));
	_exit(1);
}

int daemonize_start(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid_t child = fork();
	if (child < 0) {
		int error = -errno;
		close(ends[0]);
		close(ends[1]);
		return error;
	}
	if (child > 0) {
		close(ends[1]);
		wait_for_child(ends[0], child);
	}
	close(ends[0]);
	/* Whoever ends the waiting parent wants no mount to appear later. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	ready_pipe = ends[1];
	return 0;
}

void daemonize_detach(void)
{
	/* From here on a Ctrl-C in that terminal is not meant for us. */
	setsid();
	log_to_syslog();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		for (int descriptor = 0; descriptor <= 2; descriptor++)
			dup2(null, descriptor);
		if (null > 2)
			close(null);
	}
}

void daemonize_is_child(void)
{
	if (ready_pipe >= 0)
		close(ready_pipe);
	ready_pipe = -1;
}

void daemonize_ready(void)
{
	static const char byte = 'r';

	if (ready_pipe < 0)
		return;
	prctl(PR_SET_PDEATHSIG, 0);
	daemonize_detach();
	/* Nobody may be waiting any more, which changes nothing. */
	ssize_t written = write(ready_pipe, &byte, 1);
	(void)written;
	close(ready_pipe);
	ready_pipe = -1;
}
