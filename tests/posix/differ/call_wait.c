/*
 * Locks that are waited for. A thread of the worker waits, so that others, and the worker itself, can go on
 * and give it what it waits for. On each side at most one waits, or it would be chance who gets a lock first;
 * and after each step it is looked at (wait_look) once it either has it or sleeps again: so all that both
 * sides do is in one order.
 */
#include "differ.h"

#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/syscall.h>

enum { WAITER_NONE, WAITER_STARTS, WAITER_CALLS, WAITER_DONE };

/* What the thread is to do; there is one in each process. */
static struct {
	struct waiter *waiter;
	int descriptor, command; /* of fcntl; 0: flock */
	int operation;
	struct flock lock;
} task;

static void *wait_main(void *context)
{
	struct waiter *waiter = task.waiter;

	(void)context;
	waiter->thread = (pid_t)syscall(SYS_gettid);
	atomic_store(&waiter->state, WAITER_CALLS);
	waiter->result = task.command ? fcntl(task.descriptor, task.command, &task.lock)
				      : flock(task.descriptor, task.operation);
	waiter->error = waiter->result ? errno : 0;
	atomic_store(&waiter->state, WAITER_DONE);
	return NULL;
}

bool worker_sleeps(const struct worker *worker, pid_t process, pid_t thread)
{
	char name[64], text[512];

	snprintf(name, sizeof(name), "%d/task/%d/stat", process, thread);
	int file = openat(worker->processes, name, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	ssize_t length = read(file, text, sizeof(text) - 1);
	close(file);
	text[length > 0 ? length : 0] = 0;
	const char *state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

/* True: it waits on; false: it has ended. Whoever wakes it makes it runnable before going on, so one that
 * sleeps waits. */
static bool settled_waiting(const struct worker *worker, struct waiter *waiter)
{
	for (;;) {
		int state = atomic_load(&waiter->state);
		if (state == WAITER_DONE)
			return false;
		if (state == WAITER_CALLS && worker_sleeps(worker, waiter->process, waiter->thread) &&
		    atomic_load(&waiter->state) == WAITER_CALLS)
			return true;
		sched_yield();
	}
}

void wait_look(struct worker *worker, struct outcome *outcome)
{
	struct waiter *waiter = &worker->shared->waiters[worker->side];

	if (atomic_load(&waiter->state) == WAITER_NONE)
		return;
	outcome->waiter = 1;
	if (settled_waiting(worker, waiter))
		return;
	outcome->waiter = 2 + (uint64_t)waiter->error;
	atomic_store(&waiter->state, WAITER_NONE);
}

/* 1: it waits, and its end is told by a later step. */
static long start(struct worker *worker)
{
	struct waiter *waiter = &worker->shared->waiters[worker->side];
	pthread_attr_t attributes;
	pthread_t thread;

	if (atomic_load(&waiter->state) != WAITER_NONE)
		return SKIPPED;
	waiter->process = getpid();
	atomic_store(&waiter->state, WAITER_STARTS);
	task.waiter = waiter;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 65536);
	if (pthread_create(&thread, &attributes, wait_main, NULL)) {
		perror("pthread_create");
		_exit(3);
	}
	pthread_attr_destroy(&attributes);
	if (settled_waiting(worker, waiter))
		return 1;
	errno = waiter->error;
	atomic_store(&waiter->state, WAITER_NONE);
	return waiter->result;
}

static long start_record(struct worker *worker, const struct step *step, int command)
{
	task.descriptor = descriptor_of(worker, step->slot);
	task.command = command;
	task.lock = (struct flock){.l_type = (short)step->numbers[0],
				   .l_whence = SEEK_SET,
				   .l_start = step->numbers[1],
				   .l_len = step->numbers[2]};
	return start(worker);
}

long call_lock_wait(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return start_record(worker, step, F_SETLKW);
}

long call_ofd_lock_wait(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return start_record(worker, step, F_OFD_SETLKW);
}

long call_flock_wait(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	task.descriptor = descriptor_of(worker, step->slot);
	task.command = 0;
	task.operation = (int)step->numbers[0];
	return start(worker);
}
