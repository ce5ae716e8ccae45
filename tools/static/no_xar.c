/* libarchive's table of formats names its writer of xar, which would bring libxml2 and 30 MB of ICU. mmfs
 * writes tar only: the linker takes this one, and nothing calls it. */
#include <archive.h>
#include <errno.h>

int archive_write_set_format_xar(struct archive *archive)
{
	archive_set_error(archive, ENOSYS, "xar is not in this build");
	return ARCHIVE_FATAL;
}
