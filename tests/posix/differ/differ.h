/*
 * The differential fuzzer: random system calls on mmfs and on ext4, which must agree.
 *
 *   main.c        options
 *   run.c         runs of random steps, and of scripts
 *   session.c     a pair of trees with their workers; batches, epochs, full comparisons
 *   generate.c    random steps
 *   calls.c       the table of calls
 *   call_*.c      what each does: call_name, call_data, call_map (mappings that stay), call_attribute,
 * call_flags, call_wait (locks that are waited for), call_program, call_stream (directories that change)
 *   text.c        a step as a line of a script, and back
 *   worker.c      the processes that make the calls
 *   view.c        what is looked at after a call
 *   tree.c        a whole tree as text
 *   compare.c     outcomes of the two sides; differences.c: what may differ, and why
 *   shrink.c      a failing script made smaller
 *
 * A side is one of the two filesystems. Each user has one worker process on each side, which has the tree of
 * its side as its root directory, and descriptors in numbered slots. The controller writes a batch of steps
 * for one user into shared memory, wakes that user's workers on both sides, waits for both, and compares: so
 * on each side one call is made at a time, in the order of the script.
 *
 * Times are compared by epoch. An epoch begins when the controller has seen the kernel's coarse clock move
 * while all workers rest, so whatever is changed later has a later time. A time is worth the number of the
 * epoch it falls into; those set by utimensat lie far from now and are worth themselves.
 */
#ifndef DIFFER_H
#define DIFFER_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define SIDES	     2
#define WORKERS	     5
#define OBSERVER     WORKERS /* one more process on each side: root, reads whole trees */
#define PROCESSES    (WORKERS + 1)
#define SLOTS	     6
#define BATCH	     32
#define PATH_ROOM    64
#define NUMBERS	     5
#define REPORT_ROOM  ((size_t)8 << 20)
#define EPOCHS_MOST  (1u << 16)
#define TAINTED_MOST 8192u
#define MAPPINGS     3u
#define STREAM_NAMES 64u
#define LOOSE_MOST   1024u
#define SKIPPED	     -2 /* result of a call that was not made: differences.c says why */

struct step {
	uint8_t worker, call;
	int8_t slot, slot2; /* -1: none */
	int8_t at, at2;	    /* slots of directories where the paths start; -1: the tree's root */
	char path[PATH_ROOM], path2[PATH_ROOM];
	int64_t numbers[NUMBERS];
};

/* One object after a step. */
struct view {
	bool taken;
	int error; /* of statx; else all below */
	uint32_t mode, uid, gid, links, rdev_major, rdev_minor;
	uint64_t size;		      /* of a directory: 0 */
	uint64_t atime, mtime, ctime; /* epochs, or values set */
	uint64_t btime;		      /* epoch; 0: not looked at */
	uint64_t xattrs;	      /* hash, 0: not looked at */
};

enum { VIEW_PATH, VIEW_PARENT, VIEW_TARGET, VIEW_PATH2, VIEW_PARENT2, VIEW_SLOT, VIEW_SLOT2, VIEWS };

struct outcome {
	int64_t result; /* -1: error; SKIPPED; a position of SEEK_DATA or SEEK_HOLE has `loose` */
	int error;
	uint64_t data;	   /* hash of what the call gave back */
	uint64_t contents; /* hash of the bytes around those written */
	int64_t position;  /* of the slot, -1 if it has none */
	uint64_t waiter;   /* who waits for a lock: 0: nobody, 1: waits, else 2 + how it ended */
	bool loose;	   /* the result depends on allocation, and was only checked for itself */
	struct view views[VIEWS];
};

/* What both filesystems can. */
struct features {
	bool tmpfile, whiteout, acl, collapse, btime;
};

/* A thread that waits for a lock. */
struct waiter {
	_Atomic int state;
	pid_t process, thread;
	int result, error;
};

struct shared {
	struct timespec epochs[EPOCHS_MOST];
	unsigned epoch_count;
	pid_t pids[SIDES][PROCESSES];
	struct step steps[BATCH];
	struct outcome outcomes[SIDES][BATCH];
	unsigned at_step[SIDES]; /* index in the batch, for the report of a hang */
	/* Files whose holes may lie elsewhere on the other side; keys of inodes. */
	uint64_t tainted[SIDES][TAINTED_MOST];
	unsigned tainted_count[SIDES];
	/* Files that were stored to through a mapping, and not synced since: FUSE moves their times when it
	 * writes them back. */
	uint64_t loose[SIDES][LOOSE_MOST];
	unsigned loose_count[SIDES];
	/* First letters of names that were removed or renamed since a worker's stream began. */
	uint32_t removed[SIDES][WORKERS];
	struct waiter waiters[SIDES];
	struct features features;
	size_t report_length[SIDES];
	char report[SIDES][REPORT_ROOM];
};

/* ---- workers ---- */

struct slot {
	int descriptor; /* -1: closed */
	int reader;	/* root's, read only, to look at contents; or -1 */
	uint32_t type;	/* S_IFREG, ... */
};

