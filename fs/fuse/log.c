/* Where the daemon's messages go: the terminal of whoever mounts, later the system log. */
#include "daemon.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

/* Set once, before there is more than one thread that could say anything. */
static atomic_bool use_syslog;

void log_say(int priority, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (atomic_load(&use_syslog))
		syslog(priority, "%s", text);
	else
		fprintf(stderr, "mmfs: %s\n", text);
}

/* libfuse's own messages, with newlines at their ends. */
static void say_of_libfuse(enum fuse_log_level level, const char *format, va_list list)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, list);
	text[strcspn(text, "\n")] = 0;
	if (text[0])
		syslog((int)level, "%s", text);
}

void log_to_syslog(void)
{
	openlog("mmfs", LOG_PID, LOG_DAEMON);
	atomic_store(&use_syslog, true);
	fuse_set_log_func(say_of_libfuse);
}

/* Not an orderly end: the mount stays, dead, so that nobody writes to the directory below it by mistake. */
static _Noreturn void end_aborted(const struct daemon *daemon)
{
	log_say(LOG_CRIT, "%s: the daemon of %s ends (errors=abort); mount the image again to recover it",
		daemon->image_path, daemon->mountpoint);
	_exit(STATUS_ABORTED);
}

void log_image_failure(struct daemon *daemon)
{
	int failure = image_failure(daemon->image);
	const char *damage = image_damage(daemon->image);

	if (*damage && !atomic_exchange(&daemon->damage_told, true))
		log_say(LOG_CRIT, "%s: damage found: %s; unmount it and run fsck.mmfs -n", daemon->image_path,
			damage);
	if (!failure || atomic_exchange(&daemon->failure_told, true))
		return;
	log_say(LOG_CRIT,
		"%s: the image failed (%s): nothing more is written to it; unmount it, see to its "
		"disk, and mount it again",
		daemon->image_path, strerror(failure < 0 ? -failure : failure));
	if (daemon->options->errors_abort)
		end_aborted(daemon);
}
