/* See workers.h. */
#include "workers.h"
#include "wire.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MOST 64u
/* So many requests in a row with another behind them mean that there is work for two. One alone does not: a
 * client leaves a FORGET behind and goes on with its next request, and waking another worker costs more than
 * that one. */
#define CROWDED_LEAST 8u

struct pool {
	struct daemon *daemon;
	pthread_rwlock_t serving; /* shared: a request is being handled */
	pthread_mutex_t lock;
	pthread_cond_t turn_free;
	bool turn_taken; /* guarded by lock */
	bool over;	 /* guarded by lock: there will be no more requests */
	uint64_t spin_ns;
	pthread_t threads[WORKERS_MOST];
	atomic_uint count;
	atomic_uint running;
	int ended; /* eventfd: the last worker has ended */
};

/* Not on a stack: abandoned workers wait on it until the process is gone. */
static struct pool pool;

/* ---- the turn ---- */

static bool turn_take(void)
{
	pthread_mutex_lock(&pool.lock);
	while (pool.turn_taken && !pool.over)
		pthread_cond_wait(&pool.turn_free, &pool.lock);
	bool over = pool.over;
	if (!over)
		pool.turn_taken = true;
	pthread_mutex_unlock(&pool.lock);
	return !over;
}

static void turn_pass(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.turn_taken = false;
	pthread_cond_signal(&pool.turn_free);
	pthread_mutex_unlock(&pool.lock);
}

static void turns_are_over(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.over = true;
	pool.turn_taken = false;
	pthread_cond_broadcast(&pool.turn_free);
	pthread_mutex_unlock(&pool.lock);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool request_waits(int descriptor)
{
	struct pollfd polled = {.fd = descriptor, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

/* A request often comes within microseconds of the last reply. An idle mount sleeps in read. */
static void spin(int descriptor)
{
	uint64_t end = pool.spin_ns ? now_ns() + pool.spin_ns : 0;

	while (pool.spin_ns && !request_waits(descriptor) && now_ns() < end)
		;
}

/* ---- a worker ---- */

static void handle(struct fuse_session *session, struct fuse_buf *buffer)
{
	const struct fuse_in_header *header = buffer->mem;

	pthread_rwlock_rdlock(&pool.serving);
	/* The top bit tells only that the request was sent again. */
	txn_request(pool.daemon->connection, header->unique & ~(UINT64_C(1) << 63));
	fuse_session_process_buf(session, buffer);
	pthread_rwlock_unlock(&pool.serving);
}

/* Reads requests and handles them until the session ends or the turn was passed on. False: it has ended. */
static bool serve_turn(struct fuse_session *session, struct fuse_buf *buffer)
{
	int descriptor = fuse_session_fd(session);
	unsigned crowded = 0;

	while (!fuse_session_exited(session)) {
		spin(descriptor);
		ssize_t size = wire_receive(session, buffer);
		if (size == -EINTR || size == -EAGAIN)
			continue;
		if (size < 0)
			log_say(LOG_ERR, "%s: reading requests: %s", pool.daemon->mountpoint,
				strerror((int)-size));
		if (size <= 0)
			return false;
		crowded = request_waits(descriptor) ? crowded + 1 : 0;
		bool keep = pool.count < 2 || (wire_request_short() && crowded < CROWDED_LEAST);
		if (!keep)
			turn_pass();
		handle(session, buffer);
		if (!keep)
			return true;
	}
	return false;
}

static void *work(void *argument)
{
	struct fuse_buf buffer = {0};
	bool going = true;

	while (going && turn_take())
		going = serve_turn(argument, &buffer);
	turns_are_over();
	free(buffer.mem);
	if (atomic_fetch_sub(&pool.running, 1) == 1)
		eventfd_write(pool.ended, 1);
	return NULL;
}

/* ---- all of them ---- */

static unsigned workers_wanted(const struct options *options)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (options->threads)
		return options->threads;
	if (processors < 1)
		processors = 1;
	/* One more than processors, as some wait for the disk. */
	return processors < 15 ? (unsigned)processors + 1 : 16;
}

static void pool_init(struct daemon *daemon)
{
	pthread_rwlockattr_t attributes;

	pool.daemon = daemon;
	pool.spin_ns = UINT64_C(1000) * daemon->options->spin_us;
	pthread_mutex_init(&pool.lock, NULL);
	pthread_cond_init(&pool.turn_free, NULL);
	/* Else a stream of requests could keep the main thread from ever stopping them. */
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&pool.serving, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

int workers_start(struct daemon *daemon)
{
	unsigned wanted = workers_wanted(daemon->options);

	pool.ended = eventfd(0, EFD_CLOEXEC);
	if (pool.ended < 0)
		return -errno;
	pool_init(daemon);
	/* One more than run: the last to end is not to be mistaken for one that ends before all have begun.
	 */
	atomic_store(&pool.running, 1);
	int error = 0;
	pool.count = wanted; /* before the first looks at it */
	unsigned started = 0;
	while (started < wanted && !error) {
		atomic_fetch_add(&pool.running, 1);
		error = pthread_create(&pool.threads[started], NULL, work, daemon->session);
		if (error)
			atomic_fetch_sub(&pool.running, 1);
		else
			started++;
	}
	pool.count = started;
	if (atomic_fetch_sub(&pool.running, 1) == 1)
		eventfd_write(pool.ended, 1);
	/* With fewer it works as well. */
	return started ? 0 : -error;
}

int workers_ended_descriptor(void)
{
	return pool.ended;
}

bool workers_ended(int timeout_ms)
{
	struct pollfd polled = {.fd = pool.ended, .events = POLLIN};

	return poll(&polled, 1, timeout_ms) == 1;
}

void workers_join(void)
{
	for (unsigned i = 0; i < pool.count; i++)
		pthread_join(pool.threads[i], NULL);
	close(pool.ended);
	pthread_rwlock_destroy(&pool.serving);
}

void workers_abandon(void)
{
	pthread_rwlock_wrlock(&pool.serving);
	for (unsigned i = 0; i < pool.count; i++)
		pthread_detach(pool.threads[i]);
}
