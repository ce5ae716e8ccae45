#include "../suite.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

RULE("writev, pwritev, readv, sendfile, splice")
{
	char one[] = "one", two[] = "twoo", three[] = "three", a[5] = "", b[10] = "";
	struct iovec out[] = {{one, 3}, {two, 4}, {NULL, 0}, {three, 5}}, in[] = {{a, 5}, {b, 10}};
	int file = open("file", O_RDWR | O_CREAT, 0644), copy = open("copy", O_RDWR | O_CREAT, 0644);
	int ends[2];

	must(file);
	must(copy);
	must(pipe(ends));
	equals(writev(file, out, 4), 12);
	check(holds_text("file", "onetwoothree"));
	equals(pwritev(file, out, 2, 20), 7);
	equals(size_of("file"), 27);
	equals(lseek(file, 0, SEEK_CUR), 12);
	equals(preadv(file, in, 2, 0), 15);
	check(memcmp(a, "onetw", 5) == 0 && memcmp(b, "oothree\0\0\0", 10) == 0);
	equals(writev(file, out, 0), 0);
	fails(pwritev(file, out, 1, -5), EINVAL);
	off_t at = 3;
	equals(sendfile(copy, file, &at, 4), 4);
	check(holds_text("copy", "twoo"));
	equals(at, 7);
	loff_t from = 0;
	equals(splice(file, &from, ends[1], NULL, 12, 0), 12);
	loff_t to = 4;
	equals(splice(ends[0], NULL, copy, &to, 12, 0), 12);
	check(holds_text("copy", "twooonetwoothree"));
	equals(pwritev2(copy, out, 1, -1, RWF_APPEND), 3);
	check(holds_text("copy", "twooonetwoothreeone"));
}
