/* mmfs: mounts an image. The order of things is told in daemon.h. */
#include "daemon.h"
#include "handover.h"
#include "supervisor.h"
#include "takeover.h"
#include "../../backend/point.h"
#include "../../tools/common/open_image.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

#define LOCK_WAIT_MS 30000u

static int lock(struct daemon *daemon)
{
	struct open_image_options how = {.read_only = daemon->options->read_only,
					 .scratch = daemon->options->scratch,
					 .create = !daemon->options->scratch,
					 .lock_wait_ms = LOCK_WAIT_MS,
					 .no_lock = daemon->options->no_lock,
					 .no_lock_option = "-o nolock"};

	return lock_image("mmfs", daemon->image_path, &how, &daemon->image_descriptor,
			  &daemon->image_created);
}

/* Lines about the image, which are for the log once this is in the background. */
static void tell(const char *line)
{
	log_say(LOG_ERR, "%s", line);
}

static int open_all(struct daemon *daemon)
{
	const struct options *options = daemon->options;
	static struct fs_lookup_memory lookups; /* as long as the filesystem is open */
	struct open_image_options how = {
	    .read_only = options->read_only,
	    .scratch = options->scratch,
	    .scratch_bytes = options->scratch_bytes,
	    .create = !daemon->goes_on && !options->scratch,
	    .quiet = daemon->goes_on,
	    .locked = daemon->image_descriptor,
	    .created = daemon->image_created && !daemon->goes_on, /* what is begun may be taken back */
	    .tell = tell,
	    .make = {.limit_bytes = options->size_bytes},
	    .image = {.recover = daemon->goes_on && !options->read_only ? RECOVER_AUTO : options->recover,
		      .goes_on = daemon->goes_on,
		      .connection = daemon->connection,
		      .held = daemon->handover ? &daemon->handover->held : NULL,
		      .commit_seconds = options->commit_seconds,
		      .fsync_async = options->fsync_async,
		      .overlay_max = options->overlay_bytes,
		      .cache = options->image_cache,
		      .limit_bytes = options->size_bytes},
	};
	struct fs_options fs_options = {
	    .read_only = options->read_only,
	    .noatime = options->noatime,
	    .acl = options->acl,
	    .shown = options->shown,
	    .root_uid = options->root_uid,
	    .root_gid = options->root_gid,
	    .track_lookups = true,
	    .lookup_memory = daemon->handover ? &lookups : NULL,
	    .prefault_reads = daemon->handover != NULL,
	    .deletes_later = true,
	    .goes_on = daemon->goes_on,
	};

	if (daemon->handover)
		handover_lookups(daemon->handover, &lookups);
	int error = daemon->goes_on ? point_reached(POINT_RECOVERY) : 0;
	if (!error)
		error = open_image("mmfs", daemon->image_path, &how, &daemon->image, NULL);

	if (error)
		return error; /* it has been said */
	error = fs_open(daemon->image, &fs_options, &daemon->fs);
	if (error) {
		const char *damage = image_damage(daemon->image);
		log_say(LOG_ERR, "%s: cannot be mounted: %s%s%s", daemon->image_path,
			*damage ? damage : strerror(-error), *damage ? "; run fsck.mmfs -n " : "",
			*damage ? daemon->image_path : "");
	}
	return error;
}

/* A scratch mount's changes go with the process, so nothing has to be finished. */
static int drop_all(struct daemon *daemon)
{
	fs_drop(daemon->fs);
	image_drop(daemon->image);
	daemon->fs = NULL;
	daemon->image = NULL;
	return 0;
}

/* Everything is written out. */
static int close_all(struct daemon *daemon)
{
	if (daemon->options->scratch)
		return drop_all(daemon);
	int error = fs_close(daemon->fs);
	int close_error = image_close(daemon->image);

	daemon->fs = NULL;
	daemon->image = NULL;
	if (!error)
		error = close_error;
	if (error)
		log_say(LOG_ERR, "%s: closing the image: %s; the next mount recovers it", daemon->image_path,
			strerror(-error));
	return error;
}

