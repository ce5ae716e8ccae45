/* Which commands there are for files, their options, and how they are run. */
#include "command.h"
#include "target.h"

#include "../common/progress.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_WRONG_USAGE = 2 };

static const struct command commands[] = {
    {"df", "j", 0, 0, false, df_run},	   {"ls", "laRj", 0, -1, false, ls_run},
    {"tree", "a", 0, -1, false, draw_run}, {"cat", "", 1, -1, false, cat_run},
    {"get", "", 2, -1, false, get_run},	   {"put", "", 2, -1, true, put_run},
    {"rm", "rf", 1, -1, true, rm_run},	   {"mkdir", "p", 1, -1, true, mkdir_run},
};

__attribute__((noreturn)) static void wrong_usage(const struct command *command, const char *what)
{
	fprintf(stderr, PROGRAM ": %s: %s\nTry '" PROGRAM " --help'.\n", command->name, what);
	exit(EXIT_WRONG_USAGE);
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static void take_option(const struct command *command, struct command_options *options, int letter)
{
	if (letter == 'h')
		usage_print();
	/* rm's -r is ls's -R, as it is for their models */
	if (letter == 'R' && strchr(command->letters, 'r'))
		letter = 'r';
	if (letter == '?' || !strchr(command->letters, letter))
		wrong_usage(command, "wrong option");
	switch (letter) {
	case 'a':
		options->all = true;
		return;
	case 'l':
		options->details = true;
		return;
	case 'r':
	case 'R':
		options->recursive = true;
		return;
	case 'f':
		options->force = true;
		return;
	case 'p':
		options->parents = true;
		return;
	case 'j':
	default:
		options->json = true;
	}
}

/* Options may stand anywhere up to "--". Returns the first of the other arguments. */
static int parse(const struct command *command, int count, char **arguments, struct command_options *options)
{
	static const struct option names[] = {
	    {"all", no_argument, NULL, 'a'},	 {"long", no_argument, NULL, 'l'},
	    {"force", no_argument, NULL, 'f'},	 {"recursive", no_argument, NULL, 'R'},
	    {"parents", no_argument, NULL, 'p'}, {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},	 {NULL, 0, NULL, 0},
	};
	char program[] = PROGRAM, *name = arguments[0];
	int letter;

	arguments[0] = program; /* what getopt's messages begin with */
	optind = 0;
	while ((letter = getopt_long(count, arguments, "alrRfph", names, NULL)) != -1)
		take_option(command, options, letter);
	arguments[0] = name;
	if (optind == count)
		wrong_usage(command, "give an image file or a mountpoint");
	int paths = count - optind - 1;
	if (paths < command->least)
		wrong_usage(command, "give more paths");
	if (command->most >= 0 && paths > command->most)
		wrong_usage(command, "too many arguments");
	return optind;
}

/* Those of the mount, if the image has one that can be used. */
static int open_files(const struct command *command, const char *path, struct target *ret_target,
		      struct files *ret_files)
{
	int error = target_find(path, command->writes, ret_target);

	if (error)
		return error;
	error = ret_target->is_mounted
		    ? files_open_mount(PROGRAM, path, ret_target->mounted.descriptor, ret_files)
		    : files_open(PROGRAM, path, command->writes, ret_files);
	if (error)
		target_close(ret_target);
	return error;
}

int command_run(const struct command *command, int count, char **arguments)
{
	struct command_options options = {0};
	struct files files;

	int first = parse(command, count, arguments, &options);
	char **paths = arguments + first + 1;
	if (command->writes)
		files_catch_signals();
	struct target target;
	int error = open_files(command, arguments[first], &target, &files);
	if (error)
		return error;
	error = command->run(&files, &options, count - first - 1, paths);
	int close_error = files_close(&files);
	progress_end();
	target_close(&target);
	return error ? error : close_error;
}
