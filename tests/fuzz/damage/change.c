/* Changing operations on an image that may be damaged: each may be refused, none may do harm. */
#include "damage.h"

#include "../../sim/power.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define STEPS 48

struct changer {
	struct fs *fs;
	const struct found *found;
	struct answers *answers;
	uint64_t random;
	unsigned made; /* names given so far */
};

static const struct fs_caller caller = {.uid = 1, .gid = 2};

static uint64_t pick(struct changer *changer, uint64_t below)
{
	return random_next(&changer->random) % below;
}

/* An inode of that type, or now and then any. */
static uint64_t any_inode(struct changer *changer, uint32_t type)
{
	size_t count = changer->found->count, start = pick(changer, count);

	for (size_t i = 0; i < count; i++) {
		size_t at = (start + i) % count;
		if ((changer->found->modes[at] & S_IFMT) == type || !pick(changer, 20))
			return changer->found->inodes[at];
	}
	return pick(changer, 2) ? ROOT_INODE : FIRST_INODE + pick(changer, 100);
}

struct name_text {
	char text[256];
	struct fs_name name;
};

static struct fs_name new_name(struct changer *changer, struct name_text *text)
{
	int length = snprintf(text->text, sizeof(text->text), "new-%u%0*d", changer->made++,
			      (int)pick(changer, 8) ? 1 : 240, 0);

	return (struct fs_name){.bytes = text->text, .length = (size_t)length};
}

/* A name that was found, with its directory; or a new one. */
static struct fs_name old_name(struct changer *changer, struct name_text *text, uint64_t *ret_directory)
{
	const struct found_name *found;

	if (!changer->found->name_count || !pick(changer, 12)) {
		*ret_directory = any_inode(changer, S_IFDIR);
		return new_name(changer, text);
	}
	found = &changer->found->names[pick(changer, changer->found->name_count)];
	*ret_directory = found->directory;
	return (struct fs_name){.bytes = found->name, .length = found->length};
}

static uint64_t any_offset(struct changer *changer)
{
	switch (pick(changer, 8)) {
	case 0:
		return random_next(&changer->random) >> pick(changer, 64);
	case 1:
		return UINT64_C(1) << 40;
	default:
		return pick(changer, 200000);
	}
}

#define ASK(changer, call, inode, result) answer((changer)->answers, (changer)->fs, call, inode, result)

/* ---- names ---- */

static void step_make(struct changer *changer)
{
	static const uint32_t types[] = {S_IFREG, S_IFREG, S_IFDIR, S_IFIFO, S_IFCHR};
	uint64_t parent = any_inode(changer, S_IFDIR);
	uint32_t mode = types[pick(changer, 5)] | 0644;
	struct name_text text;
	struct fs_attr attr;
	struct fs_name name = new_name(changer, &text);

	if (!ASK(changer, "make", parent, fs_make(changer->fs, &caller, parent, name, mode, 1, 1, &attr)))
		fs_forget(changer->fs, attr.inode, 1);
}

static void step_symlink(struct changer *changer)
{
	uint64_t parent = any_inode(changer, S_IFDIR);
	char target[3001];
	struct name_text text;
	struct fs_attr attr;
	struct fs_name name = new_name(changer, &text);

	memset(target, 'x', sizeof(target));
	target[1 + pick(changer, 3000)] = '\0';
	if (!ASK(changer, "symlink", parent, fs_symlink(changer->fs, &caller, parent, name, target, &attr)))
		fs_forget(changer->fs, attr.inode, 1);
}

static void step_link(struct changer *changer)
{
	uint64_t inode = any_inode(changer, S_IFREG), parent = any_inode(changer, S_IFDIR);
	struct name_text text;
	struct fs_attr attr;
	struct fs_name name = new_name(changer, &text);

	if (!ASK(changer, "link", inode, fs_link(changer->fs, inode, parent, name, &attr)))
		fs_forget(changer->fs, attr.inode, 1);
}

static void step_remove(struct changer *changer)
{
	uint64_t directory;
	struct name_text text;
	struct fs_name name = old_name(changer, &text, &directory);

	if (ASK(changer, "unlink", directory, fs_unlink(changer->fs, directory, name)) == -EISDIR)
		ASK(changer, "rmdir", directory, fs_rmdir(changer->fs, directory, name));
}

