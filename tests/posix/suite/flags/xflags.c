#include "flags.h"

#define XFLAGS (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND | FS_XFLAG_NODUMP | FS_XFLAG_NOATIME)

static long long xflags_of(const char *path)
{
	struct fsxattr attributes;

	return flags_ioctl(path, FS_IOC_FSGETXATTR, &attributes) ? -1LL : attributes.fsx_xflags & XFLAGS;
}

static int xflags_set(const char *path, unsigned xflags)
{
	struct fsxattr attributes;

	if (flags_ioctl(path, FS_IOC_FSGETXATTR, &attributes))
		return -1;
	attributes.fsx_xflags = (attributes.fsx_xflags & ~XFLAGS) | xflags;
	return flags_ioctl(path, FS_IOC_FSSETXATTR, &attributes);
}

RULE("FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR show and set the same flags")
{
	static const struct {
		int flag;
		unsigned xflag;
	} both[] = {{FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE},
		    {FS_APPEND_FL, FS_XFLAG_APPEND},
		    {FS_NODUMP_FL, FS_XFLAG_NODUMP},
		    {FS_NOATIME_FL, FS_XFLAG_NOATIME}};

	make_for(REGULAR, "file", USER, GROUP);
	equals(xflags_of("file"), 0);
	for (unsigned i = 0; i < 4; i++) {
		context("%#x", both[i].xflag);
		succeeds(xflags_set("file", both[i].xflag));
		equals(xflags_of("file"), both[i].xflag);
		equals(flags_of("file"), both[i].flag);
		succeeds(xflags_set("file", 0));
		equals(flags_of("file"), 0);
		succeeds(flags_set("file", both[i].flag));
		equals(xflags_of("file"), both[i].xflag);
		succeeds(flags_set("file", 0));
	}
	context("%s", "");
	as(USER, GROUP, fails(xflags_set("file", FS_XFLAG_IMMUTABLE), EPERM));
	as(USER, GROUP, succeeds(xflags_set("file", FS_XFLAG_NODUMP)));
	as(OTHER_USER, GROUP, fails(xflags_set("file", 0), EPERM));
	equals(xflags_of("file"), FS_XFLAG_NODUMP);
}
