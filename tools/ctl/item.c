/* Items as text. What does not fit its type is printed as bytes: nothing here trusts an image. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

static void bytes_print(const uint8_t *bytes, size_t size)
{
	putchar('\n');
	text_hexdump(0, bytes, size);
}

static void inode_item_print(const uint8_t *bytes, size_t size)
{
	struct inode_disk inode;

	if (size != sizeof(inode)) {
		bytes_print(bytes, size);
		return;
	}
	memcpy(&inode, bytes, sizeof(inode));
	printf("mode %06o, uid %u, gid %u, links %u, size %llu, blocks %llu, xattrs %u\n",
	       le32_get(inode.mode), le32_get(inode.uid), le32_get(inode.gid), le32_get(inode.nlink),
	       (unsigned long long)le64_get(inode.size), (unsigned long long)le64_get(inode.blocks),
	       le32_get(inode.xattrs));
	if (inode.rdev_major.raw || inode.rdev_minor.raw)
		text_line("  device", "%llu:%llu", (unsigned long long)le64_get(inode.rdev_major),
			  (unsigned long long)le64_get(inode.rdev_minor));
	if (inode.inline_length.raw)
		text_line("  inline", "%u bytes", le32_get(inode.inline_length));
	if (inode.flags.raw)
		text_line("  flags", "%#x", le32_get(inode.flags));
	if (inode.parent.raw)
		text_line("  parent", "%llu", (unsigned long long)le64_get(inode.parent));
	text_line("  generation", "%016llx", (unsigned long long)le64_get(inode.generation));
	text_time("  atime", (int64_t)le64_get(inode.atime), le32_get(inode.atime_nanoseconds));
	text_time("  mtime", (int64_t)le64_get(inode.mtime), le32_get(inode.mtime_nanoseconds));
	text_time("  ctime", (int64_t)le64_get(inode.ctime), le32_get(inode.ctime_nanoseconds));
	text_time("  btime", (int64_t)le64_get(inode.btime), le32_get(inode.btime_nanoseconds));
}

static void dirent_item_print(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= sizeof(struct dirent_disk)) {
		struct dirent_disk entry;
		memcpy(&entry, bytes + at, sizeof(entry));
		at += sizeof(entry);
		if (size - at < entry.name_length)
			break;
		text_string(bytes + at, entry.name_length);
		at += entry.name_length;
		printf(" inode %llu, index %u, type %u%s", (unsigned long long)le64_get(entry.inode),
		       le16_get(entry.index), entry.type, at < size ? "; " : "");
	}
	puts(at == size ? "" : " (cut short)");
}

static void xattr_item_print(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= sizeof(struct xattr_disk)) {
		struct xattr_disk xattr;
		memcpy(&xattr, bytes + at, sizeof(xattr));
		at += sizeof(xattr);
		unsigned inline_length = le16_get(xattr.inline_length);
		if (size - at < (size_t)xattr.name_length + inline_length)
			break;
		text_string(bytes + at, xattr.name_length);
		at += xattr.name_length;
		printf(" %u bytes", le32_get(xattr.value_length));
		if (xattr.value_object.raw)
			printf(" in object %llu", (unsigned long long)le64_get(xattr.value_object));
		else
			putchar(' '), text_string(bytes + at, inline_length);
		at += inline_length;
		fputs(at < size ? "; " : "", stdout);
	}
	puts(at == size ? "" : " (cut short)");
}

static void extent_item_print(struct key key, const uint8_t *bytes, size_t size)
{
	struct extent_disk extent;

	if (size != sizeof(extent)) {
		bytes_print(bytes, size);
		return;
	}
	memcpy(&extent, bytes, sizeof(extent));
	uint64_t length = le32_get(extent.length), physical = le64_get(extent.physical);
	uint32_t flags = le32_get(extent.flags);
	printf("blocks %llu..%llu at %llu..%llu, %llu blocks, birth %llu%s%s\n",
	       (unsigned long long)key.offset, (unsigned long long)(key.offset + length - 1),
	       (unsigned long long)physical, (unsigned long long)(physical + length - 1),
	       (unsigned long long)length, (unsigned long long)le64_get(extent.birth),
	       flags & EXTENT_UNWRITTEN ? ", unwritten" : "",
	       flags & EXTENT_MAYBE_SHARED ? ", may be shared" : "");
}

static void intent_item_print(const uint8_t *bytes, size_t size)
{
	struct intent_disk intent = {.kind = le32_of(0)};

	if (size != sizeof(intent) && size != INTENT_BYTES_OLD) {
		bytes_print(bytes, size);
		return;
	}
	memcpy(&intent, bytes, size);
	printf("kind %u, from block %llu, request %llx.%llu\n", le32_get(intent.kind),
	       (unsigned long long)le64_get(intent.first_block),
	       (unsigned long long)le64_get(intent.connection), (unsigned long long)le64_get(intent.unique));
}

static const char *type_name(uint8_t type)
{
	static const char *const names[] = {
	    [ITEM_INODE] = "inode",   [ITEM_SYMLINK] = "symlink", [ITEM_XATTR] = "xattr",
	    [ITEM_DIRENT] = "name",   [ITEM_INLINE] = "inline",	  [ITEM_XATTR_VALUE] = "xattr value",
	    [ITEM_EXTENT] = "extent", [ITEM_ORPHAN] = "orphan",	  [ITEM_INTENT] = "intent"};

	return type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "unknown";
}

void item_print(uint64_t tree, struct key key, const uint8_t *bytes, size_t size)
{
	printf("  (%llu, %u, %llx) %s: ", (unsigned long long)key.object, key.type,
	       (unsigned long long)key.offset, tree == TREE_FILES ? type_name(key.type) : "item");
	if (tree != TREE_FILES) {
		bytes_print(bytes, size);
		return;
	}
	switch (key.type) {
	case ITEM_INODE:
		inode_item_print(bytes, size);
		return;
	case ITEM_SYMLINK:
		text_string(bytes, size);
		putchar('\n');
		return;
	case ITEM_XATTR:
		xattr_item_print(bytes, size);
		return;
	case ITEM_DIRENT:
		dirent_item_print(bytes, size);
		return;
	case ITEM_EXTENT:
		extent_item_print(key, bytes, size);
		return;
	case ITEM_INTENT:
		intent_item_print(bytes, size);
		return;
	case ITEM_ORPHAN:
		printf("inode %llu\n", (unsigned long long)key.offset);
		return;
	default:
		bytes_print(bytes, size);
	}
}
