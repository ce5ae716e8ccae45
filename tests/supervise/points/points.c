/*
 * What makes the program mmfs-points out of mmfs: its points (backend/point.h) look at the file that
 * MMFS_POINT_FILE names. That holds one line,
 *
 *   POINT REQUEST REQUEST SKIP TIMES SIGNAL
 *
 * which means: of the times that POINT is reached in a request of one of these two types (opcodes; 0: any),
 * SKIP are passed over; at each of the next TIMES the process is ended by SIGNAL, or with SIGNAL 0 what
 * follows fails for want of memory. The file is gone when that is done.
 */
#include "../../../backend/point.h"
#include "../../../fs/fuse/wire.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct order {
	char point[16];
	unsigned requests[2], skip, times;
	int signal;
};

static const char *const names[POINT_COUNT] = {
    [POINT_READ] = "read",
    [POINT_RECORD_NEXT] = "record-next",
    [POINT_RECORD_HELD] = "record-held",
    [POINT_RECORD_DONE] = "record-done",
    [POINT_REPLY_NEXT] = "reply-next",
    [POINT_REPLY_DONE] = "reply-done",
    [POINT_RECOVERY] = "recovery",
};

static bool read_order(const char *path, struct order *ret_order)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	bool good =
	    fscanf(file, "%15s %u %u %u %u %d", ret_order->point, &ret_order->requests[0],
		   &ret_order->requests[1], &ret_order->skip, &ret_order->times, &ret_order->signal) == 6;
	fclose(file);
	return good;
}

/* Whoever waits for the file to go must not see half of it. */
static void write_order(const char *path, const struct order *order)
{
	char other[4096];

	snprintf(other, sizeof(other), "%s.new", path);
	FILE *file = fopen(other, "we");
	if (!file)
		abort();
	fprintf(file, "%s %u %u %u %u %d\n", order->point, order->requests[0], order->requests[1],
		order->skip, order->times, order->signal);
	if (fclose(file) || rename(other, path))
		abort();
}

static bool is_meant(const struct order *order, enum point point)
{
	uint32_t request = wire_request()->opcode;

	if (strcmp(order->point, names[point]) != 0)
		return false;
	return !order->requests[0] || request == order->requests[0] || request == order->requests[1];
}

int point_reached(enum point point)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	const char *path = getenv("MMFS_POINT_FILE");
	struct order order;
	int result = 0;

	pthread_mutex_lock(&lock);
	if (!path || !read_order(path, &order) || !is_meant(&order, point)) {
		pthread_mutex_unlock(&lock);
		return 0;
	}
	bool strikes = order.skip == 0;
	if (strikes)
		order.times--;
	else
		order.skip--;
	if (order.times)
		write_order(path, &order);
	else
		unlink(path);
	if (strikes && order.signal == 0)
		result = -ENOMEM;
	if (strikes && order.signal)
		kill(getpid(), order.signal);
	while (strikes && order.signal)
		pause();
	pthread_mutex_unlock(&lock);
	return result;
}
