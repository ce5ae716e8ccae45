/* workers.h by libfuse's own loop, to tell what the loop of workers.c is worth. */
#include "../../../fs/fuse/workers.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct {
	struct daemon *daemon;
	pthread_t thread;
	int ended;
} loop;

static void *run(void *argument)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();

	if (loop.daemon->options->threads)
		fuse_loop_cfg_set_max_threads(config, loop.daemon->options->threads);
	fuse_session_loop_mt(loop.daemon->session, config);
	fuse_loop_cfg_destroy(config);
	eventfd_write(loop.ended, 1);
	return argument;
}

int workers_start(struct daemon *daemon)
{
	loop.daemon = daemon;
	loop.ended = eventfd(0, EFD_CLOEXEC);
	if (loop.ended < 0)
		return -errno;
	return -pthread_create(&loop.thread, NULL, run, NULL);
}

int workers_ended_descriptor(void)
{
	return loop.ended;
}

bool workers_ended(int timeout_ms)
{
	struct pollfd polled = {.fd = loop.ended, .events = POLLIN};

	return poll(&polled, 1, timeout_ms) == 1;
}

void workers_join(void)
{
	pthread_join(loop.thread, NULL);
	close(loop.ended);
}

/* What is at hand is lost with the process: nothing was to be kept. */
void workers_abandon(void)
{
	pthread_detach(loop.thread);
}

uint64_t workers_requests(unsigned opcode)
{
	(void)opcode;
	return 0;
}

unsigned workers_count(void)
{
	return 0;
}
