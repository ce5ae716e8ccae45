/* What may differ, and why: it is neither made nor looked at. Whatever is not listed here is a failure. */
#include "differ.h"

static const struct {
	const char *what, *reason;
} table[] = {
    {"st_blocks, st_size of directories, st_dev, st_ino, directory positions",
     "are each filesystem's own; POSIX gives them no value"},
    {"atime by reading",
     "both sides are mounted noatime: what the kernel serves from its cache never reaches a FUSE daemon"},
    {"O_DIRECT of parts of pages, and copies from or to O_DIRECT",
     "ext4 wants aligned ranges, FUSE takes any"},
    {"data through FIFOs and devices",
     "no matter of the filesystem; times of a FIFO written to are not stored on FUSE"},
    {"SEEK_DATA and SEEK_HOLE after fallocate, copy_file_range or a store to a mapping",
     "ext4 counts pages read from unwritten blocks as data, writes copied holes, and stores whole folios; "
     "that a hole is zeros is looked at all the same"},
    {"SEEK_DATA and SEEK_HOLE after a punch to the very end of a file",
     "ext4 keeps a last block of which nothing is left unless the punch goes past the end"},
    {"SEEK_DATA and SEEK_HOLE after a store to a mapping that was not synced",
     "the FUSE kernel does not write it back first, and the daemon does not know of it"},
    {"times of a file between a store to a mapping and the next msync",
     "FUSE moves them when it writes back, ext4 at the store; after msync both are set"},
    {"stores to the last page behind the end of a file",
     "are no part of the file; ext4 shows them when an O_DIRECT write makes the file longer"},
    {"telldir and seekdir in a directory that was removed", "ext4 says EINVAL"},
    {"immutable and append-only files",
     "the kernel asks of FUSE neither access(2) nor, before the next mount, open(2); the suite's flags/ and "
     "guarded/ test them"},
    {"RENAME_WHITEOUT onto a directory",
     "where that is not empty, ext4 fails and yet moves the parent's times"},
    {"setxattr of the value that is there", "ext4 does nothing, and so leaves ctime"},
    {"a set-group-ID bit where the group may not execute",
     "FUSE's KILL_SUIDGID leaves it on a write; it grants nothing"},
    {"a capability of a file with set-id bits",
     "before root's write that takes it away, FUSE sends the request that stands for chown(-1, -1) too, "
     "which takes away the bits"},
    {"chown(-1, -1) by others of a file with set-id bits",
     "FUSE sends what it sends before a write; ext4 answers EPERM, here the bits stay or go"},
    {"capabilities apart from the user id", "the FUSE protocol tells the daemon user and group ids only"},
    {"programs that were overwritten in part", "are not run: they could do anything"},
    {"sizes from 16 TiB on", "ext4 has no larger files"},
    {"full filesystems, limits of links", "each has its own; the suite tests ours"},
};

void differences_print(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		printf("%s\n\t%s\n", table[i].what, table[i].reason);
}
