/* A bar on stderr, if that is a terminal: what is being done, and how far. */
#include "fsck.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH   30u
#define INTERVAL_MS 100

static struct {
	enum { UNKNOWN, TERMINAL, OTHER } kind;
	bool shown;
	const char *what;
	int64_t next_ms;
} bar;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_show(const char *what, uint64_t done, uint64_t total)
{
	char hashes[BAR_WIDTH + 1];
	unsigned percent, filled;

	if (bar.kind == UNKNOWN)
		bar.kind = isatty(STDERR_FILENO) ? TERMINAL : OTHER;
	if (bar.kind == OTHER || (bar.what == what && now_ms() < bar.next_ms))
		return;
	bar.what = what;
	bar.next_ms = now_ms() + INTERVAL_MS;
	/* the total comes from the image: it may be nonsense */
	percent = total == 0 || done >= total ? 100 : (unsigned)((double)done * 100 / (double)total);
	filled = percent * BAR_WIDTH / 100;
	memset(hashes, '#', filled);
	memset(hashes + filled, '-', BAR_WIDTH - filled);
	hashes[BAR_WIDTH] = 0;
	fflush(stdout);
	fprintf(stderr, "\r" PROGRAM ": %-8s [%s] %3u%%\033[K", what, hashes, percent);
	bar.shown = true;
}

void progress_clear(void)
{
	if (!bar.shown)
		return;
	fputs("\r\033[K", stderr);
	bar.shown = false;
	bar.what = NULL;
}
