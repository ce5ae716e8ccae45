/* See progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH     20u
#define FIRST_MS      1000
#define INTERVAL_MS   100
#define COLUMNS_MOST  80u
#define COLUMNS_LEAST 20u

enum counts { COUNT_FILES, COUNT_BYTES, COUNT_NOTHING };

static struct {
	/* of the thread that works */
	bool drawn; /* a thread draws */
	pthread_t thread;
	/* changed by that one, read by the one that draws */
	atomic_int counts;
	_Atomic(const char *) what, phase; /* phase: instead of counts; NULL: none */
	atomic_ullong files, bytes, done, total;
	atomic_int watched; /* descriptor; -1: none */
	/* of both, under the lock */
	const char *program;
	struct timespec next; /* not before, of CLOCK_MONOTONIC */
	bool hidden, shown, ending;
} progress = {.watched = -1};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake; /* of `ending` and `hidden` */

/* Bytes in at most 9 characters. */
static void size_text(uint64_t bytes, char *text, size_t room)
{
	static const char units[] = "KMGTPE";
	double number = (double)bytes / 1024;
	unsigned unit = 0;

	while (number >= 1000 && unit < sizeof(units) - 2) {
		number /= 1024;
		unit++;
	}
	snprintf(text, room, "%.*f %ciB", number < 10 ? 1 : 0, number, units[unit]);
}

static void bar_text(char *text, size_t room)
{
	uint64_t done = progress.done, total = progress.total;
	char marks[BAR_WIDTH + 1];

	*text = 0;
	if (!total)
		return;
	unsigned percent = done >= total ? 100 : (unsigned)((double)done * 100 / (double)total);
	unsigned filled = percent * BAR_WIDTH / 100;
	memset(marks, '#', filled);
	memset(marks + filled, '-', BAR_WIDTH - filled);
	marks[BAR_WIDTH] = 0;
	snprintf(text, room, " [%s] %3u%%", marks, percent);
}

static void counts_text(char *text, size_t room)
{
	char size[16];

	*text = 0;
	size_text(progress.bytes, size, sizeof(size));
	if (progress.counts == COUNT_FILES)
		snprintf(text, room, "  %llu files  %s", (unsigned long long)progress.files, size);
	else if (progress.counts == COUNT_BYTES)
		snprintf(text, room, "  %s", size);
}

/* What fits on a line: one that were wrapped could not be taken back. */
static unsigned line_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < COLUMNS_LEAST)
		return COLUMNS_MOST - 1;
	return (size.ws_col < COLUMNS_MOST ? size.ws_col : COLUMNS_MOST) - 1;
}

static void look_at_file(void)
{
	struct stat status;

	if (progress.watched < 0 || fstat(progress.watched, &status))
		return;
	progress.done = (uint64_t)status.st_size;
	progress.bytes = (uint64_t)status.st_size;
}

static void later(unsigned ms)
{
	clock_gettime(CLOCK_MONOTONIC, &progress.next);
	progress.next.tv_nsec += ms % 1000 * 1000000;
	progress.next.tv_sec += ms / 1000 + progress.next.tv_nsec / 1000000000;
	progress.next.tv_nsec %= 1000000000;
}

static void show(void)
{
	char line[256], bar[BAR_WIDTH + 16], counts[64];
	const char *phase = progress.phase;

	look_at_file();
	bar_text(bar, sizeof(bar));
	counts_text(counts, sizeof(counts));
	snprintf(line, sizeof(line), "%s: %s%s%s", progress.program, phase ? phase : progress.what,
		 phase ? "" : bar, phase ? "" : counts);
	fprintf(stderr, "\r%.*s\033[K", (int)line_width(), line);
	progress.shown = true;
	later(INTERVAL_MS);
}

static bool is_due(void)
{
	struct timespec now, next = progress.next;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec != next.tv_sec ? now.tv_sec > next.tv_sec : now.tv_nsec >= next.tv_nsec;
}

static void *draw(void *unused)
{
	pthread_mutex_lock(&lock);
	while (!progress.ending) {
		struct timespec next = progress.next;

		if (progress.hidden)
			pthread_cond_wait(&wake, &lock);
		else if (is_due())
			show();
		else
			pthread_cond_timedwait(&wake, &lock, &next);
	}
	pthread_mutex_unlock(&lock);
	return unused;
}

/* Signals are for the other threads: they interrupt the work. */
static bool start_drawing(void)
{
	pthread_condattr_t attributes;
	sigset_t all, before;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&wake, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool drawn = !pthread_create(&progress.thread, NULL, draw, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return drawn;
}

void progress_start(const char *program, const char *what)
{
	if (!isatty(STDERR_FILENO))
		return;
	progress_end();
	fflush(stdout);
	progress.counts = COUNT_FILES;
	progress.what = what;
	progress.phase = NULL;
	progress.files = progress.bytes = progress.done = progress.total = 0;
	progress.program = program;
	progress.hidden = true;
	progress.shown = progress.ending = false;
	progress.watched = -1;
	later(FIRST_MS);
	progress.drawn = start_drawing();
}

static void come_back(void)
{
	if (!progress.drawn || !progress.hidden)
		return;
	fflush(stdout);
	pthread_mutex_lock(&lock);
	progress.hidden = false;
	if (is_due())
		show();
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
}

void progress_file(void)
{
	progress.files++;
	come_back();
}

void progress_bytes(uint64_t bytes)
{
	progress.bytes += bytes;
	come_back();
}

void progress_reach(uint64_t done, uint64_t total)
{
	progress.done = done;
	progress.total = total;
	come_back();
}

void progress_amount(uint64_t done, uint64_t total)
{
	progress.counts = COUNT_BYTES;
	progress.bytes = done;
	progress_reach(done, total);
}

void progress_watch(int descriptor, uint64_t total)
{
	progress_amount(0, total);
	progress.watched = descriptor;
}

void progress_stage(const char *what, uint64_t done, uint64_t total)
{
	progress.counts = COUNT_NOTHING;
	progress.what = what;
	progress.phase = NULL;
	progress_reach(done, total);
}

void progress_say(const char *what)
{
	progress.phase = what;
	pthread_mutex_lock(&lock);
	progress.watched = -1;
	pthread_mutex_unlock(&lock);
	come_back();
}

void progress_hide(void)
{
	if (!progress.drawn)
		return;
	pthread_mutex_lock(&lock);
	if (progress.shown)
		fputs("\r\033[K", stderr);
	progress.shown = false;
	progress.hidden = true;
	pthread_mutex_unlock(&lock);
}

void progress_end(void)
{
	if (!progress.drawn)
		return;
	progress_hide();
	pthread_mutex_lock(&lock);
	progress.ending = true;
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
	pthread_join(progress.thread, NULL);
	pthread_cond_destroy(&wake);
	progress.drawn = false;
	progress.watched = -1;
}
