#include "choose_mutant.h"

#include "../../backend/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef MMFS_MUTANTS

enum mutant mutant_chosen;

static const struct {
	const char *name, *text;
} mutants[] = {
#define NAME_AND_TEXT(name, text) {#name, text},
    {"NONE", "as it should be"}, MUTANTS(NAME_AND_TEXT)};

bool mutant_choose(const char *name)
{
	for (unsigned i = 0; i < MUTANT_COUNT; i++) {
		if (strcmp(mutants[i].name, name))
			continue;
		mutant_chosen = (enum mutant)i;
		return true;
	}
	return false;
}

/* For programs without an option for it, as unit tests are: what the environment names. */
__attribute__((constructor)) static void choose_by_environment(void)
{
	const char *name = getenv("MMFS_MUTANT");

	if (!name || mutant_choose(name))
		return;
	fprintf(stderr, "MMFS_MUTANT: there is no mutant %s\n", name);
	exit(2);
}

void mutant_list(void)
{
	for (unsigned i = 1; i < MUTANT_COUNT; i++)
		printf("%s\t%s\n", mutants[i].name, mutants[i].text);
}

#else

bool mutant_choose(const char *name)
{
	(void)name;
	return false;
}

void mutant_list(void)
{
}

#endif
