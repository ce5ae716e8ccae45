#include "../suite.h"

#define LENGTH 100000

static void shrink_and_grow(off_t to, bool by_path)
{
	int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	context("%lld, %s", (long long)to, by_path ? "truncate" : "ftruncate");
	must(file);
	fill(file, 0, LENGTH, 'x');
	succeeds(by_path ? truncate("file", to) : ftruncate(file, to));
	equals(size_of("file"), to);
	check(filled(file, 0, to < LENGTH ? to : LENGTH, 'x'));
	check(filled(file, LENGTH, to, 0));
	/* What was cut off must not come back. */
	succeeds(by_path ? truncate("file", 2 * LENGTH) : ftruncate(file, 2 * LENGTH));
	equals(size_of("file"), 2 * LENGTH);
	check(filled(file, 0, to < LENGTH ? to : LENGTH, 'x'));
	check(filled(file, to < LENGTH ? to : LENGTH, 2 * LENGTH, 0));
	must(close(file));
}

RULE("shrinking and growing; what comes is zero")
{
	static const off_t sizes[] = {0,      1,      10,     511,    512,    4095,   4096,
				      4097,   8191,   8192,   50000,  65536,  65537,  99999,
				      100000, 100001, 110000, 131072, 150000, 199999, 200000};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		shrink_and_grow(sizes[i], false);
		shrink_and_grow(sizes[i], true);
	}
	context("%s", "");
	make(REGULAR, "sparse");
	succeeds(truncate("sparse", 1ll << 40));
	equals(size_of("sparse"), 1ll << 40);
	equals(blocks_of("sparse"), 0);
	int file = open("sparse", O_RDWR);
	must(file);
	check(filled(file, (1ll << 40) - 5000, 1ll << 40, 0));
	succeeds(truncate("sparse", 0));
	equals(size_of("sparse"), 0);
}
