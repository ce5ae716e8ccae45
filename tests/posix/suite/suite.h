/*
 * The POSIX suite: one folder for each system call, one file for each rule. A file FOLDER/RULE.c dropped in
 * is compiled and run; there is no list to edit:
 *
 *   #include "../suite.h"
 *
 *   RULE("what must hold")
 *   {
 *           make(REGULAR, "file");
 *           succeeds(chmod("file", 0600));
 *           equals(mode_of("file"), 0600);
 *           as(USER, GROUP, fails(chmod("file", 0644), EPERM));
 *   }
 *
 * A rule runs in a process and in an empty directory of its own (its working directory), as root, umask 0.
 * What it leaves behind is removed. Each assertion is a line of TAP, named by the rule, what context() says,
 * the user and the text of the call. Nothing in a rule may depend on the filesystem: where one differs from
 * the others for a reason, differences.txt beside this directory says so. Rules of the folders `readonly`,
 * `full`, `guarded` and `acl` run only when asked for by name, since they need a filesystem that is so
 * (guarded: with an immutable file from before).
 */
#ifndef MMFS_SUITE_H
#define MMFS_SUITE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct rule {
	const char *file;  /* FOLDER/RULE.c */
	const char *about; /* NULL: it prepares */
	void (*run)(void);
	struct rule *next;
};

void suite_register(struct rule *rule);

#define SUITE_FUNCTION(name, text)                                                                           \
	static void name(void);                                                                              \
	__attribute__((constructor)) static void name##_register(void)                                       \
	{                                                                                                    \
		static struct rule this_rule = {__FILE__, text, name, NULL};                                 \
		suite_register(&this_rule);                                                                  \
	}                                                                                                    \
	static void name(void)

#define RULE(text) SUITE_FUNCTION(rule_run, text)
/* Runs before the filesystem is made read-only, in the directory of the file's rule. */
#define PREPARE SUITE_FUNCTION(rule_prepare, NULL)

/* ---- assertions: each gives true if it holds ---- */

bool suite_succeeds(int line, const char *text, long result);
bool suite_fails(int line, const char *text, long result, int error, const char *error_name);
bool suite_equals(int line, const char *text, long long actual, long long expected);
bool suite_check(int line, const char *text, bool holds);

#define succeeds(call)		 suite_succeeds(__LINE__, #call, (errno = 0, (long)(call)))
#define fails(call, error)	 suite_fails(__LINE__, #call, (errno = 0, (long)(call)), error, #error)
#define equals(actual, expected) suite_equals(__LINE__, #actual " is " #expected, actual, expected)
#define check(condition)	 suite_check(__LINE__, #condition, condition)
/* Fails with `error` (which may be a variable), or succeeds if it is 0. */
#define gives(call, error) suite_gives(__LINE__, #call, (errno = 0, (long)(call)), error)
bool suite_gives(int line, const char *text, long result, int error);

