/* Calls on modes, owners, times, extended attributes and locks. */
#include "differ.h"

#include <linux/capability.h>
#include <linux/xattr.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#define XATTR_ROOM ((size_t)1 << 17)

static unsigned char value[XATTR_ROOM];

/* ---- modes, owners, times ---- */

/* What set-id bits are there? As root, since a user may not see. */
static mode_t set_id_bits(const struct worker *worker, int at, const char *path, int flags, uid_t *ret_uid)
{
	struct stat status;

	worker_as_root(worker, true);
	int result = fstatat(at, path, &status, flags);
	worker_as_root(worker, false);
	if (result || S_ISDIR(status.st_mode))
		return 0;
	*ret_uid = status.st_uid;
	return status.st_mode & (S_ISUID | S_ISGID);
}

static bool has_capability(const struct worker *worker, int slot)
{
	worker_as_root(worker, true);
	ssize_t length = slot >= 0 ? fgetxattr(descriptor_of(worker, slot), XATTR_NAME_CAPS, NULL, 0)
				   : getxattr(worker->path, XATTR_NAME_CAPS, NULL, 0);
	worker_as_root(worker, false);
	return length >= 0;
}

/* By somebody else, of nothing, where bits could go: see differences.c. */
static bool chown_of_nothing(const struct worker *worker, int at, const char *path, int flags,
			     const struct step *step)
{
	uid_t own = users[worker->index].uid, owner = own;

	return step->numbers[0] == -1 && step->numbers[1] == -1 && own != 0 &&
	       set_id_bits(worker, at, path, flags, &owner) && owner != own;
}

long call_chmod(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int flags = (int)step->numbers[1] & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);

	(void)outcome;
	if (step->numbers[0] & (S_ISUID | S_ISGID) && (step->at >= 0 || has_capability(worker, -1)))
		return SKIPPED;
	return syscall(__NR_fchmodat2, at_of(worker, step->at), worker->path, (mode_t)step->numbers[0],
		       flags);
}

long call_fchmod(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	if (step->numbers[0] & (S_ISUID | S_ISGID) && has_capability(worker, step->slot))
		return SKIPPED;
	return fchmod(descriptor_of(worker, step->slot), (mode_t)step->numbers[0]);
}

long call_chown(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int flags = (int)step->numbers[2] & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);

	(void)outcome;
	if (chown_of_nothing(worker, at_of(worker, step->at), worker->path, flags, step))
		return SKIPPED;
	return fchownat(at_of(worker, step->at), worker->path, (uid_t)step->numbers[0],
			(gid_t)step->numbers[1], flags);
}

long call_fchown(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	if (chown_of_nothing(worker, descriptor_of(worker, step->slot), "", AT_EMPTY_PATH, step))
		return SKIPPED;
	return fchown(descriptor_of(worker, step->slot), (uid_t)step->numbers[0], (gid_t)step->numbers[1]);
}

/* Far from now, so that they are told from the clock's. */
static struct timespec time_of(int64_t index)
{
	static const struct timespec times[TIMES] = {{0, UTIME_NOW},   {0, UTIME_OMIT},		{0, 0},
						     {1, 999999999},   {1000000000, 123456789}, {-1000000, 1},
						     {4294967296, 17}, {0, 1000000000}};

	return times[(uint64_t)index % TIMES];
}

long call_utimensat(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct timespec times[2] = {time_of(step->numbers[0]), time_of(step->numbers[1])};
	int flags = (int)step->numbers[2] & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);

	(void)outcome;
	return utimensat(at_of(worker, step->at), worker->path, times, flags);
}

long call_futimens(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct timespec times[2] = {time_of(step->numbers[0]), time_of(step->numbers[1])};

	(void)outcome;
	return futimens(descriptor_of(worker, step->slot), times);
}

/* The system call itself: the C library answers AT_EACCESS by itself for some. */
long call_access(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int flags = (int)step->numbers[1] & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS);

	(void)outcome;
	return syscall(SYS_faccessat2, at_of(worker, step->at), worker->path, (int)step->numbers[0], flags);
}

