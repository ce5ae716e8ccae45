/* See progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH     20u
#define FIRST_MS      1000
#define INTERVAL_MS   100
#define COLUMNS_MOST  80u
#define COLUMNS_LEAST 20u

static struct {
	const char *program, *what; /* what NULL: nothing is going on, or nobody looks */
	const char *phase;	    /* instead of counts; NULL: none */
	uint64_t files, bytes, done, total;
	int64_t next_ms;
	bool shown;
} progress;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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
	char marks[BAR_WIDTH + 1];

	*text = 0;
	if (!progress.total)
		return;
	unsigned percent = progress.done >= progress.total
			       ? 100
			       : (unsigned)((double)progress.done * 100 / (double)progress.total);
	unsigned filled = percent * BAR_WIDTH / 100;
	memset(marks, '#', filled);
	memset(marks + filled, '-', BAR_WIDTH - filled);
	marks[BAR_WIDTH] = 0;
	snprintf(text, room, " [%s] %3u%%", marks, percent);
}

/* What fits on a line: one that were wrapped could not be taken back. */
static unsigned line_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < COLUMNS_LEAST)
		return COLUMNS_MOST - 1;
	return (size.ws_col < COLUMNS_MOST ? size.ws_col : COLUMNS_MOST) - 1;
}

static void show(void)
{
	char line[160], bar[BAR_WIDTH + 16], size[16];

	size_text(progress.bytes, size, sizeof(size));
	bar_text(bar, sizeof(bar));
	if (progress.phase)
		snprintf(line, sizeof(line), "%s: %s", progress.program, progress.phase);
	else
		snprintf(line, sizeof(line), "%s: %s%s  %" PRIu64 " files  %s", progress.program,
			 progress.what, bar, progress.files, size);
	fflush(stdout);
	fprintf(stderr, "\r%.*s\033[K", (int)line_width(), line);
	progress.shown = true;
	progress.next_ms = now_ms() + INTERVAL_MS;
}

static void show_if_due(void)
{
	if (progress.what && now_ms() >= progress.next_ms)
		show();
}

void progress_start(const char *program, const char *what)
{
	if (!isatty(STDERR_FILENO))
		return;
	memset(&progress, 0, sizeof(progress));
	progress.program = program;
	progress.what = what;
	progress.next_ms = now_ms() + FIRST_MS;
}

void progress_file(void)
{
	progress.files++;
	show_if_due();
}

void progress_bytes(uint64_t bytes)
{
	progress.bytes += bytes;
	show_if_due();
}

void progress_reach(uint64_t done, uint64_t total)
{
	progress.done = done;
	progress.total = total;
	show_if_due();
}

void progress_say(const char *what)
{
	progress.phase = what;
	/* nothing may come after it for a while */
	if (progress.what && progress.shown)
		show();
}

void progress_hide(void)
{
	if (!progress.shown)
		return;
	fputs("\r\033[K", stderr);
	progress.shown = false;
}

void progress_end(void)
{
	progress_hide();
	progress.what = NULL;
}
