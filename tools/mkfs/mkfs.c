/*
 * mkfs.mmfs: makes an image. What a file held before is only ever given up when the user says --force.
 */
#include "../common/copy.h"
#include "../common/open_image.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "mkfs.mmfs"

enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

struct settings {
	const char *path;
	struct image_make_options make;
	uint8_t uuid[16];
	const char *from; /* the directory that fills it; NULL: it stays empty */
	bool force, quiet;
};

static const char usage_text[] =
    "Usage: mkfs.mmfs [OPTION]... IMAGE\n"
    "Makes an mmfs image: a filesystem in one file, which grows by itself as it fills.\n"
    "\n"
    "  -s, --size=LIMIT     largest size the image may grow to (default: as far as the host has room)\n"
    "  -J, --journal=SIZE   size of the journal (default: 16M, less where the host is nearly full)\n"
    "  -L, --label=LABEL    a name for the image, at most 63 bytes\n"
    "  -U, --uuid=UUID      its UUID (default: random)\n"
    "  -d, --from=DIR       puts what is in DIR at the root; DIR's attributes become the root's\n"
    "  -F, --force          give up what the file holds\n"
    "  -q, --quiet          print nothing when all went well\n"
    "  -h, --help           print this text\n"
    "  -V, --version        print the version\n"
    "\n"
    "Sizes are bytes, or have a unit: K, M, G, T, P (powers of 1024).\n"
    "Exit status: 0 the image was made, 1 it was not, 2 wrong usage.\n";

/* ---- the command line ---- */

static int parse_uuid(const char *text, uint8_t *uuid)
{
	unsigned digits = 0;

	for (const char *at = text; *at; at++) {
		unsigned digit;
		if (*at == '-' && (digits == 8 || digits == 12 || digits == 16 || digits == 20) &&
		    at[-1] != '-')
			continue;
		if (*at >= '0' && *at <= '9')
			digit = (unsigned)(*at - '0');
		else if ((*at | 32) >= 'a' && (*at | 32) <= 'f')
			digit = (unsigned)((*at | 32) - 'a' + 10);
		else
			return -EINVAL;
		if (digits == 32)
			return -EINVAL;
		uuid[digits / 2] = (uint8_t)(digits % 2 ? uuid[digits / 2] | digit : digit << 4);
		digits++;
	}
	return digits == 32 ? 0 : -EINVAL;
}

static void size_option(const char *option, const char *text, uint64_t *ret_bytes)
{
	if (!parse_size(text, ret_bytes) && *ret_bytes)
		return;
	fprintf(stderr, PROGRAM ": --%s: '%s' is not a size; give bytes, or a number with K, M, G, T or P\n",
		option, text);
	exit(EXIT_USAGE);
}

static void take_option(struct settings *settings, int option, const char *value)
{
	switch (option) {
	case 's':
		size_option("size", value, &settings->make.limit_bytes);
		return;
	case 'J':
		size_option("journal", value, &settings->make.journal_bytes);
		return;
	case 'L':
		if (strlen(value) > 63) {
			fprintf(stderr, PROGRAM ": --label: longer than 63 bytes; give a shorter one\n");
			exit(EXIT_USAGE);
		}
		settings->make.label = value;
		return;
	case 'U':
		if (parse_uuid(value, settings->uuid)) {
			fprintf(stderr, PROGRAM ": --uuid: '%s' is not a UUID; give 32 hex digits\n", value);
			exit(EXIT_USAGE);
		}
		settings->make.uuid = settings->uuid;
		return;
	case 'd':
		settings->from = value;
		return;
	case 'F':
		settings->force = true;
		return;
	case 'q':
		settings->quiet = true;
		return;
	case 'h':
		fputs(usage_text, stdout);
		exit(EXIT_OK);
	case 'V':
		puts(PROGRAM " " MMFS_VERSION);
		exit(EXIT_OK);
	default:
		fprintf(stderr, "Try '" PROGRAM " --help'.\n");
		exit(EXIT_USAGE);
	}
}

static void parse_arguments(int count, char **arguments, struct settings *settings)
{
	static const struct option options[] = {
	    {"size", required_argument, NULL, 's'},  {"journal", required_argument, NULL, 'J'},
	    {"label", required_argument, NULL, 'L'}, {"uuid", required_argument, NULL, 'U'},
	    {"from", required_argument, NULL, 'd'},  {"force", no_argument, NULL, 'F'},
	    {"quiet", no_argument, NULL, 'q'},	     {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},     {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(count, arguments, "s:J:L:U:d:FqhV", options, NULL)) != -1)
		take_option(settings, option, optarg);
	if (count - optind != 1) {
		fprintf(stderr, PROGRAM ": give one image file\nTry '" PROGRAM " --help'.\n");
		exit(EXIT_USAGE);
	}
	settings->path = arguments[optind];
}

/* ---- what the file holds ---- */

/* 1: some byte of [from, to) is not zero, 0: none is. */
static int range_holds(int descriptor, off_t from, off_t to)
{
	static const uint8_t zeros[65536];
	static uint8_t bytes[65536];

	while (from < to) {
		size_t want = to - from < (off_t)sizeof(bytes) ? (size_t)(to - from) : sizeof(bytes);
		ssize_t got = pread(descriptor, bytes, want, from);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		if (memcmp(bytes, zeros, (size_t)got))
			return 1;
		from += got;
	}
	return 0;
}

/* A regular file: does it hold anything but zeros? Holes are skipped. */
static int file_holds(int descriptor, off_t size)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(descriptor, at, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : range_holds(descriptor, at, size);
		off_t hole = lseek(descriptor, data, SEEK_HOLE);
		if (hole < 0)
			hole = size;
		int holds = range_holds(descriptor, data, hole);
		if (holds)
			return holds;
		at = hole;
	}
	return 0;
}

