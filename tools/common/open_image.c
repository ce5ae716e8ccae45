/* Opening an image from a program. Whatever goes wrong becomes one line: what, and what to do about it. */
#include "open_image.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct file_name {
	const char *program, *path;
	void (*tell)(const char *line);
};

__attribute__((format(printf, 3, 4))) static int say(const struct file_name *name, int error,
						     const char *format, ...)
{
	char text[1024], line[PATH_MAX + sizeof(text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "%s: %s", name->path, text);
	if (name->tell)
		name->tell(line);
	else
		fprintf(stderr, "%s: %s\n", name->program, line);
	return error;
}

/* ---- who has it ---- */

/* The record in the image may be stale (its writer was killed, and now a reader holds the lock). */
static bool owner_lives(const struct owner_disk *owner)
{
	char host[HOST_NAME_MAX + 1] = "";
	uint64_t pid = le64_get(owner->pid);

	if (pid == 0 || pid > INT_MAX)
		return false;
	if (gethostname(host, sizeof(host) - 1) || strncmp(host, owner->host, sizeof(owner->host) - 1))
		return true; /* another machine: nobody here can tell */
	return !kill((pid_t)pid, 0) || errno != ESRCH;
}

/* The host name comes from the image: print nothing that a terminal could take for a command. */
static void plain_text(const char *from, size_t size, char *to)
{
	size_t i;

	for (i = 0; i + 1 < size && from[i]; i++)
		to[i] = from[i] > ' ' && from[i] < 127 ? from[i] : '?';
	to[i] = 0;
}

static void describe_holder(const char *path, char *text, size_t room)
{
	struct owner_disk owner;
	char host[sizeof(owner.host)], since[64] = "";
	struct tm parts;

	snprintf(text, room, "another process");
	if (!image_owner_at(path, &owner) || !owner_lives(&owner))
		return;
	plain_text(owner.host, sizeof(owner.host), host);
	time_t seconds = (time_t)le64_get(owner.since);
	if (seconds > 0 && localtime_r(&seconds, &parts))
		strftime(since, sizeof(since), " (mounted since %Y-%m-%d %H:%M:%S)", &parts);
	snprintf(text, room, "process %llu on %s%s", (unsigned long long)le64_get(owner.pid), host, since);
}

static int say_in_use(const struct file_name *name)
{
	char holder[256];

	describe_holder(name->path, holder, sizeof(holder));
	return say(name, -EWOULDBLOCK, "in use by %s; unmount it there first", holder);
}

static void note_waiting(void *context)
{
	const struct file_name *name = context;
	char holder[256];

	describe_holder(name->path, holder, sizeof(holder));
	say(name, 0, "waiting for the image: in use by %s", holder);
}

/* ---- opening the file ---- */

static int say_missing(const struct file_name *name, bool create)
{
	if (create)
		return say(name, -ENOENT, "its directory does not exist; make it first, or correct the path");
	return say(name, -ENOENT, "no such file; correct the path, or make an image with mkfs.mmfs");
}

static int say_permission(const struct file_name *name, int error, bool read_only)
{
	if (!read_only && !access(name->path, R_OK))
		return say(name, error,
			   "the file may not be written (%s); use it read-only (-o ro), or change its "
			   "permissions",
			   strerror(-error));
	return say(name, error, "%s; run as its owner, or change its permissions", strerror(-error));
}

static int say_open_failure(const struct file_name *name, int error, const struct open_image_options *options,
			    bool create)
{
	struct stat status;

	if (error == -EWOULDBLOCK)
		return say_in_use(name);
	if (!stat(name->path, &status) && S_ISDIR(status.st_mode))
		return say(name, error, "is a directory; give the path of an image file");
	switch (-error) {
	case ENOENT:
		return say_missing(name, create);
	case EACCES:
	case EPERM:
	case EROFS:
		return say_permission(name, error, options->read_only || options->scratch);
	case EINVAL:
		return say(name, error, "neither a regular file nor a block device; give an image file");
	case EFBIG:
	case ENOMEM:
		if (options->scratch)
			return say(name, error,
				   "too large for its changes to be kept in memory (%s); see ulimit -v and "
				   "vm.overcommit_memory",
				   strerror(-error));
		return say(name, error,
			   "too large to map into memory (%s); raise the address space limit (ulimit -v)",
			   strerror(-error));
	case ENOLCK:
		if (options->no_lock_option)
			return say(
			    name, error,
			    "its filesystem cannot lock files; if nobody else uses the image, mount with "
			    "%s, else copy it to a local disk",
			    options->no_lock_option);
		return say(name, error, "its filesystem cannot lock files; copy the image to a local disk");
	default:
		return say(name, error, "cannot be opened: %s", strerror(-error));
	}
}

static enum store_mode mode_of(const struct open_image_options *options)
{
	if (options->scratch)
		return STORE_SCRATCH;
	if (options->read_only)
		return STORE_READ_ONLY;
	return options->create ? STORE_CREATE : STORE_WRITE;
}

/* How the file is to be opened; whether it does not exist and would be made. */
static struct store_file_options how_to_open(struct file_name *name, const struct open_image_options *options,
					     bool *ret_creates)
{
	struct stat status;

	*ret_creates = mode_of(options) == STORE_CREATE && stat(name->path, &status) && errno == ENOENT;
	return (struct store_file_options){
	    .mode = mode_of(options),
	    .lock_wait_ms = options->lock_wait_ms,
	    .no_lock = options->no_lock,
	    .waiting = note_waiting,
	    .context = name,
	};
}

int open_store(const char *program, const char *path, const struct open_image_options *options,
	       struct store **ret_store, bool *ret_created)
{
	struct file_name name = {program, path, options->tell};
	bool created = options->created;
	int error;

	if (options->locked) {
		error = store_file_open_locked(options->locked, mode_of(options), ret_store);
	} else {
		struct store_file_options how = how_to_open(&name, options, &created);
		error = store_file_open(path, &how, ret_store);
	}
	if (error)
		return say_open_failure(&name, error, options, mode_of(options) == STORE_CREATE);
	if (options->scratch_bytes)
		store_scratch_limit(*ret_store, options->scratch_bytes);
	if (ret_created)
		*ret_created = created;
	return 0;
}

int lock_image(const char *program, const char *path, const struct open_image_options *options,
	       int *ret_descriptor, bool *ret_created)
{
	struct file_name name = {program, path, options->tell};
	bool created;
	struct store_file_options how = how_to_open(&name, options, &created);
	int error = store_file_lock(path, &how, ret_descriptor);

	if (error)
		return say_open_failure(&name, error, options, mode_of(options) == STORE_CREATE);
	*ret_created = created;
	return 0;
}

/* ---- the image in it ---- */

int make_image_in(const char *program, const char *path, struct store *store,
		  const struct image_make_options *make)
{
	struct file_name name = {program, path, NULL};
	int error = image_make(store, make);

	switch (-error) {
	case 0:
		return 0;
	case EINVAL:
		return say(&name, error,
			   "no image of these sizes can be made; the journal takes at least 1M, and the "
			   "largest size must have room for it and for 64M more");
	case ENOSPC:
		return say(&name, error,
			   "the host has no room for a new image; free some space, or make it elsewhere");
	default:
		return say(&name, error, "making the image failed: %s", strerror(-error));
	}
}

static const char *why_cold(enum cold_reason reason)
{
	switch (reason) {
	case COLD_ASKED:
		return "-o recover=cold was given";
	case COLD_FAILED:
		return "its last mount could not write it; see the host's log for disk errors";
	case COLD_DISK:
		return "the host cannot write what it has cached of it; see its log for disk errors";
	case COLD_UNKNOWN:
		return "its filesystem does not tell whether it is the same file still (no time of birth)";
	case COLD_OTHER_HOST:
		return "it was mounted on another machine, or this one had another name";
	case COLD_OTHER_BOOT:
		return "the host has been restarted since";
	case COLD_OTHER_FILE:
		return "the file has been moved, copied or replaced since";
	case COLD_OTHER_MOUNT:
		return "the filesystem that it lies on has been mounted anew since, or is seen from another "
		       "mount "
		       "namespace";
	case COLD_OTHER_DEVICE:
		return "the block device has been attached anew since";
	case COLD_NOT:
	case COLD_DAMAGED:
		break;
	}
	return "the journal was damaged";
}

static void say_notes(const struct file_name *name, const struct image_report *report)
{
	if (report->bad_slots)
		say(name, 0, "note: superblock slot was damaged, using the other");
	if (report->records_dropped)
		say(name, 0, "note: recovered to the last sync, and %llu later change%s dropped: %s",
		    (unsigned long long)report->records_dropped,
		    report->records_dropped == 1 ? " was" : "s were", why_cold(report->cold));
	if (report->text[0])
		say(name, 0, "note: %s", report->text);
}

int open_image_in(const char *program, const char *path, struct store *store,
		  const struct open_image_options *options, struct image **ret_image)
{
	struct file_name name = {program, path, options->tell};
	struct image_options image_options = options->image;
	struct image_report report = {0};
	struct session_disk session;

	image_session_of(store_file_descriptor(store), &session);
	image_options.read_only = options->read_only;
	image_options.session = &session;
	int error = image_open(store, &image_options, ret_image, &report);
	if (options->report)
		*options->report = report;
	if (error)
		return say(&name, error, "%s", report.text[0] ? report.text : strerror(-error));
	if (!options->quiet)
		say_notes(&name, &report);
	return 0;
}

/* Even the superblocks are not all there: too short for image_detect. */
static bool cut_in_superblocks(const struct store *store)
{
	uint64_t size = store_size(store);

	return size >= sizeof(SUPER_MAGIC) - 1 && size < 2 * (uint64_t)BLOCK_SIZE &&
	       !memcmp(store_at(store, 0), SUPER_MAGIC, sizeof(SUPER_MAGIC) - 1);
}

/* Checks what the file holds; makes an image where there is nothing. */
static int look_or_make(const struct file_name *name, struct store *store,
			const struct open_image_options *options, bool *ret_made)
{
	if (store_size(store) == 0) {
		if (!options->create || options->read_only)
			return say(name, -EINVAL, "an empty file; make an image in it with mkfs.mmfs");
		*ret_made = true;
		return make_image_in(name->program, name->path, store, &options->make);
	}
	int detected = image_detect(store);
	if (detected < 0)
		return say(name, detected, "cannot be read: %s", strerror(-detected));
	if (!detected && cut_in_superblocks(store))
		return say(name, -EUCLEAN, "the file is cut short; restore it from a copy");
	if (!detected)
		return say(name, -EINVAL, "not an mmfs image (it was not touched)");
	return 0;
}

int open_image(const char *program, const char *path, const struct open_image_options *options,
	       struct image **ret_image, bool *ret_made)
{
	struct file_name name = {program, path, options->tell};
	struct store *store;
	bool created = false, made = false;

	int error = open_store(program, path, options, &store, &created);
	if (error)
		return error;
	error = look_or_make(&name, store, options, &made);
	if (error) {
		/* What was not there before, or was empty, is so again. */
		if (created)
			unlink(path);
		else if (made && store_set_size(store, 0))
			say(&name, 0, "and what was begun could not be taken back; truncate the file");
		store_close(store);
		return error;
	}
	error = open_image_in(program, path, store, options, ret_image);
	if (error)
		return error;
	if (ret_made)
		*ret_made = made;
	return 0;
}
