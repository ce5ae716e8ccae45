/* Calls on names and directories. */
#include "differ.h"

#include <dirent.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#define NAMES_ROOM ((size_t)1 << 17)

long call_link(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int flags = (int)step->numbers[0] & (AT_SYMLINK_FOLLOW | AT_EMPTY_PATH);

	(void)outcome;
	return linkat(at_of(worker, step->at), worker->path, at_of(worker, step->at2), worker->path2, flags);
}

long call_unlink(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return unlinkat(at_of(worker, step->at), worker->path, 0);
}

long call_rmdir(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return unlinkat(at_of(worker, step->at), worker->path, AT_REMOVEDIR);
}

/* As root, since a user may not see it. */
static bool is_directory(const struct worker *worker, int at, const char *path)
{
	struct stat status;

	worker_as_root(worker, true);
	int result = fstatat(at, path, &status, AT_SYMLINK_NOFOLLOW);
	worker_as_root(worker, false);
	return !result && S_ISDIR(status.st_mode);
}

long call_rename(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	unsigned flags = (unsigned)step->numbers[0];

	(void)outcome;
	if (flags & RENAME_WHITEOUT && is_directory(worker, at_of(worker, step->at2), worker->path2))
		return SKIPPED;
	return renameat2(at_of(worker, step->at), worker->path, at_of(worker, step->at2), worker->path2,
			 flags);
}

long call_mkdir(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return mkdirat(at_of(worker, step->at), worker->path, (mode_t)step->numbers[0]);
}

long call_mknod(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	/* Majors that no driver has. 0:0 is a whiteout. */
	static const unsigned devices[DEVICES][2] = {{0, 0}, {241, 7}, {247, 99999}, {4000, 1}};
	const unsigned *device = devices[(uint64_t)step->numbers[1] % DEVICES];

	(void)outcome;
	return mknodat(at_of(worker, step->at), worker->path, (mode_t)step->numbers[0],
		       makedev(device[0], device[1]));
}

long call_symlink(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)outcome;
	return symlinkat(step->path2, at_of(worker, step->at), worker->path);
}

long call_readlink(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	char target[256];
	ssize_t length = readlinkat(at_of(worker, step->at), worker->path, target, sizeof(target));

	if (length > 0)
		outcome->data = hash_bytes(1, target, (size_t)length);
	return length;
}

/* Names and types of all entries, in whatever order. Their count. */
static long list(int directory, struct outcome *outcome)
{
	static _Alignas(8) char entries[NAMES_ROOM];
	uint64_t hash = 0;
	long count = 0;
	ssize_t length;

	while ((length = getdents64(directory, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < length;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			hash +=
			    hash_number(hash_bytes(1, entry->d_name, strlen(entry->d_name)), entry->d_type);
			count++;
			at += entry->d_reclen;
		}
	}
	outcome->data = hash;
	return length < 0 ? -1 : count;
}

long call_getdents(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int directory = descriptor_of(worker, step->slot);

	if (worker->slots[step->slot].type == S_IFDIR && lseek(directory, 0, SEEK_SET) < 0)
		return -1;
	return list(directory, outcome);
}

long call_list(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int directory =
	    openat(at_of(worker, step->at), worker->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);

	if (directory < 0)
		return -1;
	long count = list(directory, outcome);
	int error = errno;
	close(directory);
	errno = error;
	return count;
}

long call_statfs(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct statfs status;

	(void)step;
	if (statfs(worker->path, &status))
		return -1;
	outcome->data = hash_number((uint64_t)status.f_bsize, (uint64_t)status.f_namelen);
	return status.f_bavail <= status.f_bfree && status.f_bfree <= status.f_blocks &&
	       status.f_ffree <= status.f_files;
}

long call_stat(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	struct stat status;
	int flags = (int)step->numbers[0] & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);

	if (fstatat(at_of(worker, step->at), worker->path, &status, flags))
		return -1;
	outcome->data = hash_number(hash_number(status.st_mode, status.st_uid), status.st_gid);
	return (long)status.st_nlink;
}
