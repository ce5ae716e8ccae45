/* The processes that make the calls. */
#include "differ.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Two users of one group, one of them in it by a supplementary group only; one user with two groups. No mask
 * takes the group's right to execute: differences.c, set-group-ID. */
const struct user users[PROCESSES] = {
    {0, 0, {0}, 0, 0},
    {1001, 1001, {1001}, 1, 022},
    {1002, 1002, {1001, 1005}, 2, 0},
    {1001, 1003, {1003, 1005}, 2, 066},
    {1004, 1001, {1002}, 1, 002},
    {0, 0, {0}, 0, 0},
};

static void stop(const char *what)
{
	perror(what);
	_exit(3);
}

/* The saved user id stays root's, to look at files afterwards. */
static void become(uid_t uid)
{
	if (syscall(SYS_setresuid, uid, uid, 0))
		stop("setresuid");
}

void worker_as_root(const struct worker *worker, bool root)
{
	become(root ? 0 : users[worker->index].uid);
}

/* ---- slots ---- */

void worker_close_slot(struct worker *worker, int slot)
{
	struct slot *at = &worker->slots[slot];

	if (at->descriptor >= 0)
		close(at->descriptor);
	if (at->reader >= 0)
		close(at->reader);
	*at = (struct slot){-1, -1, 0};
}

/* Root's view into what has just been opened, by whatever path. */
static int open_reader(const struct worker *worker, int descriptor)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", descriptor);
	return openat(worker->own_descriptors, name, O_RDONLY | O_CLOEXEC | O_NOATIME);
}

void worker_set_slot(struct worker *worker, int slot, int descriptor)
{
	struct stat status;

	worker_close_slot(worker, slot);
	if (fstat(descriptor, &status))
		stop("fstat");
	worker->slots[slot] = (struct slot){descriptor, -1, status.st_mode & S_IFMT};
	if (S_ISREG(status.st_mode) && !(fcntl(descriptor, F_GETFL) & O_PATH)) {
		worker_as_root(worker, true);
		worker->slots[slot].reader = open_reader(worker, descriptor);
		worker_as_root(worker, false);
	}
}

/* ---- steps ---- */

/* The names L and M are the longest, and one byte longer. */
static void expand(const char *path, char *expanded)
{
	char *to = expanded;

	for (const char *from = path; *from; from++) {
		bool alone = (from == path || from[-1] == '/') && (from[1] == '/' || !from[1]);
		size_t length = !alone ? 1 : *from == 'L' ? 255 : *from == 'M' ? 256 : 1;
		memset(to, *from, length);
		to += length;
	}
	*to = 0;
}

static void run_step(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	expand(step->path, worker->path);
	expand(step->path2, worker->path2);
	worker->touched_from = worker->touched_length = 0;
	if (calls[step->call].flags & CALL_REMOVES)
		stream_note(worker, step);
	become(users[worker->index].uid);
	errno = 0;
	outcome->result = calls[step->call].run(worker, step, outcome);
	outcome->error = outcome->result == -1 ? errno : 0;
	become(0);
	wait_look(worker, outcome);
	view_outcome(worker, step, outcome);
}

/* ---- the process ---- */

static void prepare(struct worker *worker, const char *tree)
{
	const struct user *user = &users[worker->index];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < SLOTS; i++)
		worker->slots[i] = (struct slot){-1, -1, 0};
	mappings_start(worker);
	stream_start(worker);
	worker->processes = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	worker->own_descriptors = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (worker->own_descriptors < 0 || worker->processes < 0)
		stop("/proc/self/fd");
	if (chroot(tree) || chdir("/"))
		stop(tree);
	if (setgroups(user->group_count, user->groups) || setresgid(user->gid, user->gid, user->gid))
		stop("setgroups");
	umask(user->mask);
}

void worker_run(struct shared *shared, unsigned side, unsigned index, const char *tree, int commands,
		int answers)
{
	static struct worker worker;
	unsigned char command;

	worker = (struct worker){.shared = shared, .side = side, .index = index};
	prepare(&worker, tree);
	while (read(commands, &command, 1) == 1 && command != COMMAND_END) {
		if (command == COMMAND_REPORT) {
			tree_report(&worker);
		} else {
			for (unsigned i = 0; i < command && i < BATCH; i++) {
				shared->at_step[side] = i;
				run_step(&worker, &shared->steps[i], &shared->outcomes[side][i]);
			}
		}
		if (write(answers, &command, 1) != 1)
			break;
	}
	program_stop(&worker);
	_exit(0);
}
