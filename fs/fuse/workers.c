/* See workers.h. */
#include "workers.h"
#include "handover.h"
#include "resend.h"
#include "suspects.h"
#include "wire.h"
#include "../../backend/point.h"

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

/* Each has a buffer as large as the largest write; with -o threads there may be HANDOVER_WORKERS. */
#define WORKERS_AUTO 48u
/* So many requests in a row that came while another was handled mean that there is work for one more. One
 * alone does not: a client leaves a FORGET behind and goes on with its next request, and waking another
 * worker costs more than that one. */
#define CROWDED_LEAST 8u
#define TICK_NS	      2500000 /* how often the watcher looks, as long as there are requests */
#define STUCK_TICKS   4u      /* without a request begun or ended: one more worker */
#define IDLE_TICKS    20u     /* without a request: the watcher sleeps */
#define RETRY_NS      10000000

struct worker {
	/* Written by its thread only: goes up when a request begins and when it ends, so it is odd meanwhile.
	 */
	_Alignas(64) atomic_uint_fast64_t progress;
	/* Odd: it is handling a request and has kept the turn meanwhile. It makes it odd itself; whoever
	 * makes it even again, it or the watcher, has the turn to give. */
	atomic_uint_fast64_t kept;
	pthread_t thread;
};

struct pool {
	struct daemon *daemon;
	pthread_rwlock_t serving; /* shared: a request is being handled */
	pthread_mutex_t lock;
	pthread_cond_t turn_free, watch;
	unsigned turns;	  /* of all: 1 to turns_most; guarded by lock */
	unsigned free;	  /* of them that nobody has; guarded by lock */
	unsigned waiting; /* workers that wait for a turn; guarded by lock */
	bool over;	  /* guarded by lock: there will be no more requests */
	bool unwatched;	  /* guarded by lock: the watcher is to end, and no worker to begin */
	unsigned turns_most;
	atomic_flag reading; /* somebody who has a turn is at it */
	atomic_bool watcher_asleep;
	bool watched; /* there is a watcher */
	pthread_t watcher;
	uint64_t spin_ns;
	struct handover_worker *noted; /* of each worker */
	struct worker workers[HANDOVER_WORKERS];
	atomic_uint count;
	atomic_uint running;
	int ended; /* eventfd: the last worker has ended */
};

/* Not on a stack: abandoned workers wait on it until the process is gone. */
static struct pool pool;
/* Where nobody hands over to anybody. */
static struct handover_worker own_notes[HANDOVER_WORKERS];

/* ---- turns ---- */

static bool turn_take(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.waiting++;
	while (!pool.free && !pool.over)
		pthread_cond_wait(&pool.turn_free, &pool.lock);
	pool.waiting--;
	bool over = pool.over;
	if (!over)
		pool.free--;
	pthread_mutex_unlock(&pool.lock);
	return !over;
}

static void turn_pass(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.free++;
	pthread_cond_signal(&pool.turn_free);
	pthread_mutex_unlock(&pool.lock);
}

/* One more, if there is a worker for it. */
static void turn_add(void)
{
	pthread_mutex_lock(&pool.lock);
	if (pool.turns < pool.turns_most && pool.waiting > pool.free) {
		pool.turns++;
		pool.free++;
		pthread_cond_signal(&pool.turn_free);
	}
	pthread_mutex_unlock(&pool.lock);
}

/* The caller's, unless it is the last one. True: it has none any more. */
static bool turn_drop(void)
{
	pthread_mutex_lock(&pool.lock);
	bool more = pool.turns > 1;
	if (more)
		pool.turns--;
	pthread_mutex_unlock(&pool.lock);
	return more;
}

/* The turn is kept during a request. Returns what turn_still_kept has to be asked with. */
static uint64_t turn_keep(struct worker *worker)
{
	uint64_t kept = atomic_load_explicit(&worker->kept, memory_order_relaxed) + 1;

	atomic_store_explicit(&worker->kept, kept, memory_order_release);
	return kept;
}

/* After it. False: it took so long that the watcher has given the turn to another. */
static bool turn_still_kept(struct worker *worker, uint64_t kept)
{
	return atomic_compare_exchange_strong(&worker->kept, &kept, kept + 1);
}

