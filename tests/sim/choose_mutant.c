#include "choose_mutant.h"

#include "../../backend/mutant.h"

#include <stdio.h>
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
