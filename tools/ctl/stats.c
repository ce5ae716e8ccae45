/* mmfsctl stats. */
#include "target.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Asks, and believes no more of the answer than fits. */
static int ask(const struct mounted *mounted, struct control_stats *ret_stats)
{
	if (ioctl(mounted->descriptor, CONTROL_STATS, ret_stats)) {
		int error = -errno;
		fprintf(stderr, PROGRAM ": %s: its daemon does not tell: %s\n", mounted->path,
			strerror(-error));
		return error;
	}
	if (ret_stats->magic != CONTROL_MAGIC || ret_stats->count > CONTROL_COUNTERS) {
		fprintf(stderr, PROGRAM ": %s: its daemon's answer makes no sense\n", mounted->path);
		return -EPROTO;
	}
	for (uint32_t i = 0; i < ret_stats->count; i++) {
		struct control_counter *counter = &ret_stats->counters[i];

		counter->name[sizeof(counter->name) - 1] = 0;
		for (char *at = counter->name; *at; at++) {
			if (!isalnum((unsigned char)*at))
				*at = '_';
		}
	}
	return 0;
}

/* Types of requests that have not come are left out. */
static void print_text(const struct control_stats *stats)
{
	static const struct {
		enum control_kind kind;
		const char *title;
	} parts[] = {{CONTROL_REQUEST, "requests since it was mounted"},
		     {CONTROL_TOTAL, "image, since the daemon started"},
		     {CONTROL_NOW, "now"}};

	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
		printf("%s\n", parts[part].title);
		for (uint32_t i = 0; i < stats->count; i++) {
			const struct control_counter *counter = &stats->counters[i];

			if (counter->kind == parts[part].kind &&
			    (counter->value || counter->kind != CONTROL_REQUEST))
				text_line(counter->name, "%" PRIu64, counter->value);
		}
	}
}

static void print_json(const struct mounted *mounted, const struct control_stats *stats)
{
	static const struct {
		enum control_kind kind;
		const char *name;
	} parts[] = {{CONTROL_REQUEST, "requests"}, {CONTROL_TOTAL, "image"}, {CONTROL_NOW, "now"}};

	fputs("{\"mountpoint\": ", stdout);
	json_string(mounted->path);
	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
		const char *before = "\n  ";

		printf(",\n \"%s\": {", parts[part].name);
		for (uint32_t i = 0; i < stats->count; i++) {
			const struct control_counter *counter = &stats->counters[i];

			if (counter->kind != parts[part].kind)
				continue;
			printf("%s\"%s\": %" PRIu64, before, counter->name, counter->value);
			before = ",\n  ";
		}
		putchar('}');
	}
	puts("}");
}

static void print_labels(const struct mounted *mounted, const char *type)
{
	fputs("{mountpoint=", stdout);
	prometheus_label(mounted->path);
	if (type)
		printf(",type=\"%s\"", type);
	fputs("} ", stdout);
}

static void print_prometheus(const struct mounted *mounted, const struct control_stats *stats)
{
	puts("# HELP mmfs_requests_total Requests of the kernel since it was mounted.\n"
	     "# TYPE mmfs_requests_total counter");
	for (uint32_t i = 0; i < stats->count; i++) {
		const struct control_counter *counter = &stats->counters[i];

		if (counter->kind != CONTROL_REQUEST)
			continue;
		fputs("mmfs_requests_total", stdout);
		print_labels(mounted, counter->name);
		printf("%" PRIu64 "\n", counter->value);
	}
	for (uint32_t i = 0; i < stats->count; i++) {
		const struct control_counter *counter = &stats->counters[i];
		const char *suffix = counter->kind == CONTROL_TOTAL ? "_total" : "";

		if (counter->kind == CONTROL_REQUEST)
			continue;
		printf("# TYPE mmfs_%s%s %s\nmmfs_%s%s", counter->name, suffix, *suffix ? "counter" : "gauge",
		       counter->name, suffix);
		print_labels(mounted, NULL);
		printf("%" PRIu64 "\n", counter->value);
	}
}

int stats_print(const char *path, enum output output)
{
	struct control_stats stats;
	struct mounted mounted;
	int error = target_mounted(path, &mounted);

	if (error)
		return error;
	error = ask(&mounted, &stats);
	if (!error && output == OUTPUT_JSON)
		print_json(&mounted, &stats);
	else if (!error && output == OUTPUT_PROMETHEUS)
		print_prometheus(&mounted, &stats);
	else if (!error)
		print_text(&stats);
	mounted_close(&mounted);
	return error;
}
