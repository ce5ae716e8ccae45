/* See tar_io.h. */
#include "tar_io.h"

#include "../common/progress.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define POLL_MS 200

int tar_wait(int descriptor, short events)
{
	struct pollfd wanted = {.fd = descriptor, .events = events};

	while (!files_stopped()) {
		int ready = poll(&wanted, 1, POLL_MS);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
	return -EINTR;
}

void tar_say(const char *program, const char *archive, const char *text)
{
	progress_hide();
	fprintf(stderr, "%s: %s: %s\n", program, archive, text);
}
