/*
 * Contents of files against a model in memory: random reads, writes, appends, direct I/O, truncates, holes,
 * zeroed and allocated ranges, mapped memory, copies.
 *
 *   exercise [--seed N] [--from N] [--steps N] [--processes N] [--own | --shared] [--state DIRECTORY]
 *            [--replay SEED:PROCESS:STEP] DIRECTORY
 *
 * Each process works on a file of its own; with --shared all work on one, each in a region of its own. What a
 * step does follows from seed, process, step number and the model alone. With --state the models are kept
 * there, and a run --from a later step first compares the files, remounted maybe, with them. The last line is
 * "exercised N steps: K failures".
 */
#include "exercise.h"

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct options options = {.steps = 1000, .processes = 4};

/* ---- state, between two runs ---- */

static void save(const struct exercise *e)
{
	FILE *file = fopen(e->state, "w");

	if (!file || fwrite(&e->size, sizeof(e->size), 1, file) != 1 ||
	    fwrite(e->model + e->low, 1, e->high - e->low, file) != e->high - e->low || fclose(file))
		err(2, "%s", e->state);
}

static void load(struct exercise *e)
{
	FILE *file = fopen(e->state, "r");

	if (!file || fread(&e->size, sizeof(e->size), 1, file) != 1 ||
	    fread(e->model + e->low, 1, e->high - e->low, file) != e->high - e->low || fclose(file))
		err(2, "%s", e->state);
}

static uint64_t total_size(void)
{
	return options.shared ? (uint64_t)REGION * options.processes : SIZE_MAX_FILE;
}

static void name_file(char *path, size_t room, unsigned process)
{
	if (options.shared)
		snprintf(path, room, "%s/shared", options.directory);
	else
		snprintf(path, room, "%s/own-%u", options.directory, process);
}

/* An empty file, or one of zeros for all. */
static void make_file(unsigned process)
{
	char path[300];
	int file;

	name_file(path, sizeof(path), process);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file < 0 || (options.shared && ftruncate(file, (off_t)total_size())) || close(file))
		err(2, "%s", path);
}

static void set_up(struct exercise *e, unsigned process)
{
	uint64_t total = total_size();

	e->process = process;
	e->step = options.from;
	name_file(e->path, sizeof(e->path), process);
	snprintf(e->state, sizeof(e->state), "%s/state-%u", options.state ? options.state : "", process);
	e->low = options.shared ? (uint64_t)REGION * process : 0;
	e->high = options.shared ? e->low + REGION : total;
	e->size = options.shared ? total : 0;
	e->model = calloc(1, total);
	e->bytes = aligned_alloc(PAGE, LENGTH_MAX + PAGE);
	if (!e->model || !e->bytes)
		err(2, "memory");
	note(e, "open");
	open_all(e);
	if (!options.from)
		return;
	load(e);
	compare_all(e);
}

static void run(unsigned process)
{
	static struct exercise e;
	uint64_t end = options.from + options.steps;

	set_up(&e, process);
	for (; e.step < end; e.step++)
		do_step(&e);
	compare_all(&e);
	close_all(&e);
	if (options.state)
		save(&e);
}

/* ---- the parent ---- */

static uint64_t number_of(const char *text, char **ret_end)
{
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	if (end == text || (!ret_end && *end))
		errx(2, "'%s' is no number", text);
	if (ret_end)
		*ret_end = end;
	return number;
}

static void parse_replay(const char *text)
{
	char *end;

	options.replay = true;
	options.seed = number_of(text, &end);
	if (*end++ != ':')
		errx(2, "--replay takes SEED:PROCESS:STEP");
	options.only = (unsigned)number_of(end, &end);
	if (*end++ != ':')
		errx(2, "--replay takes SEED:PROCESS:STEP");
	options.steps = number_of(end, NULL) + 1;
}

static void parse(int count, char **arguments)
{
	static const struct option names[] = {{"seed", required_argument, NULL, 's'},
					      {"from", required_argument, NULL, 'f'},
					      {"steps", required_argument, NULL, 'n'},
					      {"processes", required_argument, NULL, 'p'},
					      {"shared", no_argument, NULL, 'S'},
					      {"own", no_argument, NULL, 'o'},
					      {"state", required_argument, NULL, 't'},
					      {"replay", required_argument, NULL, 'r'},
					      {0}};
	int option;

	while ((option = getopt_long(count, arguments, "", names, NULL)) != -1) {
		switch (option) {
		case 's':
			options.seed = number_of(optarg, NULL);
			break;
		case 'f':
			options.from = number_of(optarg, NULL);
			break;
		case 'n':
			options.steps = number_of(optarg, NULL);
			break;
		case 'p':
			options.processes = (unsigned)number_of(optarg, NULL);
			break;
		case 'S':
			options.shared = true;
			break;
		case 'o':
			options.shared = false;
			break;
		case 't':
			options.state = optarg;
			break;
		case 'r':
			parse_replay(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (count - optind != 1 || options.processes < 1 || options.processes > PROCESSES_MAX)
		errx(2, "usage: exercise [OPTION...] DIRECTORY");
	if (options.from && !options.state)
		errx(2, "--from needs --state");
	options.directory = arguments[optind];
}

int main(int count, char **arguments)
{
	unsigned failures = 0;

	parse(count, arguments);
	for (unsigned i = 0; i < options.processes && !options.from; i++)
		make_file(i);
	if (options.replay) {
		run(options.only);
		return 0;
	}
	fflush(stdout);
	for (unsigned i = 0; i < options.processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(2, "fork");
		if (pid == 0) {
			run(i);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < options.processes; i++) {
		int status;

		if (wait(&status) < 0)
			err(2, "wait");
		if (WIFSIGNALED(status))
			printf("FAILURE: a process was ended by signal %d\n", WTERMSIG(status));
		failures += status != 0;
	}
	printf("exercised %llu steps: %u failures\n", (unsigned long long)(options.steps * options.processes),
	       failures);
	return failures != 0;
}