/* ---- extended attributes ---- */

const char *const xattr_names[XATTR_NAMES] = {"user.a",
					      "user.b",
					      "trusted.a",
					      "security.a",
					      "security.capability",
					      "system.posix_acl_access",
					      "system.posix_acl_default",
					      "user.",
					      "nowhere.a"};

static const char *name_of(int64_t index)
{
	return xattr_names[(uint64_t)index % XATTR_NAMES];
}

/* An access list for a user and a group; `seed` gives permissions. Its length. */
static size_t make_acl(uint64_t seed)
{
	static const struct {
		uint16_t tag;
		uint32_t id;
	} entries[] = {{1, UINT32_MAX}, {2, 1001},	  {4, UINT32_MAX},
		       {8, 1005},	{16, UINT32_MAX}, {32, UINT32_MAX}};
	size_t length = 4;

	memcpy(value, &(uint32_t){2}, 4);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		uint16_t permissions = (seed >> (3 * i)) & 7;
		/* the mask and the group keep the right to execute: differences.c, set-group-ID */
		if (entries[i].tag == 4 || entries[i].tag == 16)
			permissions |= 1;
		memcpy(value + length, &entries[i].tag, 2);
		memcpy(value + length + 2, &permissions, 2);
		memcpy(value + length + 4, &entries[i].id, 4);
		length += 8;
	}
	return length;
}

/* A value of the form that the kernel wants for this name. */
static size_t make_value(const char *name, int64_t size, int64_t seed)
{
	if (!strncmp(name, "system.posix_acl", 16))
		return size % 7 == 0 ? 4 : make_acl((uint64_t)seed);
	if (!strcmp(name, "security.capability")) {
		struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2,
					    .data[0].permitted = (uint32_t)seed & 0xff};
		memcpy(value, &data, sizeof(data));
		return XATTR_CAPS_SZ_2;
	}
	size_t length = (size_t)size % XATTR_ROOM;
	fill_pattern((uint64_t)seed, value, length);
	return length;
}

/* Has it this value? ext4 does not count such a call as a change. */
static bool already(struct worker *worker, const struct step *step, const char *name, size_t length)
{
	static unsigned char present[XATTR_ROOM];
	bool of_slot = step->slot >= 0, itself = step->numbers[4] & AT_SYMLINK_NOFOLLOW;
	ssize_t got;

	worker_as_root(worker, true);
	if (of_slot)
		got = fgetxattr(descriptor_of(worker, step->slot), name, present, sizeof(present));
	else
		got = (itself ? lgetxattr : getxattr)(worker->path, name, present, sizeof(present));
	worker_as_root(worker, false);
	return got >= 0 && (size_t)got == length && !memcmp(present, value, length);
}

/* A capability for a file with set-id bits: see differences.c. */
static bool unfit(const struct worker *worker, const struct step *step, const char *name)
{
	bool of_slot = step->slot >= 0;
	uid_t owner;

	return !strcmp(name, XATTR_NAME_CAPS) &&
	       set_id_bits(worker, of_slot ? descriptor_of(worker, step->slot) : AT_FDCWD,
			   of_slot ? "" : worker->path, of_slot ? AT_EMPTY_PATH : 0, &owner);
}

static int link_itself(int64_t flags)
{
	return flags & AT_SYMLINK_NOFOLLOW ? 1 : 0;
}

long call_setxattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const char *name = name_of(step->numbers[0]);
	size_t length = make_value(name, step->numbers[1], step->numbers[2]);
	int flags = (int)step->numbers[3];

	(void)outcome;
	if (unfit(worker, step, name) || already(worker, step, name, length))
		return SKIPPED;
	return (link_itself(step->numbers[4]) ? lsetxattr : setxattr)(worker->path, name, value, length,
								      flags);
}

