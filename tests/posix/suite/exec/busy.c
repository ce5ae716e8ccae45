#include "../suite.h"

#include <signal.h>
#include <sys/wait.h>

static pid_t start_sleep(void)
{
	char *const arguments[] = {"program", "60", NULL};
	int ready[2];
	char byte;

	must(pipe2(ready, O_CLOEXEC));
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		execv("./program", arguments);
		_exit(1);
	}
	/* exec closes it */
	must(close(ready[1]));
	equals(read(ready[0], &byte, 1), 0);
	must(close(ready[0]));
	return child;
}

RULE("ETXTBSY for those who would write to a program that runs")
{
	char bytes[65536];
	ssize_t got;
	int from = open("/bin/sleep", O_RDONLY), to = open("program", O_WRONLY | O_CREAT | O_EXCL, 0755);

	must(from);
	must(to);
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		must(write(to, bytes, (size_t)got));
	must(close(from));
	must(close(to));
	pid_t child = start_sleep();
	fails(open("program", O_WRONLY), ETXTBSY);
	fails(open("program", O_RDWR), ETXTBSY);
	fails(open("program", O_WRONLY | O_TRUNC), ETXTBSY);
	fails(truncate("program", 123), ETXTBSY);
	check((from = open("program", O_RDONLY)) >= 0);
	/* Another file may take the name. */
	make_file("other", 0755, 0, 0, "other");
	succeeds(rename("other", "program"));
	check((to = open("program", O_WRONLY)) >= 0);
	succeeds(unlink("program"));
	int status;
	equals(waitpid(child, &status, WNOHANG), 0);
	must(kill(child, SIGTERM));
	equals(waitpid(child, &status, 0), child);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