static void step_rename(struct changer *changer)
{
	static const unsigned kinds[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
	uint64_t from, to;
	struct name_text from_text, to_text;
	struct fs_name name = old_name(changer, &from_text, &from), new_one;

	if (pick(changer, 2)) {
		new_one = old_name(changer, &to_text, &to);
	} else {
		to = any_inode(changer, S_IFDIR);
		new_one = new_name(changer, &to_text);
	}
	ASK(changer, "rename", from,
	    fs_rename(changer->fs, from, name, to, new_one, kinds[pick(changer, 4)]));
}

/* ---- contents ---- */

static void step_write(struct changer *changer)
{
	uint64_t inode = any_inode(changer, S_IFREG), offset = any_offset(changer);
	size_t length = 1 + pick(changer, pick(changer, 4) ? 9000 : 150000);

	if (pick(changer, 4) == 0) { /* where contents may stand in the tree */
		offset %= INLINE_MAX;
		length = 1 + length % INLINE_MAX;
	}
	uint8_t *bytes = calloc(1, length);

	if (!bytes)
		abort();
	ASK(changer, "write", inode,
	    fs_write(changer->fs, inode, offset, bytes, length, (unsigned)pick(changer, 4)));
	free(bytes);
}

static void step_fallocate(struct changer *changer)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	uint64_t inode = any_inode(changer, S_IFREG), offset = any_offset(changer);
	int mode = modes[pick(changer, 5)];
	uint64_t length = 1 + pick(changer, 300000);

	if (mode & FALLOC_FL_PUNCH_HOLE && !pick(changer, 4))
		length = random_next(&changer->random) >> pick(changer, 64);
	ASK(changer, "fallocate", inode, fs_fallocate(changer->fs, inode, mode, offset, length));
}

static void step_setattr(struct changer *changer)
{
	uint64_t inode = any_inode(changer, pick(changer, 4) ? S_IFREG : S_IFDIR);
	struct fs_set set = {.what = (unsigned)pick(changer, FS_SET_CTIME),
			     .mode = 0640,
			     .uid = 5,
			     .gid = 6,
			     .size = any_offset(changer),
			     .atime = {.tv_sec = 1},
			     .mtime = {.tv_sec = -1}};
	struct fs_attr attr;

	if (pick(changer, 3) == 0)
		set.size = 0;
	ASK(changer, "setattr", inode, fs_setattr(changer->fs, inode, &set, &attr));
}

static void step_copy(struct changer *changer)
{
	uint64_t from = any_inode(changer, S_IFREG), to = any_inode(changer, S_IFREG);

	ASK(changer, "copy", from,
	    fs_copy(changer->fs, from, any_offset(changer), to, any_offset(changer),
		    1 + pick(changer, 300000)));
}

static void step_xattr(struct changer *changer)
{
	static const char *const names[] = {"user.small", "user.large", "user.new",	  "user.pieces",
					    "user.tall",  "user.empty", "trusted.inline", "user.directory"};
	const char *name = names[pick(changer, 8)];
	uint64_t inode = any_inode(changer, pick(changer, 3) ? S_IFREG : S_IFDIR);
	size_t length = pick(changer, pick(changer, 3) ? 600 : FS_XATTR_SIZE_MAX);
	uint8_t *value;

	if (!pick(changer, 3)) {
		ASK(changer, "removexattr", inode, fs_removexattr(changer->fs, inode, name));
		return;
	}
	value = calloc(1, length + 1);
	if (!value)
		abort();
	ASK(changer, "setxattr", inode,
	    fs_setxattr(changer->fs, inode, name, value, length, (int)pick(changer, 3)));
	free(value);
}

static void step_sync(struct changer *changer)
{
	struct image *image = fs_image(changer->fs);
	uint64_t inode = any_inode(changer, S_IFREG), trimmed;

	switch (pick(changer, 4)) {
	case 0:
		ASK(changer, "checkpoint", 0, image_checkpoint(image));
		break;
	case 1:
		ASK(changer, "trim", 0, image_trim(image, &trimmed));
		break;
	case 2:
		ASK(changer, "sync", 0, image_sync(image, image_head(image), NULL, 0));
		break;
	default:
		ASK(changer, "fsync", inode, fs_sync(changer->fs, inode, pick(changer, 2)));
	}
}

void change(struct fs *fs, uint64_t random, const struct found *found, struct answers *answers)
{
	static void (*const steps[])(struct changer * changer) = {
	    step_make,	  step_make,   step_symlink, step_link,	 step_remove, step_remove,    step_remove,
	    step_rename,  step_rename, step_write,   step_write, step_write,  step_fallocate, step_setattr,
	    step_setattr, step_copy,   step_xattr,   step_xattr, step_sync};
	struct changer changer = {.fs = fs, .found = found, .answers = answers, .random = random};

	for (unsigned i = 0; i < STEPS; i++)
		steps[pick(&changer, sizeof(steps) / sizeof(steps[0]))](&changer);
}
