#include "../suite.h"

#include <time.h>

static bool no_later(struct statx_timestamp first, struct statx_timestamp second)
{
	return first.tv_sec < second.tv_sec ||
	       (first.tv_sec == second.tv_sec && first.tv_nsec <= second.tv_nsec);
}

static struct statx born(const char *path)
{
	struct statx status;

	must(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &status));
	return status;
}

static bool same_birth(const struct statx *first, const struct statx *second)
{
	return no_later(first->stx_btime, second->stx_btime) && no_later(second->stx_btime, first->stx_btime);
}

/* The other fields must be what stat says, which asks another way. */
static void agrees(const char *path, const struct statx *seen)
{
	struct stat status;

	must(lstat(path, &status));
	equals(seen->stx_mode, status.st_mode);
	equals(seen->stx_nlink, status.st_nlink);
	equals(seen->stx_uid, status.st_uid);
	equals(seen->stx_gid, status.st_gid);
	equals(seen->stx_ino, status.st_ino);
	equals(seen->stx_size, status.st_size);
	equals(seen->stx_blocks, status.st_blocks);
	check(seen->stx_rdev_major == status.st_rdev / 256 && seen->stx_rdev_minor == status.st_rdev % 256);
	check(seen->stx_atime.tv_sec == status.st_atim.tv_sec &&
	      seen->stx_atime.tv_nsec == status.st_atim.tv_nsec);
	check(seen->stx_mtime.tv_sec == status.st_mtim.tv_sec &&
	      seen->stx_mtime.tv_nsec == status.st_mtim.tv_nsec);
	check(seen->stx_ctime.tv_sec == status.st_ctim.tv_sec &&
	      seen->stx_ctime.tv_nsec == status.st_ctim.tv_nsec);
}

RULE("statx tells the time of birth, which nothing moves")
{
	static const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		struct statx at_first = born("file");
		check(at_first.stx_mask & STATX_BTIME);
		check((at_first.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
		check(no_later(at_first.stx_btime, at_first.stx_ctime));
		agrees("file", &at_first);
		tick();
		must(utimensat(AT_FDCWD, "file", long_ago, AT_SYMLINK_NOFOLLOW));
		must(lchown("file", OTHER_USER, GROUP));
		must(rename("file", "renamed"));
		struct statx later = born("renamed");
		check(same_birth(&at_first, &later));
		equals(later.stx_mtime.tv_sec, 1000000000);
		equals(later.stx_uid, OTHER_USER);
		agrees("renamed", &later);
		remove_tree("renamed");
		tick();
		make(type, "file");
		later = born("file");
		check(!no_later(later.stx_btime, at_first.stx_btime));
		remove_tree("file");
	}
	context("written");
	make_file("file", 0644, 0, 0, "text");
	struct statx at_first = born("file");
	tick();
	int file = open("file", O_WRONLY);
	must(file);
	fill(file, 0, 10000, 'x');
	must(close(file));
	struct statx later = born("file");
	check(same_birth(&at_first, &later));
	equals(later.stx_size, 10000);
	check(!no_later(later.stx_mtime, at_first.stx_mtime));
	agrees("file", &later);
	fails(statx(AT_FDCWD, "none", 0, STATX_BTIME, &later), ENOENT);
	fails(statx(AT_FDCWD, "file", 0, STATX__RESERVED, &later), EINVAL);
}
