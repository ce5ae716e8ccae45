/* Sizes as people write them: "4096", "64M", "10G". */
#include "open_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGTP";
	char *end;
	unsigned shift = 0;

	/* strtoull would take blanks and a sign. */
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		char upper = *end >= 'a' && *end <= 'z' ? (char)(*end - 'a' + 'A') : *end;
		const char *unit = strchr(units, upper);
		if (!unit)
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		/* "64MiB" and "64MB" are common ways of saying the same. */
		if (!strcmp(end, "iB") || !strcmp(end, "B"))
			end += strlen(end);
		if (*end)
			return -EINVAL;
	}
	if (number > (UINT64_MAX >> shift))
		return -ERANGE;
	*ret_bytes = (uint64_t)number << shift;
	return 0;
}