struct mapping {
	unsigned char *memory; /* NULL: none */
	size_t length;
	off_t offset;
	bool writable;
	int reader; /* root's, of the file */
};

struct stream_name {
	char name[256];
	bool first; /* it was there at the beginning */
	unsigned seen, seen_then;
};

struct stream {
	int descriptor; /* -1: none */
	unsigned count;
	bool told;
	off_t position;
	struct stream_name names[STREAM_NAMES];
};

struct worker {
	struct shared *shared;
	unsigned side, index;
	struct slot slots[SLOTS];
	struct mapping mappings[MAPPINGS];
	struct stream stream;
	pid_t running;		      /* a program that waits; 0: none */
	int processes;		      /* /proc */
	char path[4096], path2[4096]; /* of the present step, names expanded */
	int own_descriptors;	      /* /proc/self/fd */
	mode_t mask;
	uint64_t touched_from, touched_length; /* bytes of slot's file that the call may have written */
};

struct user {
	uid_t uid;
	gid_t gid, groups[2];
	unsigned group_count;
	mode_t mask;
};
extern const struct user users[PROCESSES];

/* Commands to a worker: a count of steps up to BATCH, or: */
#define COMMAND_REPORT 'R'
#define COMMAND_END    'E'

/* Runs in a child of its own; does not return. */
__attribute__((noreturn)) void worker_run(struct shared *shared, unsigned side, unsigned index,
					  const char *tree, int commands, int answers);
/* For what a call has to look at; then as its user again. */
void worker_as_root(const struct worker *worker, bool root);
void worker_close_slot(struct worker *worker, int slot);
void worker_set_slot(struct worker *worker, int slot, int descriptor);

void view_take(const struct worker *worker, int at, const char *path, int flags, struct view *ret);
void view_outcome(struct worker *worker, const struct step *step, struct outcome *outcome);
uint64_t view_xattrs(const char *path, int descriptor);
uint64_t view_time(const struct shared *shared, int64_t seconds, uint32_t nanoseconds);
void view_taint(const struct worker *worker, int descriptor);
bool view_tainted(const struct worker *worker, int descriptor);
/* Says whether the file's times are known; or asks. */
void view_loosen(const struct worker *worker, int descriptor, bool loose);
bool view_is_loose(const struct worker *worker, int descriptor);
/* As root: all that was stored is written back, and the times are set to now. */
void view_settle(const struct worker *worker, int descriptor);

/* After a step: has the one that waits got its lock? */
void wait_look(struct worker *worker, struct outcome *outcome);
/* A thread that is asleep in the kernel. */
bool worker_sleeps(const struct worker *worker, pid_t process, pid_t thread);
void mappings_start(struct worker *worker);
void stream_start(struct worker *worker);
/* Names of this step may go. */
void stream_note(struct worker *worker, const struct step *step);
void program_stop(struct worker *worker);
/* Copies to or from a mapping; -1 with EFAULT where there is no page (SIGBUS). */
/* Cuts off what would be stored behind the end of the file, but in its last page: that belongs to nobody, and
 * ext4 may show it when the file grows. False: nothing is left. */
bool fit_mapped(int descriptor, off_t from, size_t *length);
int copy_mapped(void *to, const void *from, size_t length);
/* Flags of chattr that both sides know. */
int flags_of(int descriptor);

/* Writes the tree below "/" into the report of its side; "" for nothing to tell (an error is told). */
void tree_report(struct worker *worker);

/* ---- calls ---- */

struct call {
	const char *name;
	/* One letter for each argument, in the order of the script:
	 *  s t slots   p q paths   x a symlink's text
	 *  f offset  n length  z size  S seed of contents  o mode  M type and mode  v device  u uid  g gid
	 *  i time  e access mode  N xattr name  y xattr size  r room  b bool  k l range of a lock
	 *  m mapping  j kind of program  c count
	 *  O W F R X A K L P Y C symbols, see text.c */
	const char *arguments;
	/* As the worker's user. -1 with errno, or what is to be compared. */
	long (*run)(struct worker *worker, const struct step *step, struct outcome *outcome);
	unsigned weight;
	unsigned flags;
};
#define CALL_DATA      1u  /* slots should be regular files */
#define CALL_DIRECTORY 2u  /* slots, and path, should be directories */
#define CALL_MAKES     4u  /* path (path2, if it has one that is a path) should not exist */
#define CALL_XATTRS    8u  /* look at xattrs afterwards */
#define CALL_REMOVES   32u /* names of its paths may go */
#define CALL_NO_AT     16u /* paths start at the root: there is no such *at call */

extern const struct call calls[];
extern const unsigned call_count;
int call_find(const char *name);

/* Directory for a path of the step, as the first argument of an *at call. */
int at_of(const struct worker *worker, int at);
int descriptor_of(const struct worker *worker, int slot);

