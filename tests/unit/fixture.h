/*
 * A fresh image in a temporary file with an open filesystem on it, for unit tests. There is no syncer thread:
 * a test that wants seals and checkpoints calls image_sync and image_checkpoint.
 */
#ifndef MMFS_FIXTURE_H
#define MMFS_FIXTURE_H

#include "../../fs/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	char path[64];
	struct image *image;
	struct fs *fs;
	uint64_t limit_bytes; /* of the image, from the next (re)open on; 0: none */
	bool acl;	      /* from the next (re)open on */
};

/* Opens image and filesystem at f->path; `made` makes the image first. */
static inline void fixture_start(struct fixture *f, bool make, enum recover_mode recover)
{
	struct store_file_options how = {.mode = STORE_WRITE, .lock_wait_ms = 1000};
	struct store *store = NULL;
	assert_int_equal(store_file_open(f->path, &how, &store), 0);
	if (make) {
		struct image_make_options options = {.journal_bytes = 1u << 20, .label = "test"};
		assert_int_equal(image_make(store, &options), 0);
	}
	struct session_disk session;
	image_session_of(store_file_descriptor(store), &session);
	struct image_options options = {
	    .no_syncer = true, .recover = recover, .session = &session, .limit_bytes = f->limit_bytes};
	struct image_report report = {.text = ""};
	int result = image_open(store, &options, &f->image, &report);
	if (result)
		print_error("image_open: %d %s\n", result, report.text);
	assert_int_equal(result, 0);
	struct fs_options fs_options = {
	    .root_uid = 1000, .root_gid = 1000, .track_lookups = true, .noatime = true, .acl = f->acl};
	result = fs_open(f->image, &fs_options, &f->fs);
	if (result)
		print_error("fs_open: %d %s\n", result, image_damage(f->image));
	assert_int_equal(result, 0);
}

static inline void fixture_open(struct fixture *f)
{
	const char *directory = getenv("TMPDIR");
	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%.40s/mmfs-unit-XXXXXX", directory ? directory : "/tmp");
	int descriptor = mkstemp(f->path);
	assert_true(descriptor >= 0);
	close(descriptor);
	fixture_start(f, true, RECOVER_AUTO);
}

/* A clean unmount and mount. */
static inline void fixture_reopen(struct fixture *f)
{
	assert_int_equal(fs_close(f->fs), 0);
	assert_int_equal(image_close(f->image), 0);
	fixture_start(f, false, RECOVER_AUTO);
}

/* As after kill -9: nothing is written any more, then a mount that trusts the page cache. */
static inline void fixture_crash(struct fixture *f)
{
	fs_drop(f->fs);
	image_drop(f->image);
	fixture_start(f, false, RECOVER_WARM);
}

static inline void fixture_close(struct fixture *f)
{
	assert_int_equal(fs_close(f->fs), 0);
	assert_int_equal(image_close(f->image), 0);
	assert_int_equal(unlink(f->path), 0);
	f->fs = NULL;
	f->image = NULL;
}

static inline struct fs_name fixture_name(const char *text)
{
	return (struct fs_name){.bytes = text, .length = strlen(text)};
}

/* Makes something below `parent`; returns its inode number. One lookup is counted. */
static inline uint64_t fixture_make(struct fixture *f, uint64_t parent, const char *name, uint32_t mode)
{
	struct fs_caller caller = {.uid = 1000, .gid = 1000};
	struct fs_attr attr;
	assert_int_equal(fs_make(f->fs, &caller, parent, fixture_name(name), mode, 0, 0, &attr), 0);
	return attr.inode;
}

/* The inode that a name means, 0 if there is none; no lookup stays counted. */
static inline uint64_t fixture_find(struct fixture *f, uint64_t parent, const char *name)
{
	struct fs_attr attr;
	int result = fs_lookup(f->fs, parent, fixture_name(name), &attr);
	if (result == -ENOENT)
		return 0;
	assert_int_equal(result, 0);
	fs_forget(f->fs, attr.inode, 1);
	return attr.inode;
}

static inline struct fs_attr fixture_attr(struct fixture *f, uint64_t inode)
{
	struct fs_attr attr;
	assert_int_equal(fs_getattr(f->fs, inode, &attr), 0);
	return attr;
}

/* Number of inodes that exist. */
static inline uint64_t fixture_inodes(struct fixture *f)
{
	struct fs_statfs statfs;
	assert_int_equal(fs_statfs(f->fs, &statfs), 0);
	return statfs.inodes;
}

/* Numbers that are the same in every run (xorshift64*). */
static inline uint64_t fixture_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
