#include "../suite.h"

#include <sys/wait.h>

/* A copy of this very program, which ends with status 2 when it has no arguments. */
static void copy_program(const char *path)
{
	char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
	ssize_t got;

	must(from);
	must(to);
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		must(write(to, bytes, (size_t)got));
	must(close(from));
	must(close(to));
}

static int execute(void *path)
{
	char *const arguments[] = {path, NULL};
	int nothing = open("/dev/null", O_WRONLY);

	dup2(nothing, 2);
	execv(path, arguments);
	return errno;
}

RULE("programs run from it: exec permission, ETXTBSY while written to, scripts")
{
	char program[] = "program", script[] = "script", link[] = "link";

	copy_program(program);
	equals(in_child(execute, program), 2);
	as(USER, GROUP, equals(in_child(execute, program), 2));
	must(symlink(program, link));
	equals(in_child(execute, link), 2);
	must(chmod(program, 0644));
	equals(in_child(execute, program), EACCES);
	must(chmod(program, 0700));
	as(USER, GROUP, equals(in_child(execute, program), EACCES));
	equals(in_child(execute, program), 2);
	must(chmod(program, 0711));
	as(USER, GROUP, equals(in_child(execute, program), 2));
	int writer = open(program, O_WRONLY);
	must(writer);
	equals(in_child(execute, program), ETXTBSY);
	must(close(writer));
	equals(in_child(execute, program), 2);
	make_file(script, 0755, 0, 0, "#!/bin/sh\nexit 7\n");
	equals(in_child(execute, script), 7);
	as(USER, GROUP, equals(in_child(execute, script), 7));
	make_directory("directory", 0777, 0, 0);
	char directory[] = "directory";
	equals(in_child(execute, directory), EACCES);
}