static void turns_are_over(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.over = true;
	pthread_cond_broadcast(&pool.turn_free);
	pthread_cond_signal(&pool.watch);
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

enum found { FOUND_AT_ONCE, FOUND, FOUND_NONE };

/* One at a time looks and reads: of two who see the same request one would sleep in read, with a turn. */
static bool reading_begins(void)
{
	return !atomic_flag_test_and_set(&pool.reading);
}

static void reading_has_ended(void)
{
	atomic_flag_clear(&pool.reading);
}

/* A request often comes within microseconds of the last reply. If there is one, the caller is to read it. */
static enum found find_request(int descriptor)
{
	uint64_t end = 0;

	for (;;) {
		if (reading_begins()) {
			if (request_waits(descriptor))
				return end ? FOUND : FOUND_AT_ONCE;
			reading_has_ended();
		}
		uint64_t now = now_ns();
		if (!end)
			end = now + pool.spin_ns;
		if (now >= end)
			return FOUND_NONE;
	}
}

/* ---- a worker ---- */

/* No other thread writes there. */
static void count_request(const struct worker *worker, uint32_t opcode)
{
	atomic_uint_fast64_t *count =
	    &pool.noted[worker - pool.workers].requests[opcode < HANDOVER_REQUESTS ? opcode : 0];

	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void handle(struct worker *worker, struct fuse_session *session, struct fuse_buf *buffer)
{
	const struct fuse_in_header *header = buffer->mem;
	struct handover *handover = pool.daemon->handover;
	unsigned place = (unsigned)(worker - pool.workers);
	/* The top bit tells only that the request was sent again. */
	uint64_t unique = header->unique & ~(UINT64_C(1) << 63);

	pthread_rwlock_rdlock(&pool.serving);
	count_request(worker, wire_request()->opcode);
	suspects_begin(handover, place, unique);
	image_request_begin(pool.daemon->image, place, pool.daemon->connection, unique);
	if (!resend_answer(pool.daemon, header)) {
		(void)point_reached(POINT_READ);
		fuse_session_process_buf(session, buffer);
	}
	(void)point_reached(POINT_REPLY_DONE);
	image_request_end(pool.daemon->image);
	fs_finish(pool.daemon->fs);
	suspects_end(handover, place);
	if (handover && !atomic_load_explicit(&handover->progress, memory_order_relaxed))
		atomic_store(&handover->progress, true);
	pthread_rwlock_unlock(&pool.serving);
}

static void watcher_wake(void)
{
	pthread_mutex_lock(&pool.lock);
	atomic_store(&pool.watcher_asleep, false);
	pthread_cond_signal(&pool.watch);
	pthread_mutex_unlock(&pool.lock);
}

/* The watcher looks at `progress` after it has said that it sleeps: one of the two sees the other. */
static void worker_begins(struct worker *worker)
{
	uint64_t progress = atomic_load_explicit(&worker->progress, memory_order_relaxed);

	atomic_store(&worker->progress, progress + 1);
	if (atomic_load(&pool.watcher_asleep))
		watcher_wake();
}

static void worker_has_ended(struct worker *worker)
{
	uint64_t progress = atomic_load_explicit(&worker->progress, memory_order_relaxed);

	atomic_store_explicit(&worker->progress, progress + 1, memory_order_release);
}

/* While no request comes. False: the watcher has given the turn to another meanwhile. */
static bool collect(struct worker *worker)
{
	uint64_t kept = turn_keep(worker);

	worker_begins(worker);
	pthread_rwlock_rdlock(&pool.serving);
	fs_collect(pool.daemon->fs);
	pthread_rwlock_unlock(&pool.serving);
	worker_has_ended(worker);
	return turn_still_kept(worker, kept);
}

/* The next request: its length; 0: the session has ended. */
static int receive(struct fuse_session *session, struct fuse_buf *buffer)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};

	for (;;) {
		int size = (int)wire_receive(session, buffer);
		if (size >= 0)
			return size;
		if (size == -ENOMEM || size == -EAGAIN) {
			nanosleep(&pause, NULL); /* it passes */
		} else if (size != -EINTR) {
			log_say(LOG_ERR, "%s: reading requests: %s", pool.daemon->mountpoint,
				strerror(-size));
			fuse_session_exit(session); /* for the others */
			return 0;
		}
		if (fuse_session_exited(session))
			return 0;
	}
}

