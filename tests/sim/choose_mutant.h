/* Which mutant a test program is (backend/mutant.h); programs built without them are none. */
#ifndef MMFS_CHOOSE_MUTANT_H
#define MMFS_CHOOSE_MUTANT_H

#include <stdbool.h>

/* false: there is none of that name, or none at all in this program. */
bool mutant_choose(const char *name);
/* Prints a line for each: its name and what it breaks. */
void mutant_list(void);

#endif
