/* mmfsctl status. */
#include "target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The worst of what went wrong; "": nothing did. */
static const char *last_error(const struct control_status *status)
{
	if (status->failure)
		return strerror((int)status->failure);
	return *status->damage ? status->damage : status->restart;
}

static const char *state(const struct control_status *status)
{
	if (status->failure)
		return "the image failed: nothing more is written to it; unmount it, see to its disk, and "
		       "mount it again";
	if (*status->damage)
		return "damaged; unmount it and run fsck.mmfs -n";
	return "good";
}

static void print_duration(const char *name, uint64_t seconds)
{
	text_line(name, "%" PRIu64 " d %02u:%02u:%02u", seconds / 86400, (unsigned)(seconds / 3600 % 24),
		  (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}

static void print_path(const char *name, const char *path)
{
	printf("  %-18s ", name);
	text_string(path, strlen(path));
	putchar('\n');
}

static void print_text(const struct mounted *mounted)
{
	const struct control_status *status = &mounted->status;

	printf("mmfs %s\n", status->version);
	print_path("mountpoint", mounted->path);
	print_path("image", status->image);
	text_line("mounted", "%s",
		  status->scratch     ? "read and write, from scratch: changes end with the mount"
		  : status->read_only ? "read-only"
				      : "read and write");
	if (status->scratch)
		text_line("memory", "%" PRIu64 " KiB of %" PRIu64 " KiB", status->scratch_used / 1024,
			  status->scratch_limit / 1024);
	text_line("state", "%s", state(status));
	print_duration("uptime", status->uptime_seconds);
	text_line("daemon", "process %" PRIu32, status->pid);
	print_duration("daemon uptime", status->daemon_uptime_seconds);
	if (status->supervisor)
		text_line("supervisor", "process %" PRIu32, status->supervisor);
	else
		text_line("supervisor", "none: the mount ends with its daemon");
	text_line("restarts", "%" PRIu32, status->restarts);
	text_line("upgrades", "%" PRIu32, status->upgrades);
	text_line("sealed", "LSN %" PRIu64, status->sealed);
	text_line("journal head", "LSN %" PRIu64, status->head);
	text_line("journal tail", "LSN %" PRIu64, status->tail);
	text_line("last error", "%s", *last_error(status) ? last_error(status) : "none");
}

static void print_json(const struct mounted *mounted)
{
	const struct control_status *status = &mounted->status;
	const struct {
		const char *name, *value;
	} strings[] = {
	    {"mountpoint", mounted->path}, {"image", status->image},
	    {"version", status->version},  {"failure", status->failure ? strerror((int)status->failure) : ""},
	    {"damage", status->damage},	   {"last_error", last_error(status)}};
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {{"pid", status->pid},
		       {"supervisor_pid", status->supervisor},
		       {"uptime_seconds", status->uptime_seconds},
		       {"daemon_uptime_seconds", status->daemon_uptime_seconds},
		       {"restarts", status->restarts},
		       {"upgrades", status->upgrades},
		       {"sealed_lsn", status->sealed},
		       {"head_lsn", status->head},
		       {"tail_lsn", status->tail},
		       {"scratch_bytes", status->scratch_used},
		       {"scratch_limit_bytes", status->scratch_limit}};

	putchar('{');
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		printf("\"%s\": ", strings[i].name);
		json_string_or_null(strings[i].value);
		fputs(",\n ", stdout);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		printf("\"%s\": %" PRIu64 ",\n ", numbers[i].name, numbers[i].value);
	printf("\"scratch\": %s,\n ", status->scratch ? "true" : "false");
	printf("\"read_only\": %s}\n", status->read_only ? "true" : "false");
}

int status_print(const char *path, enum output output)
{
	struct mounted mounted;
	int error = target_mounted(path, &mounted);

	if (error)
		return error;
	if (output == OUTPUT_JSON)
		print_json(&mounted);
	else
		print_text(&mounted);
	mounted_close(&mounted);
	return 0;
}
