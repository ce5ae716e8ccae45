/* mmfsctl: commands and their arguments. */
#include "admin.h"
#include "archive.h"
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_WRONG_USAGE = 2 };

static const char usage_text[] =
    "Usage: mmfsctl COMMAND [OPTION]... IMAGE|MOUNTPOINT [ARGUMENT]...\n"
    "Works on an mmfs image, mounted or not, and on the files in it. An image that\n"
    "is mounted is reached through its mount, whichever of the two IMAGE names.\n"
    "\n"
    "Files:\n"
    "  df IMAGE                 how much room there is\n"
    "  ls IMAGE [PATH]...       lists files and directories, as ls(1)\n"
    "  tree IMAGE [PATH]...     names as a drawing\n"
    "  cat IMAGE PATH...        contents of files\n"
    "  get IMAGE PATH... DEST   copies files and directories out of the image\n"
    "  put IMAGE SOURCE... PATH copies files and directories into it\n"
    "  import IMAGE SOURCE [PATH]  what is in an archive or a directory;\n"
    "                           SOURCE - is standard input\n"
    "  export IMAGE [FILE [PATH]...]  a tar of it; FILE - is standard output\n"
    "  rm IMAGE PATH...         removes files\n"
    "  mkdir IMAGE PATH...      makes directories\n"
    "\n"
    "The image as a whole:\n"
    "  info IMAGE               what it is, its size, its state\n"
    "  label IMAGE [NEW]        shows or changes its label\n"
    "  sync IMAGE               makes everything durable\n"
    "  trim IMAGE               gives free space back to the host\n"
    "  compact IMAGE            moves its end to free space, and cuts it\n"
    "  grow IMAGE               takes in a device that was enlarged\n"
    "  backup IMAGE FILE        a copy of it, as it is at one moment, in a new file\n"
    "  limit IMAGE [SIZE|none]  shows or changes the largest size\n"
    "\n"
    "A mount:\n"
    "  status IMAGE             version, process, uptime, restarts, last error\n"
    "  stats IMAGE              requests by type, what the image did, memory\n"
    "  upgrade IMAGE            lets the mmfs that is installed now serve it\n"
    "\n"
    "Inside an image that is not mounted:\n"
    "  dump IMAGE [WHAT]        a structure of the format as text; WHAT is one of\n"
    "       super               both superblock slots\n"
    "       roots               the roots of the trees and the counters\n"
    "       ring                the records in the journal\n"
    "       tree                every item of the tree of files\n"
    "       node BLOCK          one tree node\n"
    "       inode NUMBER        every item of one inode\n"
    "       map ZONE            which blocks of a zone are in use\n"
    "       block BLOCK         the bytes of any block\n"
    "                           (nothing: super, roots and ring)\n"
    "\n"
    "Options:\n"
    "  -a, --all            ls, tree: names that begin with a dot, too\n"
    "  -l, --long           ls: mode, links, owner, size, time\n"
    "  -R, --recursive      ls: what is in directories, too\n"
    "  -r, --recursive      rm: directories and what is in them\n"
    "  -f, --force          rm: what does not exist is no error; backup: replaces\n"
    "  -p, --parents        mkdir: the directories above, too; one that exists is no\n"
    "                       error\n"
    "  -z, --gzip           export: compresses; by default the end of FILE's name\n"
    "                       tells\n"
    "  -j, --bzip2          the same\n"
    "  -J, --xz             the same\n"
    "      --zstd           the same\n"
    "      --lz4            the same\n"
    "      --strip-components=N  import: takes N leading names off each path\n"
    "      --json           as JSON: df, ls, info to limit (but sync), status, stats\n"
    "      --prometheus     stats: for a Prometheus collector\n"
    "  -h, --help           print this text\n"
    "  -V, --version        print the version\n"
    "\n"
    "Exit status: 0 all was done, 1 something was not, 2 wrong usage.\n";

static enum output output = OUTPUT_TEXT;
static bool force; /* backup */

void usage_print(void)
{
	fputs(usage_text, stdout);
	exit(EXIT_OK);
}

struct thing {
	const char *name;
	const char *number; /* what its number is; NULL: it takes none */
	bool with_image;    /* read through the opened image */
	int (*print)(const struct source *source);
	int (*print_number)(const struct source *source, uint64_t number);
};

static const struct thing things[] = {
    {"super", NULL, false, super_print, NULL}, {"roots", NULL, true, roots_print, NULL},
    {"ring", NULL, false, ring_print, NULL},   {"tree", NULL, true, tree_print, NULL},
    {"node", "BLOCK", true, NULL, node_print}, {"inode", "NUMBER", true, NULL, inode_print},
    {"map", "ZONE", true, NULL, map_print},    {"block", "BLOCK", false, NULL, block_print},
};

__attribute__((noreturn)) static void wrong_usage(const char *what, const char *name)
{
	fprintf(stderr, PROGRAM ": %s%s\nTry '" PROGRAM " --help'.\n", what, name);
	exit(EXIT_WRONG_USAGE);
}

static uint64_t parse_number(const char *text)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno)
		wrong_usage("not a number: ", text);
	return number;
}

static int print_all(const struct source *source)
{
	int error = super_print(source), other = roots_print(source);

	error = error ? error : other;
	other = ring_print(source);
	return error ? error : other;
}

static const struct thing *find_thing(const char *name)
{
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++)
		if (!strcmp(name, things[i].name))
			return &things[i];
	wrong_usage("there is nothing to dump called ", name);
}

