#include "../suite.h"

#define LINKS_MOST 65000

RULE("EMLINK at the limit of links; one that goes makes room")
{
	long made = 1;

	make(REGULAR, "first");
	for (char name[16]; made < LINKS_MOST; made++) {
		snprintf(name, sizeof(name), "%ld", made);
		if (link("first", name))
			break;
	}
	equals(made, LINKS_MOST);
	equals(links_of("first"), LINKS_MOST);
	fails(link("first", "over"), EMLINK);
	equals(links_of("first"), LINKS_MOST);
	check(!exists("over"));
	succeeds(unlink("1"));
	succeeds(link("first", "again"));
	fails(link("first", "over"), EMLINK);
}
