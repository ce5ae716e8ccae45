#include "../suite.h"

RULE("in a sticky directory only owners remove directories")
{
	sticky_directory(DIRECTORY, &(struct path_call){.run = rmdir});
}
