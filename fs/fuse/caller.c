/* See caller.h. */
#include "caller.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MOST 256

bool caller_in_group(fuse_req_t request, uint32_t group)
{
	gid_t groups[GROUPS_MOST];
	int count;

	if (fuse_req_ctx(request)->gid == group)
		return true;
	count = fuse_req_getgroups(request, GROUPS_MOST, groups);
	for (int i = 0; i < count && i < GROUPS_MOST; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

/* A process that cannot be looked at (of another pid namespace) has what its user has. */
bool caller_capable(fuse_req_t request, unsigned capability)
{
	const struct fuse_ctx *context = fuse_req_ctx(request);
	unsigned long long effective = context->uid == 0 ? ~0ull : 0;
	char path[64], line[128];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)context->pid);
	FILE *file = context->pid > 0 ? fopen(path, "re") : NULL;
	if (file) {
		while (fgets(line, sizeof(line), file)) {
			if (!strncmp(line, "CapEff:", 7))
				effective = strtoull(line + 7, NULL, 16);
		}
		fclose(file);
	}
	return effective >> capability & 1;
}
