/* ioctls of mmfsctl (tools/common/control.h), on the root of the mount. */
#include "ioctl.h"

#include "upgrade.h"

#include "../../tools/common/facts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct image *image_of(const struct ioctl_call *call)
{
	return daemon_of(call->request)->image;
}

/* ---- questions ---- */

static int status(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	control_status(daemon_of(call->request), &reply->bytes.status);
	reply->length = sizeof(reply->bytes.status);
	return 0;
}

static int stats(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	control_stats(daemon_of(call->request), &reply->bytes.stats);
	reply->length = sizeof(reply->bytes.stats);
	return 0;
}

static int info(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	reply->length = sizeof(reply->bytes.info);
	return facts_of_image(image_of(call), &reply->bytes.info);
}

static int seal(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	(void)reply;
	return image_seal(image_of(call));
}

/* ---- changes ---- */

static int upgrade(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	(void)reply;
	return upgrade_request(daemon_of(call->request), fuse_req_ctx(call->request)->uid);
}

static uint64_t size_now(const struct ioctl_call *call)
{
	return image_size_blocks(image_of(call)) << BLOCK_SHIFT;
}

static int trim(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct control_size *size = &reply->bytes.size;

	*size = (struct control_size){.magic = CONTROL_MAGIC};
	int error = image_trim(image_of(call), &size->bytes);
	if (!error)
		error = image_shrink(image_of(call));
	size->size = size_now(call);
	reply->length = sizeof(*size);
	return error;
}

static int grow(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct control_size *size = &reply->bytes.size;

	*size = (struct control_size){.magic = CONTROL_MAGIC, .bytes = size_now(call)};
	int error = image_grow(image_of(call));
	size->size = size_now(call);
	reply->length = sizeof(*size);
	return error;
}

static int limit(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct control_size given, *size = &reply->bytes.size;

	if (!call->in || call->in_size < sizeof(given))
		return -EINVAL;
	memcpy(&given, call->in, sizeof(given));
	*size = (struct control_size){.magic = CONTROL_MAGIC, .bytes = given.bytes};
	int error = image_set_limit(image_of(call), given.bytes, &size->least);
	if (error && error != -EBUSY)
		return error;
	size->error = (uint32_t)-error;
	size->size = size_now(call);
	reply->length = sizeof(*size);
	return 0;
}

static int label(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct control_label given;

	(void)reply;
	if (!call->in || call->in_size < sizeof(given))
		return -EINVAL;
	memcpy(&given, call->in, sizeof(given));
	if (!memchr(given.label, 0, sizeof(given.label)))
		return -EINVAL;
	return image_set_label(image_of(call), given.label);
}

/* A step: the caller goes on from what it is told, or ends there. */
static int compact(const struct ioctl_call *call, struct ioctl_reply *reply)
{
	struct control_compaction given, *told = &reply->bytes.compaction;

	if (!call->in || call->in_size < sizeof(given))
		return -EINVAL;
	memcpy(&given, call->in, sizeof(given));
	struct fs_compaction compaction = facts_to_compaction(&given);
	int more = fs_compact_step(daemon_of(call->request)->fs, &compaction);
	if (more < 0)
		return more;
	*told = facts_of_compaction(&compaction);
	told->more = (uint32_t)more;
	told->size = size_now(call);
	reply->length = sizeof(*told);
	return 0;
}

/* ---- all of them ---- */

static const struct {
	unsigned command;
	bool guarded; /* for root and the user who mounted */
	bool changes; /* the image itself: not of a scratch mount */
	int (*run)(const struct ioctl_call *call, struct ioctl_reply *reply);
} commands[] = {
    {CONTROL_STATUS, false, false, status},
    {CONTROL_STATS, false, false, stats},
    {CONTROL_UPGRADE, false, false, upgrade},
    {CONTROL_INFO, false, false, info},
    {CONTROL_SYNC, false, false, seal},
    {CONTROL_TRIM, true, true, trim},
    {CONTROL_GROW, true, true, grow},
    {CONTROL_LIMIT, true, true, limit},
    {CONTROL_LABEL, true, true, label},
    {CONTROL_COMPACT, true, true, compact},
    {CONTROL_BACKUP, true, false, control_backup},
};

int ops_control(const struct ioctl_call *call, unsigned command, struct ioctl_reply *reply)
{
	uint32_t uid = fuse_req_ctx(call->request)->uid;

	if (call->inode != FUSE_ROOT_ID)
		return -ENOTTY;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].command != command)
			continue;
		if (commands[i].guarded && uid != 0 && uid != geteuid())
			return -EPERM;
		if (commands[i].changes && daemon_of(call->request)->options->scratch)
			return -EOPNOTSUPP;
		/* Sent again after a restart they run again: their records are no request's (R17). */
		image_request_none();
		fs_collect(daemon_of(call->request)->fs);
		return commands[i].run(call, reply);
	}
	return -ENOTTY;
}
