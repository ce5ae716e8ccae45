/*
 * Is memory short? The kernel counts for how long something had to wait for memory: the "some" line of
 * /proc/pressure/memory, and of memory.pressure of a control group (psi(5) of the kernel's documentation,
 * accounting/psi.rst), which tells of limits that the machine as a whole does not know. That is so too while
 * the kernel itself looks for pages to free. Where it does not tell, what /proc/meminfo calls available
 * has to do.
 */
#include "image_i.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_ROOM	4096
#define STALLED_LEAST	100u /* high: a hundredth of the time */
#define AVAILABLE_LEAST 16u  /* high: less than a sixteenth of the memory */

/* The number behind `name`; UINT64_MAX: it is not there. */
static uint64_t number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	char *end;

	if (!at)
		return UINT64_MAX;
	at += strlen(name);
	at += strspn(at, " \t");
	unsigned long long number = strtoull(at, &end, 10);
	return end == at ? UINT64_MAX : number;
}

static bool has_stalled(uint64_t *stalled_us, uint64_t now_us, uint64_t passed_us)
{
	uint64_t before_us = *stalled_us;

	*stalled_us = now_us;
	return now_us != UINT64_MAX && before_us != UINT64_MAX && now_us > before_us && passed_us > 0 &&
	       (now_us - before_us) * STALLED_LEAST > passed_us;
}

bool pressure_judge(struct pressure *pressure, uint64_t now_us, const char *machine, const char *group,
		    const char *meminfo)
{
	uint64_t total = number_behind(meminfo, "MemTotal:"),
		 available = number_behind(meminfo, "MemAvailable:");
	uint64_t passed_us = pressure->looked_us ? now_us - pressure->looked_us : 0;
	bool high = total != UINT64_MAX && available != UINT64_MAX && available < total / AVAILABLE_LEAST;

	/* Each is to be noted. */
	high |= has_stalled(&pressure->stalled_us[0], number_behind(machine, "total="), passed_us);
	high |= has_stalled(&pressure->stalled_us[1], number_behind(group, "total="), passed_us);
	pressure->looked_us = now_us;
	return high;
}

/* "" if it cannot be read. */
static void read_text(const char *path, char text[TEXT_ROOM])
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = descriptor < 0 ? -1 : read(descriptor, text, TEXT_ROOM - 1);

	text[length > 0 ? length : 0] = 0;
	if (descriptor >= 0)
		close(descriptor);
}

/* Of the control group (version 2) that this process is in. */
static void read_group(char text[TEXT_ROOM])
{
	static const char version_2[] = "0::";
	char path[TEXT_ROOM + 64], *line = text;

	read_text("/proc/self/cgroup", text);
	while (line && strncmp(line, version_2, strlen(version_2)) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line) {
		text[0] = 0;
		return;
	}
	line[strcspn(line, "\n")] = 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.pressure", line + strlen(version_2));
	read_text(path, text);
}

bool pressure_is_high(struct pressure *pressure)
{
	char machine[TEXT_ROOM], group[TEXT_ROOM], meminfo[TEXT_ROOM];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	read_text("/proc/pressure/memory", machine);
	read_text("/proc/meminfo", meminfo);
	read_group(group);
	return pressure_judge(pressure, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
			      machine, group, meminfo);
}
