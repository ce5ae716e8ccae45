/* The commands of mmfsctl that ask a running mount instead of an image. */
#ifndef MMFS_MOUNTED_H
#define MMFS_MOUNTED_H

#include "ctl.h"
#include "../common/control.h"

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_PROMETHEUS };

/* A mount that answers. */
struct mounted {
	int descriptor; /* of its root directory */
	char *path;	/* absolute */
	struct control_status status;
};

/* ---- mounted.c: 0, or a negative errno having said why ---- */

MUST_CHECK int mounted_open(const char *path, struct mounted *ret_mounted);
/* The same without a word. */
MUST_CHECK int mounted_try(const char *path, struct mounted *ret_mounted);
void mounted_close(struct mounted *mounted);

/* ---- the commands: the same ---- */

MUST_CHECK int status_print(const char *path, enum output output);
MUST_CHECK int stats_print(const char *path, enum output output);
MUST_CHECK int upgrade_run(const char *path);

/* ---- json.c ---- */

void json_string(const char *text);
/* "" is null. */
void json_string_or_null(const char *text);
/* The value of a label in the text format of Prometheus. */
void prometheus_label(const char *text);

#endif
