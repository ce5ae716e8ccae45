/*
 * Where an image is mounted, and by whom. The session identity (R14) says whether the host's page cache still
 * is the one that the last mount wrote to.
 */
#include "checksum.h"
#include "image_i.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* <linux/fs.h> has a BLOCK_SIZE of its own, so what is needed of it stands here. */
#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, uint64_t)
#endif
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000u
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000u
#endif

#define BIRTH_UNKNOWN UINT64_MAX
#define OWNER_TRIES   3

void session_random(void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length > 0) {
		ssize_t got = getrandom(at, length, 0);

		if (got < 0)
			continue; /* EINTR: the only error with a valid buffer */
		at += got;
		length -= (size_t)got;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool read_boot_id(uint8_t ret_id[16])
{
	char text[64];
	unsigned digits = 0;
	ssize_t length;
	int descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (descriptor < 0)
		return false;
	length = read(descriptor, text, sizeof(text));
	close(descriptor);
	for (ssize_t i = 0; i < length && digits < 32; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			continue;
		if (digits % 2 == 0)
			ret_id[digits / 2] = (uint8_t)(digit << 4);
		else
			ret_id[digits / 2] |= (uint8_t)digit;
		digits++;
	}
	return digits == 32;
}

static bool identify_device(int descriptor, const struct statx *status, struct session_disk *session)
{
	uint64_t sequence;

	session->device = le64_of(makedev(status->stx_rdev_major, status->stx_rdev_minor));
	if (ioctl(descriptor, BLKGETDISKSEQ, &sequence) < 0)
		return false;
	session->disk_sequence = le64_of(sequence);
	session->birth_nanoseconds = le64_of(0);
	return true;
}

static bool identify_file(const struct statx *status, struct session_disk *session)
{
	session->device = le64_of(makedev(status->stx_dev_major, status->stx_dev_minor));
	session->inode = le64_of(status->stx_ino);
	session->mount_id = le64_of(status->stx_mnt_id);
	session->birth_seconds = le64_of((uint64_t)status->stx_btime.tv_sec);
	session->birth_nanoseconds = le64_of(status->stx_btime.tv_nsec);
	return (status->stx_mask & STATX_BTIME) && (status->stx_mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE));
}

void image_session_of(int descriptor, struct session_disk *ret_session)
{
	struct session_disk session = {0};
	struct statx status;
	bool known;

	/* The unique mount id is never reused; kernels before 6.8 leave it out and give the other one. */
	known = statx(descriptor, "", AT_EMPTY_PATH,
		      STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID | STATX_MNT_ID_UNIQUE, &status) == 0;
	if (known)
		known = S_ISBLK(status.stx_mode) ? identify_device(descriptor, &status, &session)
						 : identify_file(&status, &session);
	if (!read_boot_id(session.boot_id) || !known)
		session.birth_nanoseconds = le64_of(BIRTH_UNKNOWN);
	*ret_session = session;
}

enum cold_reason session_compare(const struct session_disk *now, const struct session_disk *then)
{
	static const uint8_t no_boot[sizeof(now->boot_id)];
	bool boot_known = memcmp(then->boot_id, no_boot, sizeof(no_boot)) != 0;
	struct session_disk but = *then;

	if (boot_known && memcmp(now->boot_id, then->boot_id, sizeof(now->boot_id)) != 0)
		return COLD_OTHER_BOOT;
	if (le64_get(now->birth_nanoseconds) == BIRTH_UNKNOWN ||
	    le64_get(then->birth_nanoseconds) == BIRTH_UNKNOWN)
		return COLD_UNKNOWN;
	if (memcmp(now, then, sizeof(*now)) == 0)
		return COLD_NOT;
	but.disk_sequence = now->disk_sequence;
	if (memcmp(now, &but, sizeof(*now)) == 0)
		return COLD_OTHER_DEVICE;
	/* a filesystem that is mounted anew may have another device number */
	but = *then;
	but.mount_id = now->mount_id;
	but.device = now->device;
	return memcmp(now, &but, sizeof(*now)) == 0 ? COLD_OTHER_MOUNT : COLD_OTHER_FILE;
}

void session_owner(struct owner_disk *ret_owner)
{
	struct owner_disk owner = {.pid = le64_of((uint64_t)getpid()),
				   .since = le64_of((uint64_t)time(NULL))};

	if (gethostname(owner.host, sizeof(owner.host) - 1) < 0 || owner.host[0] == 0)
		strcpy(owner.host, "localhost");
	*ret_owner = owner;
}

/* The valid slot with the larger generation, read without a lock: false if its writer is at it just now. */
static bool read_owner(int descriptor, struct owner_disk *ret_owner)
{
	struct super_disk super;
	uint64_t best = 0;

	for (unsigned slot = 0; slot < 2; slot++) {
		if (pread(descriptor, &super, sizeof(super), slot * (off_t)BLOCK_SIZE) != sizeof(super))
			continue;
		if (memcmp(super.magic, SUPER_MAGIC, sizeof(super.magic)) != 0 ||
		    le64_get(super.checksum) != super_checksum(&super))
			continue;
		if (le64_get(super.generation) < best)
			continue;
		best = le64_get(super.generation);
		*ret_owner = super.owner;
	}
	return best > 0;
}

bool image_owner_at(const char *path, struct owner_disk *ret_owner)
{
	struct owner_disk owner;
	bool found = false;
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (descriptor < 0)
		return false;
	for (unsigned i = 0; i < OWNER_TRIES && !found; i++)
		found = read_owner(descriptor, &owner);
	close(descriptor);
	if (!found || owner.host[0] == 0 || !memchr(owner.host, 0, sizeof(owner.host)))
		return false;
	*ret_owner = owner;
	return true;
}
