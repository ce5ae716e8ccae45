#include "../suite.h"

RULE("in a sticky directory only owners unlink")
{
	for (enum type type = 0; type < TYPES; type++)
		if (type != DIRECTORY)
			sticky_directory(type, &(struct path_call){.run = unlink});
}
