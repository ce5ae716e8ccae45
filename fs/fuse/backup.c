/* The daemon's part of mmfsctl backup: the copy goes into a file that the caller has open. */
#include "ioctl.h"

#include "../../tools/common/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_interrupted(void *context)
{
	return fuse_req_interrupted(context);
}

/* The caller's descriptor, opened anew: that asks whether this process may, too. */
static int open_copy(const struct ioctl_call *call, int number)
{
	pid_t pid = fuse_req_ctx(call->request)->pid;
	char path[64];

	if (pid <= 0) /* of a pid namespace that cannot be seen from here */
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, number);
	int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return descriptor < 0 ? -errno : descriptor;
}

int control_backup(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct daemon *daemon = daemon_of(call->request);
	struct control_backup given, *told = &reply->bytes.backup;
	struct image_backup_report report;

	if (!call->in || call->in_size < sizeof(given))
		return -EINVAL;
	memcpy(&given, call->in, sizeof(given));
	struct backup_file file = {.descriptor = open_copy(call, given.descriptor),
				   /* what a scratch mount shows is in memory only */
				   .source = daemon->options->scratch ? -1 : daemon->image_descriptor,
				   .stopped = is_interrupted,
				   .context = call->request};
	if (file.descriptor < 0)
		return file.descriptor;
	int error = backup_file_empty(&file);
	if (!error) {
		struct image_sink sink = backup_file_sink(&file);
		error = fs_backup(daemon->fs, &sink, &report);
	}
	close(file.descriptor);
	if (error)
		return error;
	*told = (struct control_backup){.magic = CONTROL_MAGIC,
					.descriptor = given.descriptor,
					.cloned = report.cloned,
					.passes = report.passes,
					.copied = report.copied_bytes,
					.frozen_microseconds = report.frozen_us};
	reply->length = sizeof(*told);
	return 0;
}
