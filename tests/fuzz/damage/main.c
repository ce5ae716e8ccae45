/*
 * Damaged images:
 *
 *   damage [--seed N] [--from N] [--count N] [--seconds N] [--mount-every N] [--verbose]
 *          [--replay SEED:NUMBER]
 *
 * Makes mutants FROM (0), FROM + 1... of a seed (fresh by default) and tries each. A failure prints the ID
 * that replays it; the last line is "tried N mutants of seed S: K failures". Status 1: there were failures.
 */
#include "damage.h"

#include "../../sim/power.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH	     250 /* mutants for each process */
#define CPU_SECONDS  20	 /* for one mutant; it should take a tenth of one */
#define WALL_MS	     300000
#define SHOWN_BYTES  12000 /* of what a failed one printed */
#define FAILURES_MAX 50
#define MAP_MAX	     (UINT64_C(1) << 34) /* bytes */

struct options {
	uint64_t seed, from, count, seconds, mount_every;
	bool replay;
};

static struct checker checker;
static struct options options = {.count = 1000, .mount_every = 200};
static uint64_t failures;
static double started;

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
extern void __sanitizer_print_stack_trace(void) __attribute__((weak));
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* The tables of an image are large, and opened often: kept for long, they would all be fresh memory. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

/*
 * The store halves what it maps until that works: 16 TiB would mean tables of megabytes for images of some,
 * and making those would take half the time.
 */
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
	if (length > MAP_MAX) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the worker ---- */

static void on_cpu_limit(int signal)
{
	(void)signal;
	fprintf(stderr, "no end after %d s of processor time\n", CPU_SECONDS);
	if (__sanitizer_print_stack_trace)
		__sanitizer_print_stack_trace();
	_exit(4);
}

static void limit_cpu(int seconds)
{
	struct itimerval limit = {.it_value = {.tv_sec = seconds}};

	setitimer(ITIMER_PROF, &limit, NULL);
}

static size_t allocated(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

static int free_descriptor(void)
{
	int descriptor = dup(checker.file);

	close(descriptor);
	return descriptor;
}

/* Does each further run keep memory or a descriptor? */
static void check_leaks(uint64_t number, size_t bytes, int descriptor)
{
	unsigned grown = 0;

	if (free_descriptor() != descriptor)
		check_failed(&checker, "a descriptor was left open");
	if (allocated() <= bytes)
		return;
	for (unsigned i = 0; i < 3; i++) {
		bytes = allocated();
		check_mutant(&checker, number);
		checker.progress->mutants--;
		grown += allocated() > bytes;
	}
	if (grown < 3)
		return;
	if (__lsan_do_recoverable_leak_check)
		__lsan_do_recoverable_leak_check();
	check_failed(&checker, "memory is not given back: %zu bytes each time", allocated() - bytes);
}

static void try_one(uint64_t number)
{
	size_t bytes = allocated();
	int descriptor = free_descriptor();

	checker.progress->number = number;
	checker.progress->next = number + 1;
	__atomic_store_n(&checker.progress->started_ms, (uint64_t)(now_seconds() * 1000), __ATOMIC_RELEASE);
	limit_cpu(CPU_SECONDS);
	check_mutant(&checker, number);
	check_leaks(number, bytes, descriptor);
	limit_cpu(0);
	__atomic_store_n(&checker.progress->started_ms, 0, __ATOMIC_RELEASE);
}

static bool time_is_over(void)
{
	return options.seconds && now_seconds() - started > (double)options.seconds;
}

static _Noreturn void worker(uint64_t from, uint64_t until)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPROF, on_cpu_limit);
	checker.file = memfd_create("mutant", MFD_CLOEXEC);
	snprintf(checker.path, sizeof(checker.path), "/proc/self/fd/%d", checker.file);
	if (checker.file < 0)
		abort();
	if (!checker.verbose) {
		dup2(checker.out, STDOUT_FILENO);
		dup2(checker.out, STDERR_FILENO);
	}
	check_warm_up(&checker);
	for (uint64_t number = from; number < until && !time_is_over(); number++)
		try_one(number);
	exit(0); /* looks for what nothing points to any more */
}

/* ---- the parent ---- */

static void show_output(void)
{
	off_t size = lseek(checker.out, 0, SEEK_END);
	off_t at = size > SHOWN_BYTES ? size - SHOWN_BYTES : 0;
	char bytes[1024];
	ssize_t got;

	while ((got = pread(checker.out, bytes, sizeof(bytes), at)) > 0) {
		fwrite(bytes, 1, (size_t)got, stdout);
		at += got;
	}
}

static void report_failure(int status, bool timed_out)
{
	struct progress *progress = checker.progress;

	failures++;
	printf("FAILURE --replay %llu:%llu, in %s: ", (unsigned long long)options.seed,
	       (unsigned long long)progress->number, phase_names[progress->phase]);
	if (timed_out)
		printf("no end after %d s\n", WALL_MS / 1000);
	else if (WIFSIGNALED(status))
		printf("%s\n", strsignal(WTERMSIG(status)));
	else
		printf("status %d\n", WEXITSTATUS(status));
	printf("    %s\n", progress->text);
	if (!checker.verbose)
		show_output();
	fflush(stdout);
}

