#include "../suite.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>
#include <sys/wait.h>

static int file;

static int record(int command, short type, off_t start)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};

	return fcntl(file, command, &lock);
}

static int wait_record(void)
{
	return record(F_SETLKW, F_WRLCK, 0);
}

static int wait_open_file(void)
{
	file = open("file", O_RDWR);
	return record(F_OFD_SETLKW, F_WRLCK, 0);
}

static int wait_flock(void)
{
	file = open("file", O_RDWR);
	return flock(file, LOCK_EX);
}

static pid_t child_of(int (*wait_for)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(wait_for() ? errno : 0);
	must(pid);
	return pid;
}

/* 256: it has not ended. */
static int ended(pid_t pid, bool waits)
{
	int status = 0;

	if (waitpid(pid, &status, waits ? 0 : WNOHANG) != pid)
		return 256;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 257;
}

static void until_unlocked(const char *what, int (*wait_for)(void), int (*unlock)(void))
{
	context("%s", what);
	pid_t pid = child_of(wait_for);
	usleep(50000);
	equals(ended(pid, false), 256);
	succeeds(unlock());
	equals(ended(pid, true), 0);
}

static int unlock_record(void)
{
	return record(F_SETLK, F_UNLCK, 0);
}

static int unlock_open_file(void)
{
	return record(F_OFD_SETLK, F_UNLCK, 0);
}

static int unlock_flock(void)
{
	return flock(file, LOCK_UN);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* The signal comes again and again, so that it comes while it waits. */
static int interrupted(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval often = {{0, 20000}, {0, 20000}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	return wait_record();
}

static int crosswise(void)
{
	return record(F_SETLKW, F_WRLCK, 1) || wait_record();
}

RULE("who waits for a lock gets it when it is given up; EINTR, EDEADLK")
{
	file = open("file", O_RDWR | O_CREAT, 0644);
	must(file);
	must(record(F_SETLK, F_WRLCK, 0));
	until_unlocked("F_SETLKW", wait_record, unlock_record);
	must(record(F_OFD_SETLK, F_WRLCK, 0));
	until_unlocked("F_OFD_SETLKW", wait_open_file, unlock_open_file);
	must(flock(file, LOCK_EX));
	until_unlocked("flock", wait_flock, unlock_flock);

	context("a signal");
	must(record(F_SETLK, F_WRLCK, 0));
	equals(ended(child_of(interrupted), true), EINTR);

	/* whoever comes last would close the circle */
	context("each waits for the other");
	pid_t pid = child_of(crosswise);
	while (record(F_SETLK, F_WRLCK, 1) == 0) {
		must(record(F_SETLK, F_UNLCK, 1));
		usleep(1000);
	}
	int refused = record(F_SETLKW, F_WRLCK, 1) ? errno : 0;
	must(record(F_SETLK, F_UNLCK, 0));
	int child = ended(pid, true);
	check((refused == EDEADLK && child == 0) || (refused == 0 && child == EDEADLK));
}