/* Is put in front of the names of the assertions that follow, until the next call; "" for nothing. */
void context(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a rule needs and does not test: it cannot go on without. */
#define must(call)                                                                                           \
	do {                                                                                                 \
		if ((call) == -1)                                                                            \
			suite_broken(__LINE__, #call);                                                       \
	} while (0)
__attribute__((noreturn)) void suite_broken(int line, const char *text);

/* ---- users ---- */

#define USER	    65534
#define GROUP	    65534
#define OTHER_USER  65533
#define OTHER_GROUP 65533
#define EXTRA_GROUP 65532

/* The statement as this user and group, without others. */
#define as(uid, gid, statement)                                                                              \
	do {                                                                                                 \
		become(uid, gid, 0);                                                                         \
		statement;                                                                                   \
		become_root();                                                                               \
	} while (0)
/* With a supplementary group. */
#define as_member(uid, gid, extra, statement)                                                                \
	do {                                                                                                 \
		become(uid, gid, extra);                                                                     \
		statement;                                                                                   \
		become_root();                                                                               \
	} while (0)
void become(uid_t uid, gid_t gid, gid_t extra); /* extra 0: none */
void become_root(void);
void suite_user_text(const char *text); /* in front of the text of a call */

/* How a user stands to a file of USER:GROUP. */
enum relation { OWNER, IN_GROUP, IN_EXTRA_GROUP, STRANGER, RELATIONS };
void become_related(enum relation relation);
const char *relation_name(enum relation relation);
/* The three permission bits as they apply to such a user. */
mode_t mode_for(enum relation relation, mode_t bits);

/* ---- files ---- */

enum type { REGULAR, DIRECTORY, FIFO, BLOCK, CHARACTER, SOCKET, SYMLINK, TYPES };
const char *type_name(enum type type);
mode_t type_mode(enum type type); /* S_IFREG, ... */
/* 0644, a directory 0755, a symlink that leads nowhere; root's. */
void make(enum type type, const char *path);
void make_for(enum type type, const char *path, uid_t uid, gid_t gid);
void make_file(const char *path, mode_t mode, uid_t uid, gid_t gid, const char *contents);
void make_directory(const char *path, mode_t mode, uid_t uid, gid_t gid);
/* With everything below it. */
void remove_tree(const char *path);
bool exists(const char *path); /* lstat */

/* Of lstat; -1: there is no such file. Mode without type. */
long long mode_of(const char *path);
long long format_of(const char *path); /* S_IFREG, ... */
long long uid_of(const char *path);
long long gid_of(const char *path);
long long links_of(const char *path);
long long size_of(const char *path);
long long inode_of(const char *path);
long long blocks_of(const char *path);

/* Does the file consist of these bytes? */
bool holds(const char *path, const void *bytes, size_t length);
bool holds_text(const char *path, const char *text);
/* Are [from, to) all `byte`? */
bool filled(int file, off_t from, off_t to, unsigned char byte);
/* Writes [from, to). */
void fill(int file, off_t from, off_t to, unsigned char byte);

/* Static strings; four at a time are good. */
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *name_of_length(size_t length);
/* A path of that length that leads to `name` in the working directory. */
const char *path_of_length(size_t length, const char *name);

/* Runs the function in a child, as the present user; its return value, or 256 + signal. No assertions in it.
 */
int in_child(int (*function)(void *), void *argument);

/* ---- times ---- */

#define ATIME 1u
#define MTIME 2u
#define CTIME 4u

/* The next timed() checks which of mtime and ctime (and, if ATIME is in `which`, atime) of the file move:
 * those in `which` do, the others stay. A symlink is not followed. The file may be renamed or unlinked
 * meanwhile. */
void watch(const char *path, unsigned which);
#define timed(statement)                                                                                     \
	do {                                                                                                 \
		suite_watch_begin();                                                                         \
		statement;                                                                                   \
		suite_watch_end(__LINE__);                                                                   \
	} while (0)
void suite_watch_begin(void);
void suite_watch_end(int line);
/* Waits until a file changed now has a later time than one changed before. */
void tick(void);

/* ---- suite_paths.c: rules that hold for many system calls ---- */

struct path_call {
	int (*run)(const char *path); /* -1 with errno */
	unsigned flags;
};

#define PATH_MAKES     1u /* the last component is made, and must not exist */
#define PATH_NO_FOLLOW 2u /* a symlink in the last component is not followed */
#define PATH_DIRECTORY 4u /* the target has to be a directory */
#define PATH_SYMLINK   8u /* the target has to be a symlink */

/* ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP, and EACCES for want of search permission. */
void path_errors(const struct path_call *call);
/* EACCES for want of write or search permission in the directory of what is made or, the others, removed. */
void parent_permission(const struct path_call *call);
/* In a sticky directory only the owner of the entry, of the directory, or root may remove or rename it. */
void sticky_directory(enum type type, const struct path_call *call);
/* Makes a file of this type, run() being given its path: umask, owner, group, a set-group-ID directory's
 * group, times. */
void making(enum type type, int (*run)(const char *path, mode_t mode));

#endif
