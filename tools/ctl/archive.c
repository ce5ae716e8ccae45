/* See archive.h. */
#include "archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { EXIT_WRONG_USAGE = 2 };

bool archive_is_mount(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

void archive_wrong_usage(const char *command, const char *what)
{
	fprintf(stderr, PROGRAM ": %s: %s\nTry '" PROGRAM " --help'.\n", command, what);
	exit(EXIT_WRONG_USAGE);
}

int archive_options(int count, char **arguments, const char *letters, const struct option *names,
		    void (*take)(void *settings, int letter, const char *argument), void *settings)
{
	const char *command = arguments[0];
	static char program[] = PROGRAM;
	int letter;

	arguments[0] = program; /* what getopt's messages begin with */
	optind = 0;
	while ((letter = getopt_long(count, arguments, letters, names, NULL)) != -1) {
		if (letter == 'h')
			usage_print();
		if (letter == '?')
			archive_wrong_usage(command, "wrong option");
		take(settings, letter, optarg);
	}
	return optind;
}
