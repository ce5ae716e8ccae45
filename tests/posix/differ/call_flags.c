/* Flags of chattr. */
#include "differ.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

/* Of others see differences.c, or they are ext4's own. */
#define FLAGS (FS_NODUMP_FL | FS_NOATIME_FL)

int flags_of(int descriptor)
{
	unsigned flags = 0;

	return ioctl(descriptor, FS_IOC_GETFLAGS, &flags) ? 0 : (int)(flags & FLAGS);
}

long call_setflags(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const struct slot *slot = &worker->slots[step->slot];
	unsigned flags = 0, wanted = (unsigned)step->numbers[0] & FLAGS;

	(void)outcome;
	if (slot->descriptor >= 0 && slot->type != S_IFREG && slot->type != S_IFDIR)
		return SKIPPED;
	if (ioctl(slot->descriptor, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags = (flags & ~(unsigned)FLAGS) | wanted;
	return ioctl(slot->descriptor, FS_IOC_SETFLAGS, &flags);
}

long call_getflags(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const struct slot *slot = &worker->slots[step->slot];
	unsigned flags = 0;

	if (slot->descriptor >= 0 && slot->type != S_IFREG && slot->type != S_IFDIR)
		return SKIPPED;
	if (ioctl(slot->descriptor, FS_IOC_GETFLAGS, &flags))
		return -1;
	outcome->data = flags & FLAGS;
	return 0;
}