static int dump(int count, char **arguments)
{
	const struct thing *thing = NULL;
	uint64_t number = 0;
	struct source source;

	if (count < 1)
		wrong_usage("give an image file", "");
	if (count > 1)
		thing = find_thing(arguments[1]);
	if (count > (thing && thing->number ? 3 : 2))
		wrong_usage("too many arguments: ", arguments[count - 1]);
	if (thing && thing->number) {
		if (count < 3)
			wrong_usage("missing: ", thing->number);
		number = parse_number(arguments[2]);
	}
	int error = target_not_mounted(arguments[0]);
	if (!error)
		error = source_open(arguments[0], !thing || thing->with_image, &source);
	if (error)
		return error;
	if (!thing)
		error = print_all(&source);
	else if (thing->print)
		error = thing->print(&source);
	else
		error = thing->print_number(&source, number);
	source_close(&source);
	return error;
}

/* ---- what takes an image or a mountpoint, and perhaps one more argument ---- */

static int run_info(char **arguments)
{
	return info_run(arguments[0], output);
}

static int run_label(char **arguments)
{
	return label_run(arguments[0], arguments[1], output);
}

static int run_sync(char **arguments)
{
	return sync_run(arguments[0]);
}

static int run_trim(char **arguments)
{
	return trim_run(arguments[0], output);
}

static int run_grow(char **arguments)
{
	return grow_run(arguments[0], output);
}

static int run_limit(char **arguments)
{
	return limit_run(arguments[0], arguments[1], output);
}

static int run_compact(char **arguments)
{
	return compact_run(arguments[0], output);
}

static int run_backup(char **arguments)
{
	return backup_run(arguments[0], arguments[1], force, output);
}

static int run_status(char **arguments)
{
	return status_print(arguments[0], output);
}

static int run_stats(char **arguments)
{
	return stats_print(arguments[0], output);
}

static int run_upgrade(char **arguments)
{
	return upgrade_run(arguments[0]);
}

#define TEXT	   (1u << OUTPUT_TEXT)
#define JSON	   (TEXT | 1u << OUTPUT_JSON)
#define PROMETHEUS (JSON | 1u << OUTPUT_PROMETHEUS)

/* arguments[least..most-1] may be NULL. */
static const struct {
	const char *name;
	unsigned outputs; /* a bit for each that it has */
	int least, most;  /* arguments, the image or mountpoint included */
	int (*run)(char **arguments);
} commands[] = {
    {"info", JSON, 1, 1, run_info},	  {"label", JSON, 1, 2, run_label},
    {"sync", TEXT, 1, 1, run_sync},	  {"trim", JSON, 1, 1, run_trim},
    {"grow", JSON, 1, 1, run_grow},	  {"limit", JSON, 1, 2, run_limit},
    {"compact", JSON, 1, 1, run_compact}, {"backup", JSON, 2, 2, run_backup},
    {"status", JSON, 1, 1, run_status},	  {"stats", PROMETHEUS, 1, 1, run_stats},
    {"upgrade", TEXT, 1, 1, run_upgrade},
};

static int run(const char *name, int count, char **arguments)
{
	if (!strcmp(name, "dump") && output == OUTPUT_TEXT)
		return dump(count, arguments);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (!(commands[i].outputs & 1u << output))
			wrong_usage("there is no such output of ", name);
		if (force && strcmp(name, "backup") != 0)
			wrong_usage("wrong option for ", name);
		if (count < commands[i].least)
			wrong_usage(count ? "give a file for the copy" : "give an image file or a mountpoint",
				    "");
		if (count > commands[i].most)
			wrong_usage("too many arguments: ", arguments[count - 1]);
		return commands[i].run(arguments);
	}
	wrong_usage(strcmp(name, "dump") ? "there is no command " : "there is no such output of ", name);
}

/* letters: with "+" before them up to the command only */
static void parse_options(int count, char **arguments, const char *letters)
{
	static const struct option options[] = {
	    {"help", no_argument, NULL, 'h'},  {"version", no_argument, NULL, 'V'},
	    {"json", no_argument, NULL, 'j'},  {"prometheus", no_argument, NULL, 'p'},
	    {"force", no_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(count, arguments, letters, options, NULL)) != -1) {
		switch (option) {
		case 'h':
			usage_print();
		case 'V':
			puts(PROGRAM " " MMFS_VERSION);
			exit(EXIT_OK);
		case 'j':
			output = OUTPUT_JSON;
			break;
		case 'f':
			force = true;
			break;
		case 'p':
			output = OUTPUT_PROMETHEUS;
			break;
		default:
			wrong_usage("wrong option", "");
		}
	}
}

/* arguments[0] is the command. Its own options are parsed by itself, or here if it has none. */
static int run_command(int count, char **arguments)
{
	const char *name = arguments[0];
	const struct command *on_files = command_find(name);
	char program[] = PROGRAM;

	if (on_files && output != OUTPUT_TEXT)
		wrong_usage("options stand behind the command: ", name);
	if (on_files)
		return command_run(on_files, count, arguments);
	if (!strcmp(name, "export"))
		return export_command(count, arguments);
	if (!strcmp(name, "import"))
		return import_command(count, arguments);
	arguments[0] = program; /* what getopt's messages begin with */
	optind = 0;
	parse_options(count, arguments, "hVf");
	return run(name, count - optind, arguments + optind);
}

int main(int count, char **arguments)
{
	parse_options(count, arguments, "+hV");
	if (optind == count)
		wrong_usage("give a command", "");
	int error = run_command(count - optind, arguments + optind);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, PROGRAM ": cannot write: %s\n", strerror(errno));
		error = -EIO;
	}
	return error ? EXIT_ERROR : EXIT_OK;
}
