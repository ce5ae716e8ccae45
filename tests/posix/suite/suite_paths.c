/* What holds for every system call that takes a path, or that makes or removes a name. */
#include "suite.h"

#include <sys/sysmacros.h>

#define LINKS_MOST 40 /* symlinks that the kernel follows in one path */

/* Makes what the call works on. */
static void make_target(const struct path_call *call, const char *path)
{
	if (call->flags & PATH_MAKES)
		return;
	if (call->flags & PATH_DIRECTORY)
		make_directory(path, 0777, 0, 0);
	else if (call->flags & PATH_SYMLINK)
		must(symlink("nowhere", path));
	else
		make_file(path, 0777, 0, 0, "");
}

static void run(const struct path_call *call, const char *path, int error)
{
	gives(call->run(path), error);
}

static void missing(const struct path_call *call)
{
	context("missing directory");
	run(call, "missing/last", ENOENT);
	context("missing directory's parent");
	run(call, "missing/../last", ENOENT);
	context("empty path");
	run(call, "", ENOENT);
	context("dangling symlink as directory");
	must(symlink("missing", "dangling"));
	run(call, "dangling/last", ENOENT);
	if (call->flags & PATH_MAKES)
		return;
	context("missing");
	run(call, "last", ENOENT);
	if (call->flags & PATH_NO_FOLLOW)
		return;
	context("dangling symlink");
	run(call, "dangling", ENOENT);
}

static void not_directories(const struct path_call *call)
{
	for (enum type type = 0; type < TYPES; type++) {
		if (type == DIRECTORY || type == SYMLINK)
			continue;
		make(type, "plain");
		must(symlink("plain", "to-plain"));
		context("%s as directory", type_name(type));
		run(call, "plain/last", ENOTDIR);
		run(call, "plain/.", ENOTDIR);
		run(call, "plain/../last", ENOTDIR);
		context("symlink to %s as directory", type_name(type));
		run(call, "to-plain/last", ENOTDIR);
		must(unlink("to-plain"));
		must(unlink("plain"));
	}
}

static void long_names(const struct path_call *call)
{
	make_target(call, name_of_length(255));
	context("name of 255 bytes");
	run(call, name_of_length(255), 0);
	context("name of 256 bytes");
	run(call, name_of_length(256), ENAMETOOLONG);
	context("name of 1000 bytes");
	run(call, name_of_length(1000), ENAMETOOLONG);
	context("directory name of 256 bytes");
	run(call, text_of("%s/last", name_of_length(256)), ENAMETOOLONG);
	make_target(call, "at-4095");
	context("path of 4095 bytes");
	run(call, path_of_length(4095, "at-4095"), 0);
	make_target(call, "at-4096");
	context("path of 4096 bytes");
	run(call, path_of_length(4096, "at-4096"), ENAMETOOLONG);
}

static void loops(const struct path_call *call)
{
	must(symlink("loop-b", "loop-a"));
	must(symlink("loop-a", "loop-b"));
	must(symlink("self", "self"));
	context("symlink loop as directory");
	run(call, "loop-a/last", ELOOP);
	run(call, "self/last", ELOOP);
	if (!(call->flags & (PATH_NO_FOLLOW | PATH_MAKES))) {
		context("symlink loop");
		run(call, "loop-a", ELOOP);
		run(call, "self", ELOOP);
	}
	must(mkdir("chained", 0777));
	must(symlink("chained", "chain-1"));
	for (int i = 2; i <= LINKS_MOST + 1; i++)
		must(symlink(text_of("chain-%d", i - 1), text_of("chain-%d", i)));
	make_target(call, "chained/target");
	context("%d symlinks", LINKS_MOST);
	run(call, text_of("chain-%d/target", LINKS_MOST), 0);
	context("%d symlinks", LINKS_MOST + 1);
	run(call, text_of("chain-%d/target", LINKS_MOST + 1), ELOOP);
}

