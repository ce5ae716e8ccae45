/* The command line: a table of mount options, and what each does to struct options. */
#include "daemon.h"
#include "handover.h"
#include "../../tools/common/open_image.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum option_kind {
	OPTION_SET,	/* a bool becomes true */
	OPTION_CLEAR,	/* and false */
	OPTION_KERNEL,	/* handed to the kernel as it is */
	OPTION_IGNORED, /* for mount(8) and /etc/fstab, or always so */
	OPTION_PREFIX,	/* ignored, and whatever begins so */
	OPTION_VALUE,	/* has a value, taken by a function */
	OPTION_MAYBE,	/* the same, and the value may be left out (NULL) */
};

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t field; /* SET, CLEAR: offset of the bool; KERNEL: of a bool that is set too, or NO_FIELD */
	const char *value; /* what --help calls the value */
	/* 0, or a negative errno: the value is not one. */
	int (*take)(struct options *options, const char *value);
	const char *help;
};

#define SPIN_US_DEFAULT 50
#define SCRATCH_LEAST	(UINT64_C(1) << 20)

#define NO_FIELD    SIZE_MAX
#define FIELD(name) offsetof(struct options, name)

static int take_number(const char *text, unsigned long most, char **ret_end, unsigned long *ret_number)
{
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	unsigned long number = strtoul(text, ret_end, 10);
	if (errno || number > most)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

static int take_size(struct options *options, const char *value)
{
	uint64_t bytes;
	int error = parse_size(value, &bytes);

	if (error || !bytes)
		return error ? error : -EINVAL;
	options->size_bytes = bytes;
	return 0;
}

static int take_overlay_max(struct options *options, const char *value)
{
	uint64_t bytes;
	int error = parse_size(value, &bytes);

	if (error || bytes < 1 << 20)
		return error ? error : -ERANGE;
	options->overlay_bytes = bytes;
	return 0;
}

static int take_scratch(struct options *options, const char *value)
{
	uint64_t bytes = 0;
	int error = value ? parse_size(value, &bytes) : 0;

	if (error || (value && bytes < SCRATCH_LEAST))
		return error ? error : -ERANGE;
	options->scratch = true;
	options->scratch_bytes = bytes;
	return 0;
}

static int take_root_owner(struct options *options, const char *value)
{
	unsigned long uid, gid;
	char *end;

	/* The largest number means "no id". */
	if (take_number(value, UINT32_MAX - 1ul, &end, &uid) || *end != ':')
		return -EINVAL;
	if (take_number(end + 1, UINT32_MAX - 1ul, &end, &gid) || *end)
		return -EINVAL;
	options->root_uid = (uint32_t)uid;
	options->root_gid = (uint32_t)gid;
	return 0;
}

/* The largest number means "no id". */
static int take_id(const char *value, uint32_t *ret_id)
{
	unsigned long id;
	char *end;

	if (take_number(value, UINT32_MAX - 1ul, &end, &id) || *end)
		return -EINVAL;
	*ret_id = (uint32_t)id;
	return 0;
}

static int take_uid(struct options *options, const char *value)
{
	int error = take_id(value, &options->shown.uid);

	options->shown.has_uid = !error;
	return error;
}

static int take_gid(struct options *options, const char *value)
{
	int error = take_id(value, &options->shown.gid);

	options->shown.has_gid = !error;
	return error;
}

static int take_recover(struct options *options, const char *value)
{
	static const char *const names[] = {
	    [RECOVER_AUTO] = "auto", [RECOVER_WARM] = "warm", [RECOVER_COLD] = "cold"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(value, names[i])) {
			options->recover = (enum recover_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_image_cache(struct options *options, const char *value)
{
	static const char *const names[] = {
	    [IMAGE_CACHE_AUTO] = "auto", [IMAGE_CACHE_DROP] = "drop", [IMAGE_CACHE_KEEP] = "keep"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(value, names[i])) {
			options->image_cache = (enum image_cache)i;
			options->image_cache_given = true;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_commit(struct options *options, const char *value)
{
	unsigned long seconds;
	char *end;

	if (take_number(value, 3600, &end, &seconds) || *end || !seconds)
		return -EINVAL;
	options->commit_seconds = (unsigned)seconds;
	return 0;
}

static int take_threads(struct options *options, const char *value)
{
	unsigned long threads;
	char *end;

	if (take_number(value, 64, &end, &threads) || *end || !threads)
		return -EINVAL;
	options->threads = (unsigned)threads;
	return 0;
}

static int take_spin(struct options *options, const char *value)
{
	unsigned long microseconds;
	char *end;

	if (take_number(value, 1000, &end, &microseconds) || *end)
		return -EINVAL;
	options->spin_us = (unsigned)microseconds;
	return 0;
}

static int take_fsync(struct options *options, const char *value)
{
	if (strcmp(value, "sync") != 0 && strcmp(value, "async") != 0)
		return -EINVAL;
	options->fsync_async = !strcmp(value, "async");
	return 0;
}

static int take_supervise(struct options *options, const char *value)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return -EINVAL;
	options->supervise = options->supervise_given = !strcmp(value, "yes");
	return 0;
}

static int take_errors(struct options *options, const char *value)
{
	if (strcmp(value, "remount-ro") != 0 && strcmp(value, "abort") != 0)
		return -EINVAL;
	options->errors_abort = !strcmp(value, "abort");
	return 0;
}

static int take_fsname(struct options *options, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(options->fsname);
	options->fsname = copy;
	return 0;
}

static const struct option_row rows[] = {
    {"ro", OPTION_SET, FIELD(read_only), NULL, NULL,
     "read-only; recovers in memory, writes nothing to the image"},
    {"rw", OPTION_CLEAR, FIELD(read_only), NULL, NULL, "read and write (default)"},
    {"scratch", OPTION_MAYBE, NO_FIELD, "LIMIT", take_scratch,
     "changes stay in memory (default: half of it) and end with the mount"},
    {"size", OPTION_VALUE, NO_FIELD, "LIMIT", take_size,
     "largest size the image may grow to: 20G (default: what the host has)"},
    {"root_owner", OPTION_VALUE, NO_FIELD, "UID:GID", take_root_owner,
     "owner of the root directory of a new image (default: the caller)"},
    {"uid", OPTION_VALUE, NO_FIELD, "UID", take_uid,
     "every file appears to belong to this user; chown changes nothing"},
    {"gid", OPTION_VALUE, NO_FIELD, "GID", take_gid, "the same for the group"},
    {"recover", OPTION_VALUE, NO_FIELD, "warm|cold|auto", take_recover,
     "how to recover an image that was not unmounted (default: auto)"},
    {"commit", OPTION_VALUE, NO_FIELD, "SECONDS", take_commit,
     "make everything durable that often, 1 to 3600 (default: 5)"},
    {"fsync", OPTION_VALUE, NO_FIELD, "sync|async", take_fsync,
     "async: fsync returns at once, for throw-away work (default: sync)"},
    {"errors", OPTION_VALUE, NO_FIELD, "remount-ro|abort", take_errors,
     "when the image fails: read on, or end the daemon (default: remount-ro)"},
    {"nolock", OPTION_SET, FIELD(no_lock), NULL, NULL,
     "mount where files cannot be locked: see to it that nobody else does"},
    {"overlay_max", OPTION_VALUE, NO_FIELD, "SIZE", take_overlay_max,
     "memory for metadata not yet checkpointed, at least 1M (default: 64M)"},
    {"image_cache", OPTION_VALUE, NO_FIELD, "auto|drop|keep", take_image_cache,
     "file data in the host's cache of the image goes: if memory is short (default)"},
    {"threads", OPTION_VALUE, NO_FIELD, "N", take_threads,
     "workers, 1 to 64 (default: processors + 1, more if all wait)"},
    {"spin_us", OPTION_VALUE, NO_FIELD, "MICROSECONDS", take_spin,
     "how long a worker polls before it sleeps, 0 to 1000 (default: 50)"},
    {"supervise", OPTION_VALUE, NO_FIELD, "yes|no", take_supervise,
     "no: the mount ends with its daemon, should that be killed (default: yes)"},
    {"writeback", OPTION_SET, FIELD(writeback), NULL, NULL,
     "the kernel collects writes until a file is closed or synced"},
    {"direct_io", OPTION_SET, FIELD(direct_io), NULL, NULL,
     "the kernel caches no contents: every read and write reaches the daemon"},
    {"noatime", OPTION_KERNEL, FIELD(noatime), NULL, NULL, "reading never changes access times"},
    {"acl", OPTION_SET, FIELD(acl), NULL, NULL, "POSIX access control lists: setfacl(1), acl(5)"},
    {"noacl", OPTION_CLEAR, FIELD(acl), NULL, NULL,
     "none; those that are stored are kept and do not count (default)"},
    {"allow_other", OPTION_SET, FIELD(allow_other), NULL, NULL, "let other users use the mount"},
    {"allow_root", OPTION_SET, FIELD(allow_root), NULL, NULL, "let root use the mount, but no other user"},
    {"default_permissions", OPTION_IGNORED, NO_FIELD, NULL, NULL,
     "the kernel checks permissions (always so)"},
    {"fsname", OPTION_VALUE, NO_FIELD, "NAME", take_fsname,
     "what mount(8) and df show as the source (default: the image's path)"},
    {"nosuid", OPTION_KERNEL, FIELD(suid_given), NULL, NULL,
     "set-user-id and set-group-id bits do not count"},
    {"suid", OPTION_KERNEL, FIELD(suid_given), NULL, NULL, "they count (root only)"},
    {"nodev", OPTION_KERNEL, FIELD(dev_given), NULL, NULL, "device nodes cannot be opened"},
    {"dev", OPTION_KERNEL, FIELD(dev_given), NULL, NULL, "they can (root only)"},
    {"noexec", OPTION_KERNEL, NO_FIELD, NULL, NULL, "programs cannot be run"},
    {"exec", OPTION_KERNEL, NO_FIELD, NULL, NULL, "they can (default)"},
    {"sync", OPTION_KERNEL, NO_FIELD, NULL, NULL, "every write is followed by fsync"},
    {"async", OPTION_KERNEL, NO_FIELD, NULL, NULL, "it is not (default)"},
    {"dirsync", OPTION_KERNEL, NO_FIELD, NULL, NULL, "passed to the kernel"},
    {"defaults", OPTION_IGNORED, NO_FIELD, NULL, NULL,
     "ignored, as those that follow: for mount(8) and fstab"},
    {"relatime", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"auto", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"noauto", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"user", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"nouser", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"users", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"owner", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"group", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"nofail", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"_netdev", OPTION_IGNORED, NO_FIELD, NULL, NULL, "ignored"},
    {"x-", OPTION_PREFIX, NO_FIELD, "NAME", NULL, "ignored, whatever the name"},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

#define HELP_COLUMN 29
#define HELP_WIDTH  79

/* From `column` on, then from HELP_COLUMN on in as many lines as it takes. */
static void print_wrapped(const char *text, int column)
{
	const char *blank = "";

	while (*text) {
		int word = (int)strcspn(text, " ");

		if (column + (int)strlen(blank) + word > HELP_WIDTH) {
			column = printf("\n%*s", HELP_COLUMN, "") - 1;
			blank = "";
		}
		column += printf("%s%.*s", blank, word, text);
		text += word + (text[word] == ' ');
		blank = " ";
	}
	putchar('\n');
}

static void print_help(void)
{
	printf("Usage: mmfs [-o OPTION[,OPTION]...] [-f] [-d] IMAGE MOUNTPOINT\n"
	       "Mounts the filesystem in the file IMAGE at the directory MOUNTPOINT, and\n"
	       "returns when it is ready.\n"
	       "An IMAGE that does not exist is made. Unmount with: fusermount3 -u MOUNTPOINT\n"
	       "\n"
	       "  -f, --foreground  stay in the foreground; messages go to the terminal\n"
	       "  -d, --debug       print every request (and -f)\n"
	       "  -h, --help        print this\n"
	       "  -V, --version     print the version\n"
	       "\n"
	       "Mount options, separated by commas; sizes take K, M, G, T, P:\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct option_row *row = &rows[i];
		char text[64];

		snprintf(text, sizeof(text),
			 row->kind == OPTION_MAYBE		    ? "%s[=%s]"
			 : row->value && row->kind != OPTION_PREFIX ? "%s=%s"
								    : "%s%s",
			 row->name, row->value ? row->value : "");
		int column = printf("  -o %-22s  ", text);
		print_wrapped(row->help, column);
	}
}

static const struct option_row *row_find(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		bool prefix = rows[i].kind == OPTION_PREFIX;

		if (prefix ? !strncmp(name, rows[i].name, strlen(rows[i].name)) : !strcmp(name, rows[i].name))
			return &rows[i];
	}
	return NULL;
}

static bool *row_field(const struct option_row *row, struct options *options)
{
	return (bool *)((char *)options + row->field);
}

static int row_apply(const struct option_row *row, struct options *options, const char *value)
{
	switch (row->kind) {
	case OPTION_SET:
	case OPTION_CLEAR:
		*row_field(row, options) = row->kind == OPTION_SET;
		return 0;
	case OPTION_KERNEL:
		if (row->field != NO_FIELD)
			*row_field(row, options) = true;
		return fuse_opt_add_opt(&options->mount_flags, row->name) ? -ENOMEM : 0;
	case OPTION_IGNORED:
	case OPTION_PREFIX:
		return 0;
	case OPTION_VALUE:
	case OPTION_MAYBE:
		return row->take(options, value);
	}
	return -EINVAL;
}

/* One NAME or NAME=VALUE. */
static int parse_one(struct options *options, char *text)
{
	char *value = strchr(text, '=');

	if (value)
		*value++ = 0;
	const struct option_row *row = row_find(text);
	if (!row) {
		log_say(LOG_ERR, "unknown option '%s'; mmfs --help lists the options", text);
		return -EINVAL;
	}
	if ((row->kind == OPTION_VALUE && (!value || !*value)) ||
	    (row->kind == OPTION_MAYBE && value && !*value)) {
		log_say(LOG_ERR, "option '%s' needs a value: %s=%s", text, text, row->value);
		return -EINVAL;
	}
	if (!row->take && row->kind != OPTION_PREFIX && value) {
		log_say(LOG_ERR, "option '%s' takes no value", text);
		return -EINVAL;
	}
	int error = row_apply(row, options, value);
	if (error == -ENOMEM)
		log_say(LOG_ERR, "out of memory");
	else if (error)
		log_say(LOG_ERR, "option '%s' cannot be '%s'; give %s=%s (see mmfs --help)", text, value,
			text, row->value);
	return error;
}

/* Cuts the list at commas; a backslash takes the next character as it is. */
static int parse_list(struct options *options, const char *list)
{
	char *text = strdup(list);
	int error = 0;

	if (!text) {
		log_say(LOG_ERR, "out of memory");
		return -ENOMEM;
	}
	const char *from = text;
	while (*from && !error) {
		char *one = strdup(from), *to = one;

		if (!one) {
			error = -ENOMEM;
			break;
		}
		for (; *from && *from != ','; from++) {
			if (*from == '\\' && from[1])
				from++;
			*to++ = *from;
		}
		*to = 0;
		if (*from)
			from++;
		if (*one)
			error = parse_one(options, one);
		free(one);
	}
	free(text);
	return error;
}

/* Options that are right by themselves and wrong together. */
static enum options_result check_together(struct options *options)
{
	if (options->allow_other && options->allow_root) {
		log_say(LOG_ERR, "allow_other and allow_root exclude each other; allow_other includes root");
		return OPTIONS_WRONG;
	}
	if (options->scratch && options->read_only) {
		log_say(LOG_ERR, "scratch and ro exclude each other; neither changes the image, and with ro "
				 "nothing can be changed at all");
		return OPTIONS_WRONG;
	}
	if (options->scratch && options->supervise_given) {
		log_say(LOG_ERR, "scratch and supervise=yes exclude each other: the changes are in the "
				 "daemon's memory and end with it; leave supervise=yes out");
		return OPTIONS_WRONG;
	}
	if (options->writeback && options->direct_io) {
		log_say(LOG_ERR, "writeback and direct_io exclude each other: one keeps written pages in the "
				 "kernel, the other keeps none");
		return OPTIONS_WRONG;
	}
	/* Then it is not cached twice. */
	if (options->direct_io && !options->image_cache_given)
		options->image_cache = IMAGE_CACHE_KEEP;
	if (options->scratch)
		options->supervise = false;
	return OPTIONS_RUN;
}

static enum options_result parse_operands(int count, char **arguments, struct options *options)
{
	if (count != 2) {
		log_say(LOG_ERR, "%s; usage: mmfs [-o OPTION,...] IMAGE MOUNTPOINT (see mmfs --help)",
			count == 0   ? "an image and a mountpoint are needed"
			: count == 1 ? "a mountpoint is needed"
				     : "too many arguments");
		return OPTIONS_WRONG;
	}
	options->image = arguments[0];
	options->mountpoint = arguments[1];
	if (!*options->image || !*options->mountpoint) {
		log_say(LOG_ERR, "an empty name was given as image or mountpoint");
		return OPTIONS_WRONG;
	}
	return check_together(options);
}

/* With ACLs the kernel checks permissions, whoever mounted; without them the mount has to have
 * default_permissions, which mmfs cannot see. */
static bool acl_by_default(int count, char **arguments)
{
	for (int i = 1; i < count; i++) {
		if (mountpoint_descriptor(arguments[i]) >= 0)
			return true;
	}
	return false;
}

enum options_result options_parse(int count, char **arguments, struct options *ret_options)
{
	static const struct option long_options[] = {
	    {"foreground", no_argument, NULL, 'f'},
	    {"debug", no_argument, NULL, 'd'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {HANDOVER_OPTION, no_argument, NULL, 'H'}, /* not for users */
	    {NULL, 0, NULL, 0},
	};
	struct options *options = ret_options;
	bool asks_version = false;
	int letter;

	*options = (struct options){.acl = acl_by_default(count, arguments),
				    .root_uid = geteuid(),
				    .root_gid = getegid(),
				    .spin_us = SPIN_US_DEFAULT,
				    .supervise = true};
	opterr = 0;
	while ((letter = getopt_long(count, arguments, ":o:fdhV", long_options, NULL)) != -1) {
		switch (letter) {
		case 'o':
			if (parse_list(options, optarg))
				return OPTIONS_WRONG;
			break;
		case 'd':
			options->debug = true;
			options->foreground = true;
			break;
		case 'f':
			options->foreground = true;
			break;
		case 'h':
			print_help();
			return OPTIONS_DONE;
		case 'H':
			asks_version = true;
			break;
		case 'V':
			printf("mmfs %s (libfuse %s)\n", MMFS_VERSION, fuse_pkgversion());
			return OPTIONS_DONE;
		case ':':
			log_say(LOG_ERR, "-%c needs a value; see mmfs --help", optopt);
			return OPTIONS_WRONG;
		default:
			log_say(LOG_ERR, "unknown option '%s'; see mmfs --help", arguments[optind - 1]);
			return OPTIONS_WRONG;
		}
	}
	enum options_result result = parse_operands(count - optind, arguments + optind, options);
	if (result != OPTIONS_RUN || !asks_version)
		return result;
	printf("%u\n", HANDOVER_VERSION);
	return OPTIONS_DONE;
}

void options_free(struct options *options)
{
	free(options->fsname);
	free(options->mount_flags);
}
