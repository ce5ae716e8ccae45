/* fsck.mmfs: the command line. */
#include "fsck.h"

#include "../common/progress.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] =
    "Usage: fsck.mmfs [OPTION]... IMAGE\n"
    "Checks an mmfs image that is not mounted, and repairs it.\n"
    "\n"
    "  -n, --no-change      check only: the image is not written to\n"
    "  -p, --preen          repair what loses nothing, without asking; leave\n"
    "                       everything if there is more. An image that was\n"
    "                       unmounted is not checked\n"
    "  -y, --yes            repair everything, without asking\n"
    "  -f, --force          with -p: check also an image that was unmounted\n"
    "  -v, --verbose        say what is being done\n"
    "  -h, --help           print this text\n"
    "  -V, --version        print the version\n"
    "\n"
    "Without -n, -p or -y it asks on the terminal, once for each kind of problem;\n"
    "without a terminal it only checks.\n"
    "\n"
    "Exit status: 0 no problems, 1 problems were found and repaired, 4 problems are\n"
    "left, 8 the image could not be checked or repaired, 16 wrong usage.\n";

static _Noreturn void wrong_usage(const char *why)
{
	fprintf(stderr, "%sTry '" PROGRAM " --help'.\n", why);
	exit(EXIT_WRONG_USAGE);
}

static void take_mode(struct session *session, enum mode mode, bool *given)
{
	if (*given && session->mode != mode)
		wrong_usage(PROGRAM ": only one of -n, -p and -y may be given\n");
	session->mode = mode;
	*given = true;
}

static void parse_arguments(int count, char **arguments, struct session *session)
{
	static const struct option options[] = {
	    {"no-change", no_argument, NULL, 'n'}, {"preen", no_argument, NULL, 'p'},
	    {"yes", no_argument, NULL, 'y'},	   {"force", no_argument, NULL, 'f'},
	    {"verbose", no_argument, NULL, 'v'},   {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},   {NULL, 0, NULL, 0},
	};
	bool given = false;
	int option;

	while ((option = getopt_long(count, arguments, "npyfvhV", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			take_mode(session, MODE_CHECK, &given);
			break;
		case 'p':
			take_mode(session, MODE_PREEN, &given);
			break;
		case 'y':
			take_mode(session, MODE_YES, &given);
			break;
		case 'f':
			session->force = true;
			break;
		case 'v':
			session->verbose++;
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(EXIT_CLEAN);
		case 'V':
			puts(PROGRAM " " MMFS_VERSION);
			exit(EXIT_CLEAN);
		default:
			wrong_usage("");
		}
	}
	if (count - optind != 1)
		wrong_usage(PROGRAM ": give one image file\n");
	session->path = arguments[optind];
	session->no_terminal = !given && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
	if (!given)
		session->mode = session->no_terminal ? MODE_CHECK : MODE_ASK;
}

/* Was it unmounted, as far as both superblock slots tell? Then -p has nothing to do. */
static bool looks_clean(struct session *session)
{
	struct store_file_options options = {.mode = STORE_READ_ONLY};
	struct super_disk slots[2];
	struct store *store;
	bool clean = false;

	if (store_file_open(session->path, &options, &store))
		return false; /* said by the check */
	if (store_size(store) >= sizeof(slots)) {
		memcpy(slots, store_at(store, 0), sizeof(slots));
		clean = super_slot_clean(&slots[0], &slots[1]);
	}
	store_close(store);
	return clean;
}

int main(int count, char **arguments)
{
	struct session session = {0};

	parse_arguments(count, arguments, &session);
	if (session.mode == MODE_PREEN && !session.force && looks_clean(&session)) {
		printf("%s: was unmounted, not checked\n", session.path);
		return EXIT_CLEAN;
	}
	progress_start(PROGRAM, "checking");
	int status = session_run(&session);
	progress_end();
	return status;
}
