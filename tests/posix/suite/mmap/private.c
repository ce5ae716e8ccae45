#include "../suite.h"

#include <signal.h>
#include <sys/mman.h>

static char *map;

static int touch_behind_end(void *page)
{
	return map[*(int *)page * 4096];
}

RULE("a private mapping keeps its stores; pages behind the end raise SIGBUS; the last page ends in zeros")
{
	int page = 0;

	make_file("file", 0644, 0, 0, "contents");
	int file = open("file", O_RDWR);
	must(file);
	map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	must(map == MAP_FAILED ? -1 : 0);
	check(memcmp(map, "contents\0\0\0\0", 12) == 0);
	check(map[4095] == 0);
	equals(in_child(touch_behind_end, &page), 'c');
	page = 1;
	equals(in_child(touch_behind_end, &page), 256 + SIGBUS);
	memcpy(map, "private!", 8);
	check(holds_text("file", "contents"));
	must(munmap(map, 3 * 4096));
	map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	must(map == MAP_FAILED ? -1 : 0);
	equals(in_child(touch_behind_end, &page), 256 + SIGBUS);
	/* What is stored behind the end within the page is no part of the file. */
	memcpy(map + 8, "behind", 6);
	equals(size_of("file"), 8);
	check(holds_text("file", "contents"));
	must(msync(map, 4096, MS_SYNC));
	must(ftruncate(file, 2 * 4096));
	check(filled(file, 8, 2 * 4096, 0));
	page = 1;
	equals(in_child(touch_behind_end, &page), 0);
	/* The mapping keeps an unlinked file alive. */
	must(close(file));
	must(unlink("file"));
	check(memcmp(map, "contents", 8) == 0);
	memcpy(map, "CONTENTS", 8);
	succeeds(msync(map, 4096, MS_SYNC));
	check(memcmp(map, "CONTENTS", 8) == 0);
}
