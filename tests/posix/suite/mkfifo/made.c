#include "../suite.h"

RULE("mode, umask, owner, group, links and times of what is made; EEXIST")
{
	making(FIFO, mkfifo);
}