static void search_permission(const struct path_call *call)
{
	make_directory("closed", 0777, USER, GROUP);
	must(mkdir("closed/below", 0777));
	make_target(call, "closed/target");
	make_target(call, "closed/below/target");
	for (enum relation relation = 0; relation < RELATIONS; relation++) {
		for (mode_t bits = 0; bits < 8; bits += 2) {
			mode_t others = 0777 & ~mode_for(relation, 7);
			if (relation == IN_EXTRA_GROUP)
				others = 0707;
			must(chmod("closed", others | mode_for(relation, bits)));
			context("directory's mode %04o, %s", others | mode_for(relation, bits),
				relation_name(relation));
			become_related(relation);
			run(call, "closed/target", EACCES);
			run(call, "closed/below/target", EACCES);
			become_root();
		}
	}
	context("root needs no search permission");
	must(chmod("closed", 0));
	run(call, "closed/target", 0);
}

void path_errors(const struct path_call *call)
{
	/* so that nothing but the path can be the cause */
	must(chmod(".", 0777));
	missing(call);
	not_directories(call);
	long_names(call);
	loops(call);
	search_permission(call);
	context("%s", "");
}

void parent_permission(const struct path_call *call)
{
	make_directory("parent", 0777, USER, GROUP);
	for (enum relation relation = 0; relation < RELATIONS; relation++) {
		for (mode_t bits = 0; bits < 8; bits++) {
			mode_t mode = (0777 & ~mode_for(relation, 7)) | mode_for(relation, bits);
			int error = (bits & 3) == 3 ? 0 : EACCES;
			must(chmod("parent", 0777));
			remove_tree("parent/target");
			make_target(call, "parent/target");
			if (!(call->flags & PATH_MAKES))
				must(lchown("parent/target", OTHER_USER, OTHER_GROUP));
			must(chmod("parent", mode));
			context("directory's mode %04o, %s", mode, relation_name(relation));
			become_related(relation);
			run(call, "parent/target", error);
			become_root();
			bool there = call->flags & PATH_MAKES ? error == 0 : error != 0;
			check(exists("parent/target") == there);
		}
	}
	context("%s", "");
}

static const char *user_name(uid_t uid)
{
	if (uid == 0)
		return "root";
	return uid == USER ? "the user" : "another";
}

void sticky_directory(enum type type, const struct path_call *call)
{
	const uid_t owners[] = {0, USER, OTHER_USER};

	for (unsigned i = 0; i < 9; i++) {
		uid_t directory_owner = owners[i / 3], owner = owners[i % 3];
		make_directory("sticky", 01777, directory_owner, GROUP);
		for (unsigned root = 0; root < 2; root++) {
			bool may = root || directory_owner == USER || owner == USER;
			make_for(type, "sticky/target", owner, GROUP);
			context("sticky directory of %s, %s of %s", user_name(directory_owner),
				type_name(type), user_name(owner));
			if (root)
				run(call, "sticky/target", 0);
			else
				as(USER, GROUP, run(call, "sticky/target", may ? 0 : EPERM));
			check(exists("sticky/target") == !may);
			remove_tree("sticky/target");
		}
		must(rmdir("sticky"));
	}
	/* Without the sticky bit everybody who may write to the directory may remove. */
	make_directory("free", 0777, 0, 0);
	make_for(type, "free/target", 0, 0);
	context("directory for all, %s of root", type_name(type));
	as(USER, GROUP, run(call, "free/target", 0));
	context("%s", "");
	must(rmdir("free"));
}

/* ---- what is made ---- */

