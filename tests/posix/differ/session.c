/* A pair of fresh trees with their workers. */
#include "differ.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ANSWER_MS   90000
#define EPOCH_STEPS 48 /* steps between two epochs, at most (short scripts: one) */

double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct shared *shared_memory(void)
{
	static struct shared *shared;

	if (shared)
		return shared;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return shared;
}

/*
 * Waits until the coarse clock has passed: whatever is changed from now on has a later time. (It moves in
 * whole ticks and so stays behind the fine clock, by which ext4 stamps what is looked at often.)
 */
static void new_epoch(struct session *session)
{
	struct shared *shared = session->shared;
	struct timespec before, now;

	clock_gettime(CLOCK_REALTIME, &before);
	do {
		usleep(200);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (now.tv_sec < before.tv_sec ||
		 (now.tv_sec == before.tv_sec && now.tv_nsec <= before.tv_nsec));
	if (shared->epoch_count == EPOCHS_MOST) {
		fprintf(stderr, "differ: too many epochs\n");
		exit(2);
	}
	shared->epochs[shared->epoch_count++] = now;
	session->since_epoch = 0;
}

static bool start_process(struct session *session, unsigned side, unsigned index)
{
	int commands[2], answers[2];

	if (pipe2(commands, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		close(commands[1]);
		close(answers[0]);
		worker_run(session->shared, side, index, session->trees[side], commands[0], answers[1]);
	}
	close(commands[0]);
	close(answers[1]);
	session->shared->pids[side][index] = pid;
	session->processes[side][index] = (struct process){pid, commands[1], answers[0]};
	return pid > 0;
}

bool session_open(struct session *session, const char *const directories[SIDES], unsigned number)
{
	*session = (struct session){.shared = shared_memory()};
	session->shared->epoch_count = 0;
	for (unsigned side = 0; side < SIDES; side++) {
		session->shared->tainted_count[side] = session->shared->loose_count[side] = 0;
		session->shared->waiters[side] = (struct waiter){.state = 0};
		snprintf(session->trees[side], sizeof(session->trees[side]), "%s/tree-%u", directories[side],
			 number);
	}
	new_epoch(session);
	for (unsigned side = 0; side < SIDES; side++) {
		if (mkdir(session->trees[side], 0777) || chmod(session->trees[side], 0777)) {
			perror(session->trees[side]);
			return false;
		}
		for (unsigned index = 0; index < PROCESSES; index++) {
			if (!start_process(session, side, index)) {
				perror("differ: fork");
				return false;
			}
		}
	}
	new_epoch(session);
	return true;
}

static void end_process(struct process *process)
{
	unsigned char end = COMMAND_END;

	if (write(process->commands, &end, 1) != 1)
		kill(process->pid, SIGKILL);
	close(process->commands);
	close(process->answers);
	waitpid(process->pid, NULL, 0);
}

/* Removes what is below, then the directory; by descriptors, since names may be long. */
static void remove_tree(const char *path)
{
	char command[5000];

	snprintf(command, sizeof(command), "rm -rf --one-file-system '%s'", path);
	if (system(command) != 0)
		fprintf(stderr, "differ: %s cannot be removed\n", path);
}

void session_close(struct session *session, bool keep)
{
	for (unsigned side = 0; side < SIDES; side++) {
		for (unsigned index = 0; index < PROCESSES; index++)
			end_process(&session->processes[side][index]);
		if (!keep)
			remove_tree(session->trees[side]);
	}
}

/* ---- commands ---- */

static bool answered(const struct process *process, const char **ret_why)
{
	struct pollfd polled = {.fd = process->answers, .events = POLLIN};
	unsigned char answer;

	if (poll(&polled, 1, ANSWER_MS) != 1) {
		*ret_why = "no answer";
		kill(process->pid, SIGKILL);
		return false;
	}
	if (read(process->answers, &answer, 1) == 1)
		return true;
	*ret_why = "the worker died";
	return false;
}

/* Both sides at the same time. False: one did not answer. */
static bool command_both(struct session *session, unsigned index, unsigned char command,
			 struct difference *ret)
{
	const char *why[SIDES] = {NULL, NULL};

	for (unsigned side = 0; side < SIDES; side++) {
		if (write(session->processes[side][index].commands, &command, 1) != 1)
			why[side] = "the worker has died";
	}
	for (unsigned side = 0; side < SIDES; side++) {
		if (!why[side])
			(void)answered(&session->processes[side][index], &why[side]);
	}
	for (unsigned side = 0; side < SIDES; side++) {
		if (why[side]) {
			snprintf(ret->text, sizeof(ret->text), "  %s: %s\n", side_names[side], why[side]);
			return false;
		}
	}
	return true;
}

static size_t furthest_step(const struct session *session)
{
	const unsigned *at = session->shared->at_step;

	return at[0] < at[1] ? at[0] : at[1];
}

size_t session_batch(struct session *session, const struct step *steps, size_t count, struct difference *ret)
{
	struct shared *shared = session->shared;

	if (session->since_epoch >= EPOCH_STEPS || count == 1)
		new_epoch(session);
	session->since_epoch += (unsigned)count;
	memcpy(shared->steps, steps, count * sizeof(*steps));
	if (!command_both(session, steps[0].worker, (unsigned char)count, ret))
		return furthest_step(session);
	for (size_t i = 0; i < count; i++) {
		if (!compare_outcomes(&shared->outcomes[0][i], &shared->outcomes[1][i], ret))
			return i;
	}
	return count;
}

bool session_compare(struct session *session, struct difference *ret)
{
	return command_both(session, OBSERVER, COMMAND_REPORT, ret) && compare_reports(session->shared, ret);
}

bool session_observe(const char *const trees[SIDES], struct difference *ret)
{
	static struct session session;

	session = (struct session){.shared = shared_memory()};
	session.shared->epoch_count = 0;
	for (unsigned side = 0; side < SIDES; side++) {
		session.shared->tainted_count[side] = session.shared->loose_count[side] = 0;
		snprintf(session.trees[side], sizeof(session.trees[side]), "%s", trees[side]);
		if (!start_process(&session, side, OBSERVER)) {
			perror("differ: fork");
			exit(2);
		}
	}
	bool agree = session_compare(&session, ret);
	for (unsigned side = 0; side < SIDES; side++)
		end_process(&session.processes[side][OBSERVER]);
	return agree;
}
