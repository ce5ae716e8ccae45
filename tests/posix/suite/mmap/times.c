#include "../suite.h"

#include <sys/mman.h>

RULE("a store through a shared mapping moves mtime and ctime by msync; set-id bits of others' files go")
{
	make_file("file", 0666, 0, 0, "contents");
	int file = open("file", O_RDWR);
	must(file);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	must(map == MAP_FAILED ? -1 : 0);
	watch("file", MTIME | CTIME);
	timed({
		map[0] = 'C';
		succeeds(msync(map, 4096, MS_SYNC));
	});
	check(holds_text("file", "Contents"));
	watch("file", 0);
	timed(check(map[0] == 'C'));
	watch("file", MTIME | CTIME);
	timed({
		map[1] = 'O';
		succeeds(msync(map, 4096, MS_SYNC));
	});
	check(holds_text("file", "COntents"));
}
