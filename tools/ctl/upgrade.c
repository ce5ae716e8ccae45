/* mmfsctl upgrade. */
#include "target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_STEPS 1200u /* of 50 ms, for a daemon that is asked to finish what it is at */
#define STEP_NS	   50000000

static const char *refusal(const struct mounted *mounted, int error)
{
	switch (error) {
	case EPERM:
		return "only root and the user who mounted it may upgrade it";
	case EOPNOTSUPP:
		return mounted->status.supervisor ? "this kernel (before 6.9) cannot let another daemon go on"
						  : "it has no supervisor; unmount it and mount it again";
	case EBUSY:
		return "another upgrade is under way, or it is just being mounted";
	case EIO:
		return "its image has failed; unmount it, see to its disk, and mount it again";
	case ENOENT:
		return "the program is not where it was when it was mounted";
	case EXDEV:
		return "the program lies in this mount";
	case EPROTO:
		return "the installed program cannot go on with what this one leaves, or does not take its "
		       "options; unmount it and mount it again";
	case ETIMEDOUT:
		return "the installed program does not answer";
	case ENOTTY:
		return "it is served by a version that cannot be upgraded; unmount it and mount it again";
	default:
		return strerror(error);
	}
}

/* Until another process answers. It asks the kernel, which keeps the question while there is no daemon. */
static int wait_for_other(const struct mounted *mounted, struct control_status *ret_status)
{
	const struct timespec step = {.tv_nsec = STEP_NS};

	for (unsigned i = 0; i < WAIT_STEPS; i++) {
		if (ioctl(mounted->descriptor, CONTROL_STATUS, ret_status))
			return -errno;
		if (ret_status->pid != mounted->status.pid)
			return 0;
		nanosleep(&step, NULL);
	}
	return -ETIMEDOUT;
}

static int upgrade(const struct mounted *mounted)
{
	struct control_status status;

	if (ioctl(mounted->descriptor, CONTROL_UPGRADE)) {
		int error = errno;
		fprintf(stderr, PROGRAM ": %s: not upgraded: %s\n", mounted->path, refusal(mounted, error));
		return -error;
	}
	int error = wait_for_other(mounted, &status);
	if (error) {
		fprintf(stderr, PROGRAM ": %s: the new daemon does not answer: %s; see the system log\n",
			mounted->path, strerror(-error));
		return error;
	}
	status.version[sizeof(status.version) - 1] = 0;
	status.restart[sizeof(status.restart) - 1] = 0;
	if (status.upgrades == mounted->status.upgrades) {
		fprintf(stderr, PROGRAM ": %s: not upgraded: %s; the old program goes on\n", mounted->path,
			status.restart);
		return -ECANCELED;
	}
	printf("%s: served by mmfs %s, process %" PRIu32 "\n", mounted->path, status.version, status.pid);
	return 0;
}

int upgrade_run(const char *path)
{
	struct mounted mounted;
	int error = target_mounted(path, &mounted);

	if (error)
		return error;
	error = upgrade(&mounted);
	mounted_close(&mounted);
	return error;
}
