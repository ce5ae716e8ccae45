#include "../suite.h"

#include <sys/wait.h>

#define WRITERS 4
#define LINES	300
#define LENGTH	37

/* Lines that begin with the writer's letter and end with their number. */
static int append_lines(void *argument)
{
	const char *letter = argument;
	char line[LENGTH + 1];
	int file = open("log", O_WRONLY | O_APPEND | O_CREAT, 0644);

	if (file < 0)
		return 1;
	for (int i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "%-*.1s%6d\n", LENGTH - 7, letter, i);
		if (write(file, line, LENGTH) != LENGTH)
			return 2;
	}
	return close(file) ? 3 : 0;
}

static int all_writers(void *argument)
{
	static char letters[] = "abcd";
	pid_t children[WRITERS];
	int failed = 0;

	(void)argument;
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(append_lines(letters + i));
	}
	for (int i = 0; i < WRITERS; i++) {
		int status = -1;
		if (waitpid(children[i], &status, 0) != children[i] || status)
			failed = 1;
	}
	return failed;
}

RULE("O_APPEND from many writers loses and tears nothing, and keeps each one's order")
{
	char line[LENGTH + 2];
	int next[WRITERS] = {0}, lines = 0;
	bool right = true;

	equals(in_child(all_writers, NULL), 0);
	equals(size_of("log"), (long long)WRITERS * LINES * LENGTH);
	FILE *log = fopen("log", "re");
	while (log && right && fgets(line, sizeof(line), log)) {
		int who = line[0] - 'a';
		right = strlen(line) == LENGTH && who >= 0 && who < WRITERS &&
			atoi(line + LENGTH - 7) == next[who];
		if (right)
			next[who]++;
		lines++;
	}
	check(right);
	equals(lines, (long long)WRITERS * LINES);
	if (log)
		fclose(log);
}
