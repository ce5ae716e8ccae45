/*
 * mkfs.mmfs: makes an image. What a file held before is only ever given up when the user says --force.
 */
#include "mkfs.h"

#include "../common/files.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

static const char usage_text[] =
    "Usage: mkfs.mmfs [OPTION]... IMAGE\n"
    "Makes an mmfs image: a filesystem in one file, which grows by itself.\n"
    "\n"
    "  -s, --size=LIMIT     largest size the image may grow to\n"
    "                       (default: as far as the host has room)\n"
    "  -J, --journal=SIZE   size of the journal\n"
    "                       (default: 16M, less where the host is nearly full)\n"
    "  -L, --label=LABEL    a name for the image, at most 63 bytes\n"
    "  -U, --uuid=UUID      its UUID (default: random)\n"
    "  -d, --from=SOURCE    puts at the root what is in SOURCE: a directory, a tar\n"
    "                       or another archive, or - for one on standard input\n"
    "  -F, --force          give up what the file holds\n"
    "  -q, --quiet          print nothing when all went well\n"
    "  -h, --help           print this text\n"
    "  -V, --version        print the version\n"
    "\n"
    "Sizes are bytes, or have a unit: K, M, G, T, P (powers of 1024).\n"
    "Exit status: 0 the image was made, 1 it was not, 2 wrong usage.\n";

/* ---- the command line ---- */

static int parse_uuid(const char *text, uint8_t *uuid)
{
	unsigned digits = 0;

	for (const char *at = text; *at; at++) {
		unsigned digit;
		if (*at == '-' && (digits == 8 || digits == 12 || digits == 16 || digits == 20) &&
		    at[-1] != '-')
			continue;
		if (*at >= '0' && *at <= '9')
			digit = (unsigned)(*at - '0');
		else if ((*at | 32) >= 'a' && (*at | 32) <= 'f')
			digit = (unsigned)((*at | 32) - 'a' + 10);
		else
			return -EINVAL;
		if (digits == 32)
			return -EINVAL;
		uuid[digits / 2] = (uint8_t)(digits % 2 ? uuid[digits / 2] | digit : digit << 4);
		digits++;
	}
	return digits == 32 ? 0 : -EINVAL;
}

static void size_option(const char *option, const char *text, uint64_t *ret_bytes)
{
	if (!parse_size(text, ret_bytes) && *ret_bytes)
		return;
	fprintf(stderr, PROGRAM ": --%s: '%s' is not a size; give bytes, or a number with K, M, G, T or P\n",
		option, text);
	exit(EXIT_USAGE);
}

static void take_option(struct settings *settings, int option, const char *value)
{
	switch (option) {
	case 's':
		size_option("size", value, &settings->make.limit_bytes);
		return;
	case 'J':
		size_option("journal", value, &settings->make.journal_bytes);
		return;
	case 'L':
		if (strlen(value) > 63) {
			fprintf(stderr, PROGRAM ": --label: longer than 63 bytes; give a shorter one\n");
			exit(EXIT_USAGE);
		}
		settings->make.label = value;
		return;
	case 'U':
		if (parse_uuid(value, settings->uuid)) {
			fprintf(stderr, PROGRAM ": --uuid: '%s' is not a UUID; give 32 hex digits\n", value);
			exit(EXIT_USAGE);
		}
		settings->make.uuid = settings->uuid;
		return;
	case 'd':
		settings->from = value;
		return;
	case 'F':
		settings->force = true;
		return;
	case 'q':
		settings->quiet = true;
		return;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_OK);
	case 'V':
		puts(PROGRAM " " MMFS_VERSION);
		exit(EXIT_OK);
	default:
		fprintf(stderr, "Try '" PROGRAM " --help'.\n");
		exit(EXIT_USAGE);
	}
}

static void parse_arguments(int count, char **arguments, struct settings *settings)
{
	static const struct option options[] = {
	    {"size", required_argument, NULL, 's'},  {"journal", required_argument, NULL, 'J'},
	    {"label", required_argument, NULL, 'L'}, {"uuid", required_argument, NULL, 'U'},
	    {"from", required_argument, NULL, 'd'},  {"force", no_argument, NULL, 'F'},
	    {"quiet", no_argument, NULL, 'q'},	     {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},     {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(count, arguments, "s:J:L:U:d:FqhV", options, NULL)) != -1)
		take_option(settings, option, optarg);
	if (count - optind != 1) {
		fprintf(stderr, PROGRAM ": give one image file\nTry '" PROGRAM " --help'.\n");
		exit(EXIT_USAGE);
	}
	settings->path = arguments[optind];
}

int main(int count, char **arguments)
{
	struct settings settings = {0};

	parse_arguments(count, arguments, &settings);
	files_catch_signals();
	return make_all(&settings) ? EXIT_ERROR : EXIT_OK;
}
