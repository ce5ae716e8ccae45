#include "explore.h"

#include "../../sim/choose_mutant.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_MAX 30u

static const char usage[] =
    "usage: explore [options]\n"
    "Crashes a simulated image at every event of many workloads, recovers it and compares it with a model.\n"
    "  --seconds N    stop after N seconds (60; 0: when all is done)\n"
    "  --seed N       of everything random (1)\n"
    "  --workload W   all, make, ace1, ace2, ace3, directed, random, or one: ace-3-17, directed-NAME,\n"
    "                 random-SEED-COUNT[-xHEX]\n"
    "  --last         crash in the last step of the workload only\n"
    "  --replay ID    one state, as printed with a failure\n"
    "  --first        stop at the first failure\n"
    "  --mutant NAME  with this fault in the engine (explore-mutants only), stop at the first failure\n"
    "  --mutants      print the names of the mutants\n"
    "  --list         print the steps of the short workloads\n"
    "  --verbose      print the steps that are run\n";

/* ---- which workloads ---- */

static void one(struct explorer *explorer, const struct workload *workload)
{
	explore_workload(explorer, workload);
	if (explorer->failed && workload->kind == WORKLOAD_RANDOM && !explorer->filter_count &&
	    !explorer->first_only)
		shrink(explorer, workload);
}

static bool over(const struct explorer *explorer)
{
	return explore_time_is_up(explorer) || explorer->failures >= FAILURES_MAX;
}

static void ace(struct explorer *explorer, unsigned count, uint64_t index)
{
	struct workload workload = {.kind = WORKLOAD_ACE, .count = count};

	for (unsigned i = 0; i < count; i++) {
		workload.steps[i] = (unsigned)(index % script_ace_count());
		index /= script_ace_count();
	}
	one(explorer, &workload);
}

static void random_one(struct explorer *explorer, uint64_t index)
{
	/* the low bits choose the kind of script: see script_random_step */
	static const uint8_t kinds[] = {0, 5, 1, 14, 2, 13, 3, 6};
	uint64_t seed = random_mix(explorer->salt, index);
	struct workload workload = {.kind = WORKLOAD_RANDOM,
				    .seed = (seed >> 32 & ~UINT64_C(15)) | kinds[index % sizeof(kinds)],
				    .count = 40 + (unsigned)(seed % 7 * seed % 400)};

	one(explorer, &workload);
}

/* Do both steps of a pair work on the same name? Such pairs come first: they are the likeliest to fail. */
static bool related(uint64_t pair)
{
	struct step first = script_ace_step((unsigned)(pair % script_ace_count()));
	struct step second = script_ace_step((unsigned)(pair / script_ace_count()));

	return first.kind < STEP_FSYNC && second.kind < STEP_FSYNC && first.a.count == second.a.count &&
	       !memcmp(first.a.names, second.a.names, first.a.count * sizeof(first.a.names[0]));
}

enum which { ALL, RELATED, UNRELATED };

/* At most `limit` sequences of `count` steps, in an order that the seed gives, from *next on. False: that was
 * the last one. */
static bool some_ace(struct explorer *explorer, unsigned count, enum which which, uint64_t *next,
		     uint64_t limit)
{
	uint64_t total = 1, start;

	for (unsigned i = 0; i < count; i++)
		total *= script_ace_count();
	start = random_mix(explorer->salt, count) % total;
	while (*next < total && limit && !over(explorer)) {
		/* 7919 and the number of steps have no common factor, so every sequence comes once */
		uint64_t index = (start + (*next)++ * 7919) % total;

		if (which != ALL && related(index) != (which == RELATED))
			continue;
		ace(explorer, count, index);
		limit--;
	}
	return *next < total;
}

static void all_ace(struct explorer *explorer, unsigned count)
{
	uint64_t next = 0;

	(void)some_ace(explorer, count, ALL, &next, UINT64_MAX);
}

static void directed(struct explorer *explorer)
{
	struct workload workload = {.kind = WORKLOAD_DIRECTED};

	for (; workload.script < script_directed_count() && !over(explorer); workload.script++)
		one(explorer, &workload);
}

static void everything(struct explorer *explorer)
{
	uint64_t next_related = 0, next_other = 0, next_three = 0;

	explore_make(explorer);
	all_ace(explorer, 1);
	directed(explorer);
	for (uint64_t round = 0; !over(explorer); round++) {
		random_one(explorer, round);
		if (!some_ace(explorer, 2, RELATED, &next_related, 20))
			(void)some_ace(explorer, 2, UNRELATED, &next_other, 20);
		(void)some_ace(explorer, 2, UNRELATED, &next_other, 5);
		(void)some_ace(explorer, 3, ALL, &next_three, 4);
	}
}