/* From the open image to the end of the mount. */
static int serve(struct daemon *daemon, bool *ret_abandoned)
{
	int error = open_all(daemon);

	if (!error)
		error = daemon->goes_on ? session_resume(daemon) : session_mount(daemon);
	if (!error) {
		/* The daemon is not to keep a directory of somebody's busy. */
		if (chdir("/"))
			log_say(LOG_WARNING, "/: %s", strerror(errno));
		error = session_serve(daemon, ret_abandoned);
	}
	/* A shortage passes. What there is so far is left to the next one as by a kill. */
	if (daemon->goes_on && (error == -ENOMEM || error == -EAGAIN))
		_exit(SUPERVISOR_STARVED);
	if (daemon->session && !*ret_abandoned)
		session_destroy(daemon);
	/* Last, since it lets go of the lock: whoever waits for that finds everything done. */
	int close_error = close_all(daemon);
	return error ? error : close_error;
}

/* Everything up to the locked image. */
static int prepare(struct daemon *daemon)
{
	int error = mountpoint_prepare(daemon);

	if (!error)
		error = lock(daemon);
	if (!error &&
	    getrandom(&daemon->connection, sizeof(daemon->connection), 0) != sizeof(daemon->connection))
		daemon->connection = (uint64_t)getpid();
	return error;
}

static int run(struct daemon *daemon, bool *ret_abandoned)
{
	bool serves = true;
	int error = daemon->goes_on ? 0 : prepare(daemon);

	if (!error && (daemon->handover || daemon->options->supervise))
		error = supervisor_run(daemon, &serves);
	return error || !serves ? error : serve(daemon, ret_abandoned);
}

/* Without them the image would be opened as one of the three, to which output goes. */
static bool open_standard_descriptors(void)
{
	int descriptor;

	do
		descriptor = open("/dev/null", O_RDWR);
	while (descriptor >= 0 && descriptor <= STDERR_FILENO);
	if (descriptor >= 0)
		close(descriptor);
	return descriptor >= 0;
}

/* Takes a mount over, or goes to the background to make one. */
static int begin(struct daemon *daemon)
{
	bool taken;
	int error = takeover_begin(daemon, &taken);

	/* Whoever mounted has left long ago. */
	if (taken && !daemon->options->foreground)
		log_to_syslog();
	if (error)
		log_say(LOG_ERR, "a mount cannot be taken over: %s", strerror(-error));
	if (taken || daemon->options->foreground)
		return error;
	error = daemonize_start();
	if (error)
		log_say(LOG_ERR, "cannot go to the background: %s", strerror(-error));
	return error;
}

/* Changed nodes are allocated by any worker and freed by the syncer: of an arena for each thread, each could
 * come to hold as much as all of them need. */
static void share_one_heap(void)
{
#ifdef M_ARENA_MAX
	(void)mallopt(M_ARENA_MAX, 1);
#endif
}

int main(int count, char **arguments)
{
	/* Abandoned workers may still look at these until the process is gone. */
	static struct options options;
	static struct daemon daemon = {.options = &options};

	daemon.arguments = arguments;
	switch (options_parse(count, arguments, &options)) {
	case OPTIONS_DONE:
		options_free(&options);
		return 0;
	case OPTIONS_WRONG:
		options_free(&options);
		return 1;
	case OPTIONS_RUN:
		break;
	}
	if (!open_standard_descriptors())
		return 1;
	share_one_heap();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write then says EFBIG */
	bool abandoned = false;
	int error = begin(&daemon);
	if (!error)
		error = run(&daemon, &abandoned);
	if (abandoned)
		return error ? 1 : 0;
	free(daemon.image_path);
	free(daemon.mountpoint);
	options_free(&options);
	if (!error)
		return 0;
	return daemon.child_status ? daemon.child_status : 1;
}
