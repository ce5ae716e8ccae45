#include "../suite.h"

#include <sys/statvfs.h>

#define LENGTH (8 << 20)

/* What was unlinked a moment ago may be freed a little later: looks until the number has come to rest. */
static void rest(struct statvfs *ret_space)
{
	unsigned long before = 0;

	for (int i = 0, same = 0; i < 200 && same < 5; i++) {
		must(statvfs(".", ret_space));
		same = ret_space->f_bfree == before ? same + 1 : 0;
		before = ret_space->f_bfree;
		usleep(10000);
	}
}

/* Does a file of 8 MiB show in the numbers? Others may use space while we look. */
static bool follows(void)
{
	struct statvfs before, after;
	int file = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);

	must(file);
	must(syncfs(file));
	rest(&before);
	fill(file, 0, LENGTH, 'x');
	must(fsync(file));
	must(fstatvfs(file, &after));
	must(close(file));
	must(unlink("file"));
	unsigned long used = before.f_bfree - after.f_bfree;
	return after.f_bfree < before.f_bfree && used >= LENGTH / 4096 && used < 2 * LENGTH / 4096;
}

RULE("statvfs: sane numbers that follow what is used")
{
	struct statvfs space, again;
	bool right = false;

	succeeds(statvfs(".", &space));
	equals(space.f_bsize, 4096);
	equals(space.f_frsize, 4096);
	equals(space.f_namemax, 255);
	check(space.f_blocks > 0);
	check(space.f_bfree <= space.f_blocks);
	check(space.f_bavail <= space.f_bfree);
	check(space.f_ffree <= space.f_files);
	check(!(space.f_flag & ST_RDONLY));
	for (int i = 0; i < 10 && !right; i++)
		right = follows();
	check(right);
	make(REGULAR, "other");
	succeeds(statvfs("other", &again));
	check(again.f_fsid == space.f_fsid);
}
