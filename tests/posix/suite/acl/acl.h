/* ACLs as texts: "u::rw-,u:65534:r--,g::r--,m::rw-,o::---", without blanks, in the order of acl(5). */
#ifndef MMFS_SUITE_ACL_H
#define MMFS_SUITE_ACL_H

#include "../suite.h"

#include <sys/xattr.h>

#define ACCESS	"system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

#define ACL_ROOM 4096

struct acl_bytes {
	uint32_t version;
	struct {
		uint16_t tag, bits;
		uint32_t id;
	} entries[511];
};

/* Returns the length of the encoded ACL. */
static inline size_t acl_parse(const char *text, struct acl_bytes *acl)
{
	size_t count = 0;

	acl->version = 2;
	while (*text) {
		char *end;
		bool group = *text == 'g';
		uint16_t tag = *text == 'u' ? 1 : group ? 4 : *text == 'm' ? 0x10 : 0x20;
		acl->entries[count].id = UINT32_MAX;
		if (text[2] != ':') {
			tag *= 2;
			acl->entries[count].id = (uint32_t)strtoul(text + 2, &end, 10);
			text = end + 1;
		} else {
			text += 3;
		}
		acl->entries[count].tag = tag;
		acl->entries[count].bits =
		    (uint16_t)((text[0] == 'r') * 4 + (text[1] == 'w') * 2 + (text[2] == 'x'));
		count++;
		text += text[3] == ',' ? 4 : 3;
	}
	return 4 + 8 * count;
}

static inline int acl_set(const char *path, const char *name, const char *text)
{
	struct acl_bytes acl;
	size_t length = acl_parse(text, &acl);

	return setxattr(path, name, &acl, length, 0);
}

/* "": there is none. "?": something else is wrong. */
static inline const char *acl_of(const char *path, const char *name)
{
	static char texts[4][ACL_ROOM];
	static unsigned next;
	char *text = texts[next++ % 4], *to = text;
	struct acl_bytes acl;
	ssize_t length = getxattr(path, name, &acl, sizeof(acl));

	*text = 0;
	if (length < 0 && errno != ENODATA)
		return "?";
	for (size_t i = 0; length > 0 && i < ((size_t)length - 4) / 8 && to < text + ACL_ROOM - 32; i++) {
		uint16_t tag = acl.entries[i].tag, bits = acl.entries[i].bits;
		to += sprintf(to, "%s%c:", i ? "," : "",
			      tag & 3	 ? 'u'
			      : tag & 12 ? 'g'
			      : tag & 16 ? 'm'
					 : 'o');
		if (tag & 10)
			to += sprintf(to, "%u", acl.entries[i].id);
		to +=
		    sprintf(to, ":%c%c%c", bits & 4 ? 'r' : '-', bits & 2 ? 'w' : '-', bits & 1 ? 'x' : '-');
	}
	return text;
}

/* Is the ACL that? Says what it is if not. */
#define acl_is(path, name, text)                                                                             \
	(suite_check(__LINE__, #name " ACL of " #path " is " #text, !strcmp(acl_of(path, name), text)) ||    \
	 (printf("# it is '%s'\n", acl_of(path, name)), false))

#endif