static void *work(void *argument);

/* 0 or an errno. lock is held, but for the first ones. */
static int worker_start(void)
{
	struct worker *worker = &pool.workers[pool.count];

	atomic_fetch_add(&pool.running, 1);
	int error = pthread_create(&worker->thread, NULL, work, worker);
	if (error)
		atomic_fetch_sub(&pool.running, 1);
	else
		pool.count++;
	return error;
}

/* Syncs that are asked for at the same time are done together, if all who ask get here: a worker that goes to
 * wait for the disk leaves another behind that reads. */
static void leave_one_reading(void)
{
	pthread_mutex_lock(&pool.lock);
	if (!pool.waiting && pool.free == pool.turns && !pool.over && !pool.unwatched &&
	    !pool.daemon->options->threads && pool.count < WORKERS_AUTO)
		(void)worker_start();
	pthread_mutex_unlock(&pool.lock);
}

/* Reads requests and handles them until the session ends or the worker has no turn. False: it has ended. */
static bool serve_turn(struct worker *worker, struct fuse_session *session, struct fuse_buf *buffer)
{
	int descriptor = fuse_session_fd(session);
	unsigned crowded = 0;

	while (!fuse_session_exited(session)) {
		uint64_t kept = 0;

		enum found found = find_request(descriptor);
		if (found == FOUND_NONE) {
			if (fs_collects(pool.daemon->fs) && !request_waits(descriptor) && !collect(worker))
				return true;
			if (turn_drop())
				return true;
			if (!reading_begins())
				continue; /* whoever it is has come by the other turn just now */
		}
		int size = receive(session, buffer); /* an idle mount sleeps here */
		reading_has_ended();
		if (size == 0)
			return false;
		resend_read(buffer->mem, descriptor);
		crowded = found == FOUND_AT_ONCE ? crowded + 1 : 0;
		if (crowded == CROWDED_LEAST) {
			crowded = 0;
			if (!resend_reads())
				turn_add();
		}
		worker_begins(worker);
		bool keep = pool.count < 2 || wire_request_short();
		if (keep)
			kept = turn_keep(worker);
		else
			turn_pass();
		if (!keep && wire_request_waits())
			leave_one_reading();
		handle(worker, session, buffer);
		worker_has_ended(worker);
		if (!keep || !turn_still_kept(worker, kept))
			return true;
	}
	return false;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct fuse_buf buffer = {0};
	bool going = true;

	while (going && turn_take())
		going = serve_turn(worker, pool.daemon->session, &buffer);
	turns_are_over();
	free(buffer.mem);
	if (atomic_fetch_sub(&pool.running, 1) == 1)
		eventfd_write(pool.ended, 1);
	return NULL;
}

/* ---- the watcher ---- */

/* How far all have come. *ret_busy: somebody handles a request. */
static uint64_t progress_of_all(bool *ret_busy)
{
	uint64_t sum = 0;

	*ret_busy = false;
	for (unsigned i = 0; i < pool.count; i++) {
		uint64_t progress = atomic_load(&pool.workers[i].progress);
		sum += progress;
		*ret_busy |= progress & 1;
	}
	return sum;
}

/* Takes turns from workers that have been at a request for a tick, while others wait for one. `kept_before`
 * is what `kept` of each was then. lock is held. */
static void take_over(uint64_t kept_before[])
{
	for (unsigned i = 0; i < pool.count; i++) {
		uint64_t kept = atomic_load(&pool.workers[i].kept);

		if ((kept & 1) && kept == kept_before[i] && pool.waiting > pool.free &&
		    atomic_compare_exchange_strong(&pool.workers[i].kept, &kept, kept + 1)) {
			pool.free++;
			pthread_cond_signal(&pool.turn_free);
		}
		kept_before[i] = kept;
	}
}

/* Requests wait, and nobody is there to read them. lock is held. */
static bool more_wanted(void)
{
	return !pool.waiting && !pool.daemon->options->threads && pool.count < WORKERS_AUTO &&
	       request_waits(fuse_session_fd(pool.daemon->session));
}

