/* fsck.mmfs: the command line, the order of the passes, the last line. */
#include "fsck.h"

#include "../common/open_image.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* As fsck(8) has them. */
enum { EXIT_CLEAN = 0, EXIT_ERRORS_LEFT = 4, EXIT_OPERATION = 8, EXIT_WRONG_USAGE = 16 };

struct settings {
	const char *path;
	unsigned verbose;
	bool preen;  /* what the next mount mends by itself is no failure */
	bool repair; /* asked for */
};

static const char usage_text[] =
    "Usage: fsck.mmfs [OPTION]... IMAGE\n"
    "Checks an mmfs image. Nothing in it is ever changed.\n"
    "\n"
    "  -n, --no-change      check only (what this version always does)\n"
    "  -p, --preen          check; what the next mount mends by itself is no failure\n"
    "  -y, --yes            asks for repairs, which this version cannot do: checks, and says so\n"
    "  -f, --force          accepted: clean images are always checked\n"
    "  -v, --verbose        say what is being checked\n"
    "  -h, --help           print this text\n"
    "  -V, --version        print the version\n"
    "\n"
    "Exit status: 0 no problems, 4 problems were found, 8 the image could not be checked, 16 wrong usage.\n";

static void take_option(struct settings *settings, int option)
{
	switch (option) {
	case 'n':
	case 'f':
		return;
	case 'p':
		settings->preen = true;
		return;
	case 'y':
		settings->repair = true;
		return;
	case 'v':
		settings->verbose++;
		return;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_CLEAN);
	case 'V':
		puts(PROGRAM " " MMFS_VERSION);
		exit(EXIT_CLEAN);
	default:
		fprintf(stderr, "Try '" PROGRAM " --help'.\n");
		exit(EXIT_WRONG_USAGE);
	}
}

static void parse_arguments(int count, char **arguments, struct settings *settings)
{
	static const struct option options[] = {
	    {"no-change", no_argument, NULL, 'n'}, {"preen", no_argument, NULL, 'p'},
	    {"yes", no_argument, NULL, 'y'},	   {"force", no_argument, NULL, 'f'},
	    {"verbose", no_argument, NULL, 'v'},   {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},   {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(count, arguments, "npyfvhV", options, NULL)) != -1)
		take_option(settings, option);
	if (count - optind != 1) {
		fprintf(stderr, PROGRAM ": give one image file\nTry '" PROGRAM " --help'.\n");
		exit(EXIT_WRONG_USAGE);
	}
	settings->path = arguments[optind];
}

static void run_passes(struct fsck *fsck)
{
	static const struct {
		const char *name;
		uint64_t (*check)(struct fsck *fsck);
	} passes[] = {
	    {"superblock and roots", super_check}, {"maps", maps_check},   {"trees and items", items_check},
	    {"names and links", names_check},	   {"space", space_check},
	};

	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]) && !fsck->out_of_memory; i++) {
		uint64_t found = passes[i].check(fsck);
		if (fsck->verbose)
			printf("%s: %s: %llu problems\n", fsck->path, passes[i].name,
			       (unsigned long long)found);
	}
}

static void say_result(const struct fsck *fsck, const struct settings *settings)
{
	problem_print_rest(fsck);
	if (fsck->incomplete)
		printf("%s: a part could not be read: what depends on it was not checked\n", fsck->path);
	if (!fsck->problems) {
		printf("%s: clean, %zu inodes, %llu data blocks\n", fsck->path, fsck->inode_count,
		       (unsigned long long)fsck->data_blocks);
		return;
	}
	printf("%s: %llu problem%s\n", fsck->path, (unsigned long long)fsck->problems,
	       fsck->problems == 1 ? "" : "s");
	if (settings->repair || settings->preen)
		printf("%s: this version cannot repair: copy what can be read out of a read-only mount\n",
		       fsck->path);
}

static int exit_status(const struct fsck *fsck, const struct settings *settings)
{
	uint64_t counted = fsck->problems;

	if (settings->preen && !fsck->incomplete)
		counted -= fsck->mended;
	return counted || fsck->incomplete ? EXIT_ERRORS_LEFT : EXIT_CLEAN;
}

static void release(struct fsck *fsck)
{
	free(fsck->maps);
	free(fsck->owned);
	free(fsck->inodes);
	free(fsck->orphans.numbers);
	free(fsck->intents.numbers);
	free(fsck->values_wanted.notes);
	free(fsck->values_found.notes);
}

static int check_image(const struct settings *settings, struct store *store, struct image *image)
{
	struct fsck fsck = {.path = settings->path,
			    .verbose = settings->verbose,
			    .store = store,
			    .image = image,
			    .super = image_super(image),
			    .zone_first = image_zone_first(image),
			    .size_blocks = image_size_blocks(image)};
	int status;

	image_read_lock(image);
	run_passes(&fsck);
	image_read_unlock(image);
	if (fsck.out_of_memory) {
		fprintf(stderr, PROGRAM ": %s: not enough memory to check it\n", settings->path);
		status = EXIT_OPERATION;
	} else if (image_failure(image)) {
		fprintf(stderr, PROGRAM ": %s: cannot be read: %s\n", settings->path,
			strerror(abs(image_failure(image))));
		status = EXIT_OPERATION;
	} else {
		say_result(&fsck, settings);
		status = exit_status(&fsck, settings);
	}
	release(&fsck);
	return status;
}

int main(int count, char **arguments)
{
	struct settings settings = {0};
	struct open_image_options options = {.read_only = true, .quiet = true, .image.no_syncer = true};
	struct store *store;
	struct image *image;

	parse_arguments(count, arguments, &settings);
	if (open_store(PROGRAM, settings.path, &options, &store, NULL))
		return EXIT_OPERATION;
	int detected = image_detect(store);
	if (detected <= 0) {
		fprintf(stderr, PROGRAM ": %s: not an mmfs image\n", settings.path);
		store_close(store);
		return EXIT_OPERATION;
	}
	int error = open_image_in(PROGRAM, settings.path, store, &options, &image);
	if (error) {
		if (error != -EUCLEAN)
			return EXIT_OPERATION;
		printf("%s: 1 problem: it cannot be opened\n", settings.path);
		return EXIT_ERRORS_LEFT;
	}
	int status = check_image(&settings, store, image);
	image_close(image);
	return status;
}
