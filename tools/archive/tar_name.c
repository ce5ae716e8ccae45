/* Names of entries, as they may be used. */
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tar_name(const char *name, unsigned strip, char **ret_name)
{
	unsigned names = 0;
	size_t filled = 0;

	if (!name)
		return -EILSEQ;
	char *clean = malloc(strlen(name) + 1);
	if (!clean)
		return -ENOMEM;
	for (const char *at = name; *at; at += strspn(at, "/")) {
		size_t length = strcspn(at, "/");
		if (length == 2 && !strncmp(at, "..", 2)) {
			free(clean);
			return -EXDEV;
		}
		/* a leading slash gives an empty one */
		if (length > 0 && !(length == 1 && *at == '.') && names++ >= strip) {
			if (filled)
				clean[filled++] = '/';
			memcpy(clean + filled, at, length);
			filled += length;
		}
		at += length;
	}
	clean[filled] = 0;
	if (strip && !filled) {
		free(clean);
		return 1;
	}
	*ret_name = clean;
	return 0;
}
