#include "../suite.h"

RULE("targets of any length up to PATH_MAX - 1, whatever they name")
{
	static const size_t lengths[] = {1,    2,    59,   60,	 61,   100,  255, 256,
					 1000, 2047, 2048, 3000, 4000, 4094, 4095};
	char target[4096];

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		const char *long_name = name_of_length(lengths[i]);
		context("%zu", lengths[i]);
		succeeds(symlink(long_name, "link"));
		equals(size_of("link"), lengths[i]);
		memset(target, 'X', sizeof(target));
		equals(readlink("link", target, sizeof(target)), lengths[i]);
		check(memcmp(target, long_name, lengths[i]) == 0);
		check(lengths[i] > 4095 || target[lengths[i]] == 'X' || lengths[i] == sizeof(target));
		must(unlink("link"));
	}
	context("%s", "");
	fails(symlink(name_of_length(4096), "link"), ENAMETOOLONG);
	fails(symlink("", "link"), ENOENT);
	check(!exists("link"));
	succeeds(symlink("link", "link"));
	fails(open("link", O_RDONLY), ELOOP);
	must(unlink("link"));
	succeeds(symlink("///.//..//", "link"));
	equals(readlink("link", target, sizeof(target)), 10);
}