static bool wait_worker(pid_t pid)
{
	struct progress *progress = checker.progress;
	bool timed_out = false;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		uint64_t began = __atomic_load_n(&progress->started_ms, __ATOMIC_ACQUIRE);

		if (began && now_seconds() * 1000 - (double)began > WALL_MS && !timed_out) {
			timed_out = true;
			kill(pid, SIGKILL);
		}
		usleep(10000);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	report_failure(status, timed_out);
	return false;
}

static void run(uint64_t from, uint64_t until)
{
	while (from < until && failures < FAILURES_MAX && !time_is_over()) {
		uint64_t end = from + BATCH < until ? from + BATCH : until;
		pid_t pid;

		checker.progress->next = from;
		checker.progress->started_ms = 0;
		if (ftruncate(checker.out, 0))
			abort();
		fflush(NULL);
		pid = fork();
		if (!pid)
			worker(from, end);
		/* one that has not begun cannot be passed over */
		if (!wait_worker(pid) && checker.progress->next == from)
			break;
		from = checker.progress->next;
	}
}

static void make_directory(void)
{
	static char path[200];
	const char *parent = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%.150s/mmfs-damage.XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(path)) {
		fprintf(stderr, "damage: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	checker.directory = path;
}

static void remove_directory(void)
{
	char path[250];

	snprintf(path, sizeof(path), "%s/mnt", checker.directory);
	rmdir(path);
	rmdir(checker.directory);
}

static void find_mmfs(const char *self)
{
	static char path[4096];
	char copy[4000];

	snprintf(copy, sizeof(copy), "%s", self);
	snprintf(path, sizeof(path), "%.4000s/../mmfs", dirname(copy));
	checker.mmfs = path;
	if (options.mount_every && access(path, X_OK)) {
		fprintf(stderr, "damage: there is no %s to mount with; --mount-every 0 does without\n", path);
		exit(2);
	}
}

static uint64_t number_of(const char *text, char **ret_end)
{
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	if (end == text || (*end && !ret_end)) {
		fprintf(stderr, "damage: '%s' is no number\n", text);
		exit(2);
	}
	if (ret_end)
		*ret_end = end;
	return number;
}

static void parse(int count, char **arguments)
{
	static const struct option names[] = {
	    {"seed", required_argument, NULL, 's'},	   {"count", required_argument, NULL, 'c'},
	    {"from", required_argument, NULL, 'f'},	   {"seconds", required_argument, NULL, 't'},
	    {"replay", required_argument, NULL, 'r'},	   {"verbose", no_argument, NULL, 'v'},
	    {"mount-every", required_argument, NULL, 'm'}, {0}};
	bool count_given = false;
	char *end;
	int option;

	options.seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 20;
	while ((option = getopt_long(count, arguments, "", names, NULL)) != -1) {
		if (option == 's') {
			options.seed = number_of(optarg, NULL);
		} else if (option == 'c') {
			options.count = number_of(optarg, NULL);
			count_given = true;
		} else if (option == 'f') {
			options.from = number_of(optarg, NULL);
		} else if (option == 't') {
			options.seconds = number_of(optarg, NULL);
		} else if (option == 'm') {
			options.mount_every = number_of(optarg, NULL);
		} else if (option == 'v') {
			checker.verbose = true;
		} else if (option == 'r') {
			options.replay = true;
			options.seed = number_of(optarg, &end);
			options.from = *end == ':' ? number_of(end + 1, NULL) : 0;
		} else {
			exit(2);
		}
	}
	if (options.seconds && !count_given)
		options.count = UINT64_MAX / 2;
}

static void print_sums(void)
{
	const struct progress *sums = checker.progress;

	printf("clean %llu, refused by the library %llu, damage met in a walk %llu, repaired %llu, left "
	       "unrepaired %llu;\n"
	       "mounts tried %llu, mounted %llu; calls of the library %llu; %.0f s\n",
	       (unsigned long long)sums->clean, (unsigned long long)sums->refused,
	       (unsigned long long)sums->walked_damaged, (unsigned long long)sums->repaired,
	       (unsigned long long)sums->left, (unsigned long long)sums->mounts,
	       (unsigned long long)sums->mounted, (unsigned long long)sums->calls, now_seconds() - started);
	printf("tried %llu mutants of seed %llu: %llu failures\n",
	       (unsigned long long)(sums->mutants + failures), (unsigned long long)options.seed,
	       (unsigned long long)failures);
}

int main(int count, char **arguments)
{
	parse(count, arguments);
	find_mmfs(arguments[0]);
	checker.bases = bases_make(&checker.base_count);
	started = now_seconds();
	checker.seed = options.seed;
	checker.mount_every = options.mount_every;
	checker.verbose |= options.replay;
	checker.out = memfd_create("output", MFD_CLOEXEC);
	checker.progress =
	    mmap(NULL, sizeof(*checker.progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (checker.out < 0 || fcntl(checker.out, F_SETFL, O_APPEND) || checker.progress == MAP_FAILED)
		abort();
	make_directory();
	run(options.from, options.from + (options.replay ? 1 : options.count));
	remove_directory();
	print_sums();
	return failures != 0;
}