static int explore(struct explorer *explorer, const char *what)
{
	struct workload workload;

	if (!strcmp(what, "all")) {
		everything(explorer);
	} else if (!strcmp(what, "make")) {
		explore_make(explorer);
	} else if (!strcmp(what, "ace1") || !strcmp(what, "ace2") || !strcmp(what, "ace3")) {
		all_ace(explorer, (unsigned)(what[3] - '0'));
	} else if (!strcmp(what, "directed")) {
		directed(explorer);
	} else if (!strcmp(what, "random")) {
		for (uint64_t i = 0; !over(explorer); i++)
			random_one(explorer, i);
	} else if (workload_parse(what, &workload)) {
		one(explorer, &workload);
	} else {
		fprintf(stderr, "explore: no workload '%s'\n", what);
		return -1;
	}
	return 0;
}

/* SALT:WORKLOAD@EVENT.NUMBER/... */
static bool parse_replay(struct explorer *explorer, char *id, const char **ret_workload)
{
	char *colon = strchr(id, ':'), *at = strchr(id, '@');

	if (!colon || !at)
		return false;
	explorer->salt = strtoull(id, NULL, 10);
	*ret_workload = colon + 1;
	*at = 0;
	while (explorer->filter_count < EXPLORE_DEPTH) {
		struct place *place = &explorer->filter[explorer->filter_count++];
		char *end;

		place->event = strtoull(at + 1, &end, 10);
		if (*end != '.')
			return false;
		place->number = (unsigned)strtoul(end + 1, &end, 10);
		if (!*end)
			return true;
		at = end;
	}
	return false;
}

static void list(void)
{
	for (unsigned i = 0; i < script_ace_count(); i++) {
		struct step step = script_ace_step(i);
		char text[200];

		step_text(&step, text, sizeof(text));
		printf("%u\t%s\n", i, text);
	}
}

static const struct option options[] = {
    {"seconds", required_argument, NULL, 's'},	{"seed", required_argument, NULL, 'r'},
    {"workload", required_argument, NULL, 'w'}, {"replay", required_argument, NULL, 'p'},
    {"list", no_argument, NULL, 'l'},		{"verbose", no_argument, NULL, 'v'},
    {"last", no_argument, NULL, 'L'},		{"first", no_argument, NULL, 'f'},
    {"mutant", required_argument, NULL, 'm'},	{"mutants", no_argument, NULL, 'M'},
    {"help", no_argument, NULL, 'h'},		{0}};

/* 0: go on; 1: done; -1: wrong usage. */
static int parse(int argc, char **argv, struct explorer *explorer, double *ret_seconds,
		 const char **ret_workload, const char **ret_mutant)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			*ret_seconds = strtod(optarg, NULL);
		else if (option == 'r')
			explorer->salt = strtoull(optarg, NULL, 10);
		else if (option == 'w')
			*ret_workload = optarg;
		else if (option == 'p' && parse_replay(explorer, optarg, ret_workload))
			*ret_seconds = 0;
		else if (option == 'v')
			explorer->verbose = true;
		else if (option == 'L')
			explorer->last_step_only = true;
		else if (option == 'f')
			explorer->first_only = true;
		else if (option == 'm')
			*ret_mutant = optarg;
		else if (option == 'l' || option == 'h' || option == 'M') {
			if (option == 'l')
				list();
			else if (option == 'M')
				mutant_list();
			else
				fputs(usage, stdout);
			return 1;
		} else {
			fputs(usage, stderr);
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct explorer explorer = {.salt = 1};
	const char *workload = "all", *mutant = NULL;
	double seconds = 60;
	int result = parse(argc, argv, &explorer, &seconds, &workload, &mutant);

	if (result)
		return result < 0 ? 2 : 0;
	if (explorer_open(&explorer))
		return 1;
	/* now, so that the image to start from is sound */
	if (mutant && !mutant_choose(mutant)) {
		fprintf(stderr, "explore: no mutant '%s' in this program\n", mutant);
		return 2;
	}
	explorer.first_only = explorer.first_only || mutant;
	explorer.deadline = seconds > 0 ? explore_seconds() + seconds : 0;
	printf("seed %" PRIu64 "\n", explorer.salt);
	fflush(stdout);
	if (explore(&explorer, workload))
		return 2;
	explorer_close(&explorer);
	printf("explored %" PRIu64 " states of %" PRIu64 " workloads: %" PRIu64 " failures\n",
	       explorer.states, explorer.workloads, explorer.failures);
	return explorer.failures != 0;
}
