#include "../suite.h"

#include <sys/xattr.h>

RULE("names: prefixes, lengths, bytes")
{
	char value[8], name[300];

	make(REGULAR, "file");
	fails(setxattr("file", "noprefix", "x", 1, 0), EOPNOTSUPP);
	fails(setxattr("file", "other.name", "x", 1, 0), EOPNOTSUPP);
	fails(setxattr("file", "user.", "x", 1, 0), EINVAL);
	fails(setxattr("file", "", "x", 1, 0), ERANGE);
	fails(getxattr("file", "noprefix", value, sizeof(value)), EOPNOTSUPP);
	fails(getxattr("file", "", value, sizeof(value)), ERANGE);
	fails(removexattr("file", "noprefix"), EOPNOTSUPP);
	fails(removexattr("file", ""), ERANGE);
	snprintf(name, sizeof(name), "user.%s", name_of_length(250));
	succeeds(setxattr("file", name, "long", 4, 0));
	equals(getxattr("file", name, value, sizeof(value)), 4);
	snprintf(name, sizeof(name), "user.%s", name_of_length(251));
	fails(setxattr("file", name, "x", 1, 0), ERANGE);
	fails(getxattr("file", name, value, sizeof(value)), ERANGE);
	fails(removexattr("file", name), ERANGE);
	succeeds(setxattr("file", "user.\xc3\xa4 /\n.", "x", 1, 0));
	equals(getxattr("file", "user.\xc3\xa4 /\n.", value, sizeof(value)), 1);
	succeeds(setxattr("file", "user.Case", "1", 1, 0));
	succeeds(setxattr("file", "user.case", "22", 2, 0));
	equals(getxattr("file", "user.Case", value, sizeof(value)), 1);
	equals(getxattr("file", "user.case", value, sizeof(value)), 2);
}
