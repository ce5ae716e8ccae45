#include "../suite.h"

#include <signal.h>
#include <sys/wait.h>

static int rename_forever(void *argument)
{
	(void)argument;
	for (int i = 0;; i++) {
		char name[16];
		snprintf(name, sizeof(name), "new-%d", i % 2);
		int file = open(name, O_WRONLY | O_CREAT, 0644);
		if (file < 0 || write(file, "whole", 5) != 5 || close(file) || rename(name, "name"))
			return 1;
	}
}

RULE("a name that is renamed over is there at every moment, whole")
{
	bool always = true;

	make_file("name", 0644, 0, 0, "whole");
	fflush(stdout);
	pid_t child = fork();
	must(child);
	if (child == 0)
		_exit(rename_forever(NULL));
	for (int i = 0; i < 2000; i++)
		always = always && holds_text("name", "whole");
	must(kill(child, SIGKILL));
	int status;
	must(waitpid(child, &status, 0));
	check(always);
	check(WIFSIGNALED(status));
}