static void made_modes(enum type type, int (*run)(const char *path, mode_t mode))
{
	static const mode_t modes[] = {0,    0755, 0644, 0777, 0400, 0111, 0151, 0222,
				       0345, 0653, 0700, 0070, 0007, 0200, 0040, 0001};
	static const mode_t masks[] = {0, 022, 077, 0501, 070, 0777};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		for (unsigned j = 0; j < sizeof(masks) / sizeof(*masks); j++) {
			context("%s, mode %04o, umask %04o", type_name(type), modes[i], masks[j]);
			umask(masks[j]);
			succeeds(run("made", modes[i]));
			umask(0);
			equals(mode_of("made"), modes[i] & ~masks[j]);
			remove_tree("made");
		}
	}
	context("%s", type_name(type));
	succeeds(run("made", 0755));
	equals(format_of("made"), type_mode(type));
	equals(links_of("made"), type == DIRECTORY ? 2 : 1);
	if (type != DIRECTORY)
		equals(size_of("made"), 0);
	remove_tree("made");
}

static void made_owner(enum type type, int (*run)(const char *path, mode_t mode))
{
	context("%s", type_name(type));
	make_directory("open", 0777, 0, 0);
	as(USER, GROUP, succeeds(run("open/made", 0755)));
	equals(uid_of("open/made"), USER);
	equals(gid_of("open/made"), GROUP);
	remove_tree("open/made");
	as_member(OTHER_USER, OTHER_GROUP, EXTRA_GROUP, succeeds(run("open/made", 0755)));
	equals(uid_of("open/made"), OTHER_USER);
	equals(gid_of("open/made"), OTHER_GROUP);
	remove_tree("open/made");
	succeeds(run("open/made", 0755));
	equals(uid_of("open/made"), 0);
	equals(gid_of("open/made"), 0);
	remove_tree("open/made");

	context("%s in a set-group-ID directory", type_name(type));
	must(chown("open", 0, EXTRA_GROUP));
	must(chmod("open", 02777));
	mode_t bit = type == DIRECTORY ? S_ISGID : 0;
	as(USER, GROUP, succeeds(run("open/made", 0755)));
	equals(uid_of("open/made"), USER);
	equals(gid_of("open/made"), EXTRA_GROUP);
	equals(mode_of("open/made"), 0755 | bit);
	remove_tree("open/made");
	succeeds(run("open/made", 0755));
	equals(gid_of("open/made"), EXTRA_GROUP);
	equals(mode_of("open/made"), 0755 | bit);
	remove_tree("open");
}

static void made_exists(enum type type, int (*run)(const char *path, mode_t mode))
{
	for (enum type there = 0; there < TYPES; there++) {
		make(there, "there");
		context("%s where there is a %s", type_name(type), type_name(there));
		fails(run("there", 0755), EEXIST);
		equals(format_of("there"), type_mode(there));
		remove_tree("there");
	}
	context("%s", type_name(type));
	fails(run(".", 0755), EEXIST);
	fails(run("..", 0755), EEXIST);
	fails(run("/", 0755), EEXIST);
}

static void made_times(enum type type, int (*run)(const char *path, mode_t mode))
{
	struct stat before, after;

	context("%s", type_name(type));
	must(mkdir("at", 0755));
	watch("at", MTIME | CTIME);
	timed(succeeds(run("at/made", 0755)));
	must(stat("at", &before));
	must(stat("at/made", &after));
	check(after.st_ctim.tv_sec == after.st_mtim.tv_sec && after.st_ctim.tv_nsec == after.st_mtim.tv_nsec);
	check(after.st_atim.tv_sec == after.st_mtim.tv_sec && after.st_atim.tv_nsec == after.st_mtim.tv_nsec);
	check(before.st_mtim.tv_sec == before.st_ctim.tv_sec &&
	      before.st_mtim.tv_nsec == before.st_ctim.tv_nsec);
	watch("at", 0);
	watch("at/made", 0);
	timed(fails(run("at/made", 0755), EEXIST));
	remove_tree("at");
}

void making(enum type type, int (*run)(const char *path, mode_t mode))
{
	made_modes(type, run);
	made_owner(type, run);
	made_exists(type, run);
	made_times(type, run);
	context("%s", "");
}