long call_fsetxattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const char *name = name_of(step->numbers[0]);
	size_t length = make_value(name, step->numbers[1], step->numbers[2]);

	(void)outcome;
	if (unfit(worker, step, name) || already(worker, step, name, length))
		return SKIPPED;
	return fsetxattr(descriptor_of(worker, step->slot), name, value, length, (int)step->numbers[3]);
}

static long seen(struct outcome *outcome, ssize_t length, int64_t room)
{
	if (length > 0 && room > 0)
		outcome->data = hash_bytes(1, value, (size_t)length);
	return length;
}

long call_getxattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t room = (size_t)step->numbers[1] % XATTR_ROOM;

	return seen(outcome,
		    (link_itself(step->numbers[2]) ? lgetxattr : getxattr)(
			worker->path, name_of(step->numbers[0]), value, room),
		    (int64_t)room);
}

long call_fgetxattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t room = (size_t)step->numbers[1] % XATTR_ROOM;

	return seen(outcome,
		    fgetxattr(descriptor_of(worker, step->slot), name_of(step->numbers[0]), value, room),
		    (int64_t)room);
}

/* Names in whatever order. */
static long names_seen(struct outcome *outcome, ssize_t length, size_t room)
{
	if (length <= 0 || !room)
		return length;
	for (const char *name = (char *)value; name < (char *)value + length; name += strlen(name) + 1)
		outcome->data += hash_bytes(1, name, strlen(name));
	return length;
}

long call_listxattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t room = (size_t)step->numbers[0] % XATTR_ROOM;
	ssize_t length =
	    (link_itself(step->numbers[1]) ? llistxattr : listxattr)(worker->path, (char *)value, room);

	return names_seen(outcome, length, room);
}

long call_flistxattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	size_t room = (size_t)step->numbers[0] % XATTR_ROOM;

	return names_seen(outcome, flistxattr(descriptor_of(worker, step->slot), (char *)value, room), room);
}

long call_removexattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	const char *name = name_of(step->numbers[0]);

	(void)outcome;
	return (link_itself(step->numbers[1]) ? lremovexattr : removexattr)(worker->path, name);
}

long call_fremovexattr(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return fremovexattr(descriptor_of(worker, step->slot), name_of(step->numbers[0]));
}

/* ---- locks ---- */

long call_flock(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return flock(descriptor_of(worker, step->slot), (int)step->numbers[0] | LOCK_NB);
}

static struct flock lock_of(const struct step *step)
{
	return (struct flock){.l_type = (short)step->numbers[0],
			      .l_whence = SEEK_SET,
			      .l_start = step->numbers[1],
			      .l_len = step->numbers[2]};
}

/* Which worker has this process id? */
static uint64_t holder(const struct worker *worker, pid_t pid)
{
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (worker->shared->pids[worker->side][i] == pid)
			return i;
	}
	return (uint64_t)(pid == -1 ? PROCESSES : PROCESSES + 1);
}

static long set_lock(struct worker *worker, const struct step *step, int command)
{
	struct flock lock = lock_of(step);

	return fcntl(descriptor_of(worker, step->slot), command, &lock);
}

static long get_lock(struct worker *worker, const struct step *step, int command, struct outcome *outcome)
{
	struct flock lock = lock_of(step);

	if (fcntl(descriptor_of(worker, step->slot), command, &lock))
		return -1;
	if (lock.l_type != F_UNLCK) {
		outcome->data = hash_number(holder(worker, lock.l_pid), (uint64_t)lock.l_start);
		outcome->data = hash_number(outcome->data, (uint64_t)lock.l_len);
	}
	return lock.l_type;
}

long call_lock(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return set_lock(worker, step, F_SETLK);
}

long call_getlock(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	return get_lock(worker, step, F_GETLK, outcome);
}

long call_ofd_lock(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return set_lock(worker, step, F_OFD_SETLK);
}

long call_ofd_getlock(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	return get_lock(worker, step, F_OFD_GETLK, outcome);
}
