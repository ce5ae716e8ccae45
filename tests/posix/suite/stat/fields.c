#include "../suite.h"

#include <sys/sysmacros.h>

RULE("what stat tells of each type; blocks; statx")
{
	struct stat here, status;

	must(stat(".", &here));
	for (enum type type = 0; type < TYPES; type++) {
		struct statx extended;
		make(type, "entry");
		context("%s", type_name(type));
		succeeds(lstat("entry", &status));
		check(status.st_dev == here.st_dev);
		check(status.st_ino != here.st_ino && status.st_ino != 0);
		equals(status.st_blksize, 4096);
		equals(status.st_mode & S_IFMT, type_mode(type));
		equals(status.st_nlink, type == DIRECTORY ? 2 : 1);
		succeeds(statx(AT_FDCWD, "entry", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &extended));
		check((extended.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
		check(extended.stx_ino == status.st_ino && extended.stx_mode == status.st_mode);
		check(extended.stx_size == (uint64_t)status.st_size);
		check(extended.stx_mtime.tv_nsec == (uint32_t)status.st_mtim.tv_nsec);
		remove_tree("entry");
	}
	context("blocks");
	int file = open("file", O_RDWR | O_CREAT, 0644);
	must(file);
	equals(blocks_of("file"), 0);
	must(ftruncate(file, 1 << 20));
	equals(blocks_of("file"), 0);
	fill(file, 0, 65536, 'x');
	must(fsync(file));
	equals(blocks_of("file"), 128);
	fill(file, 1 << 19, (1 << 19) + 1, 'x');
	must(fsync(file));
	equals(blocks_of("file"), 136);
	must(ftruncate(file, 4096));
	equals(blocks_of("file"), 8);
	must(ftruncate(file, 0));
	equals(blocks_of("file"), 0);
}