/* Filesystems, partition tables and archives have their marks at either end of a device. */
#define DEVICE_END_BYTES 1048576

static int device_holds(int descriptor, off_t size)
{
	off_t end = size < DEVICE_END_BYTES ? size : DEVICE_END_BYTES;
	int holds = range_holds(descriptor, 0, end);

	return holds ? holds : range_holds(descriptor, size - end, size);
}

static int store_holds(const struct store *store)
{
	int descriptor = store_file_descriptor(store);
	off_t size = (off_t)store_size(store);
	struct stat status;

	if (fstat(descriptor, &status))
		return -errno;
	return S_ISBLK(status.st_mode) ? device_holds(descriptor, size) : file_holds(descriptor, size);
}

/* May what the store holds be given up? Says why not. */
static int check_contents(const struct settings *settings, const struct store *store)
{
	if (store_size(store) == 0 || settings->force)
		return 0;
	int holds = store_holds(store);
	if (holds > 0) {
		fprintf(stderr,
			PROGRAM
			": %s: already holds %s (it was not touched); give another file, or --force to "
			"give up what it holds\n",
			settings->path, image_detect(store) == 1 ? "an mmfs image" : "something");
		return -EEXIST;
	}
	if (holds < 0)
		fprintf(stderr, PROGRAM ": %s: cannot be read: %s\n", settings->path, strerror(-holds));
	return holds;
}

/* ---- making it ---- */

static void print_facts(const struct settings *settings, const struct image *image)
{
	const struct super_disk *super = image_super(image);
	uint64_t limit = le64_get(super->limit_blocks);

	if (settings->quiet)
		return;
	printf("%s: made, UUID ", settings->path);
	for (unsigned i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", super->uuid[i]);
	printf(", journal %llu KiB, ",
	       (unsigned long long)le64_get(super->ring_blocks) * (BLOCK_SIZE / 1024));
	if (limit)
		printf("grows up to %llu KiB\n", (unsigned long long)limit * (BLOCK_SIZE / 1024));
	else
		printf("grows as far as the host has room\n");
}

/* The root directory belongs to the caller; closing writes everything out and marks the image clean. */
static int make_root(const struct settings *settings, struct image *image)
{
	struct fs_options options = {.root_uid = getuid(), .root_gid = getgid()};
	struct fs *fs;

	int error = fs_open(image, &options, &fs);
	if (!error)
		error = fs_close(fs);
	if (!error)
		print_facts(settings, image);
	int close_error = image_close(image);
	if (!error)
		error = close_error;
	if (error)
		fprintf(stderr, PROGRAM ": %s: making the root directory failed: %s\n", settings->path,
			strerror(-error));
	return error;
}

/* Of a file that was there before: it holds nothing again. */
static void take_back(const struct settings *settings)
{
	struct open_image_options options = {.quiet = true};
	struct store *store;

	if (open_store(PROGRAM, settings->path, &options, &store, NULL))
		return;
	int error = store_zero(store, 0, 2 * BLOCK_SIZE);
	if (!error)
		error = store_sync_range(store, 0, 2 * BLOCK_SIZE);
	if (!error && !store->fixed_size)
		error = store_set_size(store, 0);
	if (error)
		fprintf(stderr,
			PROGRAM ": %s: and what was begun could not be taken back: %s; do not use it\n",
			settings->path, strerror(-error));
	store_close(store);
}

/* All of it, or there is no image. */
static int fill(const struct settings *settings, struct image *image, bool created)
{
	struct files files;

	int error = files_open_in(PROGRAM, settings->path, image, &files);
	if (!error) {
		struct copy_in *copy = copy_in_open(&files, true);
		error = copy ? copy_in_tree(copy, settings->from, ROOT_INODE, (struct fs_name){0}) : -ENOMEM;
		copy_in_close(copy);
		if (!error) {
			print_facts(settings, image);
			error = files_close(&files);
			if (error && created)
				unlink(settings->path);
			return error;
		}
		/* while it is still locked */
		if (created)
			unlink(settings->path);
		fs_drop(files.fs);
		image_drop(image);
	} else if (created) {
		unlink(settings->path);
	}
	if (!created)
		take_back(settings);
	return error;
}

/* Before anything is given up for it. */
static int check_from(const struct settings *settings)
{
	struct stat status;
	int error = stat(settings->from, &status) ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;

	if (error)
		fprintf(stderr, PROGRAM ": --from: %s: %s\n", settings->from, strerror(error));
	return -error;
}

static int make(const struct settings *settings)
{
	/* Filling goes on for longer than the journal holds: the syncer makes room. */
	struct open_image_options options = {
	    .create = true, .quiet = true, .image.no_syncer = !settings->from};
	struct store *store;
	struct image *image;
	bool created = false;

	int error = settings->from ? check_from(settings) : 0;
	if (error)
		return error;
	error = open_store(PROGRAM, settings->path, &options, &store, &created);
	if (error)
		return error;
	error = check_contents(settings, store);
	if (!error)
		error = make_image_in(PROGRAM, settings->path, store, &settings->make);
	if (error) {
		if (created)
			unlink(settings->path);
		store_close(store);
		return error;
	}
	error = open_image_in(PROGRAM, settings->path, store, &options, &image);
	if (error)
		return error;
	return settings->from ? fill(settings, image, created) : make_root(settings, image);
}

int main(int count, char **arguments)
{
	struct settings settings = {0};

	parse_arguments(count, arguments, &settings);
	if (settings.from)
		files_catch_signals();
	return make(&settings) ? EXIT_ERROR : EXIT_OK;
}