typedef long call_function(struct worker *worker, const struct step *step, struct outcome *outcome);
call_function call_open, call_close, call_dup, call_setfl, call_umask;
call_function call_read, call_pread, call_readv, call_write, call_pwrite, call_writev, call_lseek, call_fsync;
call_function call_truncate, call_ftruncate, call_fallocate, call_map_read, call_map_write;
call_function call_copy_file_range, call_sendfile;
call_function call_link, call_unlink, call_rmdir, call_rename, call_mkdir, call_mknod, call_symlink,
    call_readlink;
call_function call_getdents, call_list, call_statfs, call_stat;
call_function call_chmod, call_fchmod, call_chown, call_fchown, call_utimensat, call_futimens, call_access;
call_function call_setxattr, call_getxattr, call_listxattr, call_removexattr;
call_function call_fsetxattr, call_fgetxattr, call_flistxattr, call_fremovexattr;
call_function call_map, call_load, call_store, call_msync, call_munmap;
call_function call_lock_wait, call_ofd_lock_wait, call_flock_wait;
call_function call_program, call_run, call_start, call_stop;
call_function call_dir_begin, call_dir_next, call_dir_tell, call_dir_seek;
call_function call_setflags, call_getflags;
call_function call_flock, call_lock, call_getlock, call_ofd_lock, call_ofd_getlock;

#define XATTR_NAMES 9u
extern const char *const xattr_names[XATTR_NAMES];
#define TIMES	8u
#define DEVICES 4u

/* ---- text ---- */

void step_text(const struct step *step, char *text, size_t room);
bool step_parse(const char *text, struct step *ret_step);

/* ---- controller ---- */

struct script {
	struct step *steps;
	size_t count, capacity;
};
void script_add(struct script *script, const struct step *step);

struct random {
	uint64_t state;
};
uint64_t random_next(struct random *random);
/* 0 .. below - 1 */
uint64_t random_below(struct random *random, uint64_t below);
bool chance(struct random *random, unsigned percent);

#define KNOWN	 64u
#define PROGRAMS 4u
struct known {
	char path[PATH_ROOM];
	uint32_t mode;
};
/* What the generator has learnt from outcomes. */
struct generator {
	struct random random;
	struct features features;
	struct known known[KNOWN];
	unsigned known_count;
	uint32_t slot_modes[WORKERS][SLOTS]; /* 0: closed */
	bool mapped[WORKERS][MAPPINGS], reads[WORKERS], runs[WORKERS];
	char programs[PROGRAMS][PATH_ROOM];
};
void generate_reset(struct generator *generator);
void generate_step(struct generator *generator, unsigned worker, struct step *ret_step);
void generate_learn(struct generator *generator, const struct step *step, const struct outcome *outcome);

struct difference {
	char text[4096];
};
/* False, and why. */
bool compare_outcomes(const struct outcome *mmfs, const struct outcome *ext4, struct difference *ret);
bool compare_reports(const struct shared *shared, struct difference *ret);
void differences_print(void);

struct process {
	pid_t pid;
	int commands, answers;
};

/* A pair of trees with their workers. */
struct session {
	struct shared *shared;
	const char *directories[SIDES];
	char trees[SIDES][4096];
	struct process processes[SIDES][PROCESSES];
	unsigned since_epoch;
};
extern const char *const side_names[SIDES];

bool session_open(struct session *session, const char *const directories[SIDES], unsigned number);
/* keep: leaves the trees. */
void session_close(struct session *session, bool keep);
/* Runs steps of one worker. Index of the first that differs, or `count`. */
size_t session_batch(struct session *session, const struct step *steps, size_t count, struct difference *ret);
bool session_compare(struct session *session, struct difference *ret);
/* Compares trees that are there, but for what depends on when and how they were made: times of the clock,
 * places of holes. */
bool session_observe(const char *const trees[SIDES], struct difference *ret);

struct run {
	const char *directories[SIDES];
	struct generator generator;
	uint64_t steps_wanted, steps_done, trees;
	unsigned tree_steps;	 /* steps on one tree */
	unsigned compare_every;	 /* steps between full comparisons */
	double deadline;	 /* 0: none */
	unsigned session_number; /* of the next trees */
	bool keep;		 /* the last trees */
	struct count {
		uint64_t succeeded, failed, skipped;
	} counts[80]; /* of each call */
	uint64_t waits_ended;
};
/* False: a difference was found, and told. */
bool run_random(struct run *run);
/* The script in fresh trees; index of the step that differs, script->count when only the whole trees do,
 * -1: nothing differs. */
ssize_t run_script(struct run *run, const struct script *script, struct difference *ret);
/* The whole script fails in its last step, or in a full comparison at its end: prints a smaller one. */
void shrink(struct run *run, const struct script *script);
double now_seconds(void);

/* ---- hashes ---- */

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length);
uint64_t hash_number(uint64_t hash, uint64_t number);
/* What is zero counts nothing, so that holes and zeros are the same. */
uint64_t hash_block(uint64_t hash, uint64_t offset, const void *bytes, size_t length);
void fill_pattern(uint64_t seed, void *bytes, size_t length);

#endif