/* Waits for the next tick; with nothing to watch, for the next request. lock is held. */
static void watcher_wait(bool idle)
{
	struct timespec until;

	if (idle) {
		bool busy;

		atomic_store(&pool.watcher_asleep, true);
		progress_of_all(&busy);
		if (busy)
			atomic_store(&pool.watcher_asleep, false);
		while (pool.watcher_asleep && !pool.over && !pool.unwatched)
			pthread_cond_wait(&pool.watch, &pool.lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&pool.watch, &pool.lock, &until);
}

static void *watch(void *argument)
{
	uint64_t progress = 0, kept[HANDOVER_WORKERS] = {0};
	unsigned still = 0;

	pthread_mutex_lock(&pool.lock);
	while (!pool.over && !pool.unwatched) {
		bool busy;
		uint64_t progress_before = progress;

		progress = progress_of_all(&busy);
		still = progress == progress_before ? still + 1 : 0;
		take_over(kept);
		if (busy && still >= STUCK_TICKS && more_wanted() && !worker_start())
			still = 0;
		watcher_wait(!busy && still >= IDLE_TICKS);
	}
	pthread_mutex_unlock(&pool.lock);
	return argument;
}

static void watcher_start(void)
{
	/* Without it requests are served as well, but for one that waits long. */
	if (pool.daemon->options->threads != 1)
		pool.watched = !pthread_create(&pool.watcher, NULL, watch, NULL);
}

/* No worker is started any more. */
static void watcher_stop(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.unwatched = true;
	pthread_cond_signal(&pool.watch);
	pthread_mutex_unlock(&pool.lock);
	if (pool.watched)
		pthread_join(pool.watcher, NULL);
	pool.watched = false;
}

/* ---- all of them ---- */

static unsigned processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : count < 15 ? (unsigned)count : 15;
}

static void pool_init(struct daemon *daemon)
{
	pthread_rwlockattr_t attributes;
	pthread_condattr_t monotonic;

	pool.daemon = daemon;
	pool.noted = daemon->handover ? daemon->handover->workers : own_notes;
	pool.spin_ns = UINT64_C(1000) * daemon->options->spin_us;
	pool.turns = 1; /* the first worker's, which workers_start gives */
	pool.turns_most = processors();
	pthread_mutex_init(&pool.lock, NULL);
	pthread_cond_init(&pool.turn_free, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&pool.watch, &monotonic);
	pthread_condattr_destroy(&monotonic);
	/* Else a stream of requests could keep the main thread from ever stopping them. */
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&pool.serving, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

int workers_start(struct daemon *daemon)
{
	/* One more than processors, as some wait for the disk. */
	unsigned wanted = daemon->options->threads ? daemon->options->threads : processors() + 1;

	pool.ended = eventfd(0, EFD_CLOEXEC);
	if (pool.ended < 0)
		return -errno;
	pool_init(daemon);
	/* One more than run: the last to end is not to be mistaken for one that ends before all have begun.
	 */
	atomic_store(&pool.running, 1);
	int error = 0;
	/* None gets a turn before: it would believe to be alone. */
	while (pool.count < wanted && !error)
		error = worker_start();
	turn_pass();
	/* With fewer it works as well. */
	bool started = pool.count > 0;
	if (started)
		watcher_start();
	if (atomic_fetch_sub(&pool.running, 1) == 1)
		eventfd_write(pool.ended, 1);
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
	watcher_stop();
	for (unsigned i = 0; i < pool.count; i++)
		pthread_join(pool.workers[i].thread, NULL);
	close(pool.ended);
	pthread_rwlock_destroy(&pool.serving);
}

void workers_abandon(void)
{
	watcher_stop();
	pthread_rwlock_wrlock(&pool.serving);
	for (unsigned i = 0; i < pool.count; i++)
		pthread_detach(pool.workers[i].thread);
}

uint64_t workers_requests(unsigned opcode)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HANDOVER_WORKERS; i++)
		sum += atomic_load_explicit(&pool.noted[i].requests[opcode], memory_order_relaxed);
	return sum;
}

unsigned workers_count(void)
{
	return atomic_load(&pool.count);
}
