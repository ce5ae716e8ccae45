/*
 * An image without a filesystem in a temporary file, for the tests of the backend. Without a syncer thread
 * unless asked for, so that a test decides about seals and checkpoints.
 */
#ifndef MMFS_BACKEND_FIXTURE_H
#define MMFS_BACKEND_FIXTURE_H

#include "../../backend/checksum.h"
#include "../../backend/image_i.h"

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

struct backend {
	char path[80];
	struct image *image;
	struct image_report report; /* of the last open */
};

static inline void backend_path(struct backend *b)
{
	const char *directory = getenv("TMPDIR");
	int descriptor;

	memset(b, 0, sizeof(*b));
	snprintf(b->path, sizeof(b->path), "%.50s/mmfs-unit-XXXXXX", directory ? directory : "/tmp");
	descriptor = mkstemp(b->path);
	assert_true(descriptor >= 0);
	close(descriptor);
}

static inline struct store *backend_store(const struct backend *b, enum store_mode mode)
{
	struct store_file_options options = {.mode = mode, .lock_wait_ms = 1000};
	struct store *store = NULL;

	assert_int_equal(store_file_open(b->path, &options, &store), 0);
	return store;
}

/* Makes an image with a journal of that size (0: 1 MiB), as one of before the features `without`; does not
 * open it. */
static inline void backend_make_without(struct backend *b, uint64_t journal_bytes, uint64_t without)
{
	struct image_make_options options = {
	    .journal_bytes = journal_bytes ? journal_bytes : 1u << 20, .label = "unit", .without = without};
	struct store *store;

	backend_path(b);
	store = backend_store(b, STORE_WRITE);
	assert_int_equal(image_make(store, &options), 0);
	store_close(store);
}

static inline void backend_make(struct backend *b, uint64_t journal_bytes)
{
	backend_make_without(b, journal_bytes, 0);
}

/* Opens it with the present session; the error is the caller's to judge. */
static inline int backend_try(struct backend *b, const struct image_options *options)
{
	struct image_options with_session = *options;
	struct session_disk session;
	struct store *store = backend_store(b, options->read_only ? STORE_READ_ONLY : STORE_WRITE);

	image_session_of(store_file_descriptor(store), &session);
	with_session.session = &session;
	b->image = NULL;
	return image_open(store, &with_session, &b->image, &b->report);
}

static inline void backend_open(struct backend *b, enum recover_mode recover)
{
	struct image_options options = {.no_syncer = true, .recover = recover};
	int error = backend_try(b, &options);

	if (error)
		print_error("image_open: %s: %s\n", strerror(-error), b->report.text);
	assert_int_equal(error, 0);
}

/* As a kill: nothing more is written. */
static inline void backend_kill(struct backend *b)
{
	image_drop(b->image);
	b->image = NULL;
}

static inline void backend_close(struct backend *b)
{
	assert_int_equal(image_close(b->image), 0);
	b->image = NULL;
}

static inline void backend_remove(struct backend *b)
{
	assert_int_equal(unlink(b->path), 0);
}

/* Changes bytes of the file behind the image's back. */
static inline void backend_poke(const struct backend *b, uint64_t offset, const void *bytes, size_t length)
{
	int descriptor = open(b->path, O_WRONLY | O_CLOEXEC);

	assert_true(descriptor >= 0);
	assert_int_equal(pwrite(descriptor, bytes, length, (off_t)offset), length);
	close(descriptor);
}

static inline void backend_peek(const struct backend *b, uint64_t offset, void *bytes, size_t length)
{
	int descriptor = open(b->path, O_RDONLY | O_CLOEXEC);

	assert_true(descriptor >= 0);
	assert_int_equal(pread(descriptor, bytes, length, (off_t)offset), length);
	close(descriptor);
}

static inline struct key backend_key(uint64_t number)
{
	return (struct key){.object = number, .type = ITEM_XATTR, .offset = number * 7};
}

/* What item `number` holds when it was put the `version`th time. */
static inline size_t backend_value(uint64_t number, uint64_t version, uint8_t bytes[ITEM_MAX])
{
	size_t size = 16 + (number * 31 + version * 17) % 200;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(number * 131 + version * 7 + i);
	return size;
}

/* One transaction with one item. Returns the LSN behind its record. */
static inline uint64_t backend_put(struct backend *b, uint64_t number, uint64_t version)
{
	uint8_t bytes[ITEM_MAX];
	size_t size = backend_value(number, version, bytes);
	struct txn *txn;
	uint64_t lsn;

	assert_int_equal(txn_begin(b->image, 1, 0, &txn), 0);
	assert_int_equal(tree_put(txn, TREE_FILES, backend_key(number), bytes, size), 0);
	assert_int_equal(txn_commit(txn, &lsn), 0);
	return lsn;
}

/* Which version item `number` has: 0 to `versions`, -1 if there is none, -2 if it is none of them. */
static inline int backend_version(struct backend *b, uint64_t number, uint64_t versions)
{
	uint8_t found[ITEM_MAX], expected[ITEM_MAX];
	size_t size;
	int error;

	image_read_lock(b->image);
	error = tree_get(b->image, TREE_FILES, backend_key(number), found, sizeof(found), &size);
	image_read_unlock(b->image);
	if (error == -ENOENT)
		return -1;
	if (error)
		print_error("tree_get: %s: %s\n", strerror(-error), image_damage(b->image));
	assert_int_equal(error, 0);
	for (uint64_t version = 0; version <= versions; version++) {
		if (backend_value(number, version, expected) == size && memcmp(found, expected, size) == 0)
			return (int)version;
	}
	return -2;
}

#endif
