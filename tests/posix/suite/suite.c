/*
 * Runs the rules and prints TAP.
 *
 *   suite [--list] [--prepare | --keep] DIRECTORY [PATTERN...]
 *
 * PATTERN: FOLDER/, FOLDER/RULE or FOLDER/RULE.c; without one, all rules but those that need a special
 * filesystem. --prepare runs what rules want prepared before the filesystem is made read-only, --keep runs
 * the rules in what was prepared.
 */
#include "suite.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define RULE_SECONDS 300

static struct rule *rules;
static const struct rule *current;
static char context_text[256], user_text[32];

/* Shared with the processes of the rules. */
static struct {
	unsigned long assertions, failures;
} * shared;

void suite_register(struct rule *rule)
{
	struct rule **at = &rules;

	/* constructors run in any order */
	while (*at && strcmp((*at)->file, rule->file) < 0)
		at = &(*at)->next;
	rule->next = *at;
	*at = rule;
}

/* ---- assertions ---- */

static void rule_name(const struct rule *rule, char *name, size_t room)
{
	snprintf(name, room, "%.*s", (int)(strlen(rule->file) - strlen(".c")), rule->file);
}

/* The line of an assertion. A '#' would begin a directive of TAP. */
static bool report(bool holds, const char *format, ...)
{
	char name[128], text[1024];
	va_list arguments;

	rule_name(current, name, sizeof(name));
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *at = text; *at; at++)
		if (*at == '#' || *at == '\n')
			*at = '_';
	shared->assertions++;
	shared->failures += !holds;
	printf("%sok %lu - %s: %s%s%s\n", holds ? "" : "not ", shared->assertions, name, context_text,
	       user_text, text);
	return holds;
}

static const char *outcome(long result, int error)
{
	static char text[64];

	if (result == -1)
		snprintf(text, sizeof(text), "-1 %s (%s)", strerrorname_np(error), strerror(error));
	else
		snprintf(text, sizeof(text), "%ld", result);
	return text;
}

static void explain(int line, const char *got)
{
	printf("# %s:%d: %s\n", current->file, line, got);
}

bool suite_succeeds(int line, const char *text, long result)
{
	int error = errno;
	bool holds = report(result != -1, "%s succeeds", text);

	if (!holds)
		explain(line, outcome(result, error));
	return holds;
}

bool suite_fails(int line, const char *text, long result, int expected, const char *error_name)
{
	int error = errno;
	bool holds = report(result == -1 && error == expected, "%s fails with %s", text, error_name);

	if (!holds)
		explain(line, outcome(result, error));
	return holds;
}

bool suite_gives(int line, const char *text, long result, int expected)
{
	return expected ? suite_fails(line, text, result, expected, strerrorname_np(expected))
			: suite_succeeds(line, text, result);
}

bool suite_equals(int line, const char *text, long long actual, long long expected)
{
	bool holds = report(actual == expected, "%s", text);

	if (!holds)
		printf("# %s:%d: %lld (0%llo), expected %lld (0%llo)\n", current->file, line, actual, actual,
		       expected, expected);
	return holds;
}

bool suite_check(int line, const char *text, bool holds)
{
	int error = errno;

	report(holds, "%s", text);
	if (!holds)
		explain(line, outcome(-1, error));
	return holds;
}

void suite_broken(int line, const char *text)
{
	int error = errno;

	report(false, "needs %s", text);
	explain(line, outcome(-1, error));
	exit(1);
}

void context(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(context_text, sizeof(context_text) - 2, format, arguments);
	va_end(arguments);
	if (length > 0)
		strcat(context_text, ": ");
}

void suite_user_text(const char *text)
{
	snprintf(user_text, sizeof(user_text), "%s", text);
}

/* ---- running ---- */

static bool needs_special(const struct rule *rule)
{
	return !strncmp(rule->file, "readonly/", 9) || !strncmp(rule->file, "full/", 5) ||
	       !strncmp(rule->file, "guarded/", 8) || !strncmp(rule->file, "acl/", 4);
}

static bool wanted(const struct rule *rule, char *const *patterns, int count)
{
	char name[128];

	rule_name(rule, name, sizeof(name));
	for (int i = 0; i < count; i++) {
		size_t length = strlen(patterns[i]);
		bool folder = length > 0 && patterns[i][length - 1] == '/';
		if (!strcmp(patterns[i], name) || !strcmp(patterns[i], rule->file) ||
		    (folder && !strncmp(patterns[i], name, length)))
			return true;
	}
	return count == 0 && !needs_special(rule);
}

static void work_directory(const struct rule *rule, const char *directory, char *path, size_t room)
{
	char name[128];

	rule_name(rule, name, sizeof(name));
	for (char *at = name; *at; at++)
		if (*at == '/')
			*at = '.';
	snprintf(path, room, "%s/%s", directory, name);
}

static int run_in_process(const struct rule *rule, const char *directory)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		alarm(RULE_SECONDS);
		umask(0);
		if (chdir(directory))
			suite_broken(0, directory);
		rule->run();
		fflush(stdout);
		_exit(0);
	}
	int status = -1;
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

static void run_rule(struct rule *rule, const char *directory, bool keep)
{
	char path[4096];

	current = rule;
	context("%s", "");
	work_directory(rule, directory, path, sizeof(path));
	if (mkdir(path, 0755) && !(keep && (errno == EEXIST || errno == EROFS)))
		report(false, "its directory could not be made: %s", strerror(errno));
	printf("# %s: %s\n", rule->file, rule->about ? rule->about : "prepares");
	int status = run_in_process(rule, path);
	if (WIFSIGNALED(status))
		report(false, "ended by signal %d", WTERMSIG(status));
	if (!keep)
		remove_tree(path);
}

int main(int argument_count, char **arguments)
{
	bool list = false, prepare = false, keep = false;

	for (arguments++, argument_count--; argument_count > 0 && !strncmp(*arguments, "--", 2);
	     arguments++, argument_count--) {
		list |= !strcmp(*arguments, "--list");
		prepare |= !strcmp(*arguments, "--prepare");
		keep |= !strcmp(*arguments, "--keep");
	}
	if (argument_count < 1 && !list) {
		fprintf(stderr, "usage: suite [--list] [--prepare | --keep] DIRECTORY [PATTERN...]\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	for (struct rule *rule = rules; rule; rule = rule->next) {
		if (!rule->about != prepare)
			continue;
		if (list)
			puts(rule->file);
		else if (wanted(rule, arguments + 1, argument_count - 1))
			run_rule(rule, arguments[0], keep || prepare);
	}
	if (!list)
		printf("1..%lu\n", shared->assertions);
	return shared->failures > 0;
}
