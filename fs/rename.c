/*
 * Renaming. The inodes concerned are found without locks first, then locked in order, then the names are
 * looked up again inside the transaction; if they mean something else by then, all starts over. Check and
 * change are in one transaction, so the tree of directories cannot change between the walk for loops and the
 * move.
 */
#include "acl.h"
#include "flags.h"
#include "namespace_i.h"

#include <dirent.h>
#include <errno.h>
#include <linux/fs.h> /* RENAME_ */

/* What is left at the old name. */
struct whiteout {
	const struct fs_caller *caller;
	struct inode inode;
	struct acl_inherited acl;
};

struct renaming {
	struct fs *fs;
	struct txn *txn;
	uint64_t parent, new_parent;
	struct fs_name name, new_name;
	bool exchange, no_replace;
	struct whiteout *whiteout; /* NULL: none is left */
	/* what the names mean; target 0: nothing */
	uint64_t source_number, target_number;
	uint8_t source_type, target_type;
	bool may_delete;       /* the target, within the transaction */
	enum orphan_next next; /* of the target, after it */
	/* loaded in the transaction; `to` is `from` where both are the same directory */
	struct inode from_inode, to_inode, source, target;
	struct inode *from, *to;
};

static int find_names(struct renaming *r)
{
	int result = namespace_peek(r->fs, r->parent, r->name, &r->source_number, &r->source_type);
	if (result)
		return result;
	result = namespace_peek(r->fs, r->new_parent, r->new_name, &r->target_number, &r->target_type);
	if (result == -ENOENT) {
		r->target_number = 0;
		r->target_type = DT_UNKNOWN;
		result = 0;
	}
	return result;
}

/* In the transaction: do the names still mean what the locks were chosen for? -EAGAIN: no. */
static int names_unchanged(const struct renaming *r)
{
	uint64_t number;
	int result = dirent_find(r->fs, r->parent, r->name, &number, NULL);
	if (result == -ENOENT || (!result && number != r->source_number))
		return -EAGAIN;
	if (result)
		return result;
	result = dirent_find(r->fs, r->new_parent, r->new_name, &number, NULL);
	if (result == -ENOENT)
		return r->target_number ? -EAGAIN : 0;
	if (result)
		return result;
	return number == r->target_number ? 0 : -EAGAIN;
}

/* Is `ancestor` the directory `start` or above it? 1, 0 or an error. Parents come from the image, so they may
 * lead in a circle: `mark` stays behind at growing distances and is met again then (Brent). */
static int is_above(struct fs *fs, uint64_t ancestor, uint64_t start)
{
	uint64_t at = start, mark = start, steps = 0, distance = 1;
	while (at != ancestor) {
		if (at == ROOT_INODE)
			return 0;
		struct inode inode;
		int result = namespace_load_directory(fs, at, &inode);
		if (result == -ESTALE || result == -ENOTDIR)
			return image_damaged(fs->image, "directory %llu: parent of a directory below it",
					     (unsigned long long)at);
		if (result)
			return result;
		at = inode.parent;
		if (at == mark)
			return image_damaged(fs->image, "directory %llu: parents lead in a circle",
					     (unsigned long long)at);
		if (++steps == distance) {
			mark = at;
			steps = 0;
			distance *= 2;
		}
	}
	return 1;
}

/* A directory must not come to stand below itself. */
static int check_loops(const struct renaming *r)
{
	if (r->parent == r->new_parent)
		return 0;
	int above = 0;
	if (r->source_type == DT_DIR)
		above = is_above(r->fs, r->source_number, r->new_parent);
	if (!above && r->exchange && r->target_type == DT_DIR)
		above = is_above(r->fs, r->target_number, r->parent);
	return above > 0 ? -EINVAL : above;
}

static int load_parents(struct renaming *r)
{
	r->from = &r->from_inode;
	r->to = r->parent == r->new_parent ? r->from : &r->to_inode;
	int result = namespace_load_directory(r->fs, r->parent, r->from);
	if (!result && r->to != r->from)
		result = namespace_load_directory(r->fs, r->new_parent, r->to);
	if (!result && !r->to->nlink)
		result = -ENOENT; /* removed, still open somewhere */
	return result;
}

/* The entry's type must be the inode's: locks and walks were chosen by it. */
static int load_named(struct renaming *r, uint64_t number, uint8_t type, struct inode *ret_inode)
{
	if (number == r->parent || number == r->new_parent || number == ROOT_INODE)
		return image_damaged(r->fs->image, "directory %llu contains itself or the root",
				     (unsigned long long)number);
	int result = namespace_load_target(r->fs, number, ret_inode);
	if (!result && IFTODT(ret_inode->mode) != type)
		result = image_damaged(r->fs->image, "inode %llu: type in its directory entry",
				       (unsigned long long)number);
	return result;
}

/* Immutable and append-only directories and inodes. */
static int check_flags(const struct renaming *r)
{
	int result = flags_check_remove(r->from, &r->source);
	if (result)
		return result;
	return r->target_number ? flags_check_remove(r->to, &r->target) : flags_check_add(r->to);
}

/* Everything that can be refused. 1: nothing is to be done. */
static int check(struct renaming *r)
{
	int result = load_parents(r);
	if (!result)
		result = names_unchanged(r);
	if (result)
		return result;
	if (r->no_replace && r->target_number)
		return -EEXIST;
	if (r->exchange && !r->target_number)
		return -ENOENT;
	if (r->source_number == r->target_number)
		return 1;
	result = check_loops(r);
	if (result)
		return result;
	if (r->target_number && !r->exchange) {
		/* Before load_named: the target may be the source's own parent, which is not empty. */
		if (r->source_type != DT_DIR && r->target_type == DT_DIR)
			return -EISDIR;
		if (r->source_type == DT_DIR && r->target_type != DT_DIR)
			return -ENOTDIR;
		if (r->target_number == r->parent)
			return -ENOTEMPTY;
	}
	result = load_named(r, r->source_number, r->source_type, &r->source);
	if (!result && r->target_number)
		result = load_named(r, r->target_number, r->target_type, &r->target);
	if (!result)
		result = check_flags(r);
	if (!result && r->target_number && !r->exchange)
		result = namespace_check_removal(r->fs, &r->target, r->source_type == DT_DIR);
	return result;
}

/* A directory goes from one parent to another: links and its parent. */
static int move_directory(struct renaming *r, struct inode *inode, struct inode *from, struct inode *to)
{
	if (!S_ISDIR(inode->mode) || from == to)
		return 0;
	if (from->nlink < 3)
		return image_damaged(r->fs->image, "directory %llu: number of links",
				     (unsigned long long)from->number);
	if (to->nlink == UINT32_MAX)
		return -EMLINK;
	from->nlink--;
	to->nlink++;
	inode->parent = to->number;
	return 0;
}

static int store_parents(struct renaming *r, struct timespec now)
{
	r->from->mtime = r->from->ctime = now;
	r->to->mtime = r->to->ctime = now;
	int result = inode_store(r->txn, r->from);
	if (!result && r->to != r->from)
		result = inode_store(r->txn, r->to);
	return result;
}

static int exchange(struct renaming *r, struct timespec now)
{
	int result = dirent_replace(r->txn, r->fs, r->parent, r->name, r->target_number, r->target_type);
	if (!result)
		result = dirent_replace(r->txn, r->fs, r->new_parent, r->new_name, r->source_number,
					r->source_type);
	/* Two directories: each parent loses one and gets one, so its links stay. */
	if (!result && r->from != r->to && S_ISDIR(r->source.mode) && S_ISDIR(r->target.mode)) {
		r->source.parent = r->to->number;
		r->target.parent = r->from->number;
	} else if (!result) {
		result = move_directory(r, &r->source, r->from, r->to);
		if (!result)
			result = move_directory(r, &r->target, r->to, r->from);
	}
	if (!result)
		result = store_parents(r, now);
	r->source.ctime = r->target.ctime = now;
	if (!result)
		result = inode_store(r->txn, &r->source);
	return result ? result : inode_store(r->txn, &r->target);
}

/* The old name goes, or from now on means a whiteout. */
static int leave_name(struct renaming *r)
{
	if (!r->whiteout)
		return dirent_remove(r->txn, r->fs, r->parent, r->name);
	struct inode *inode = &r->whiteout->inode;
	int result = namespace_new_inode(r->txn, r->fs, r->whiteout->caller, r->from, inode);
	if (!result)
		result = acl_inherit(r->txn, r->fs, inode, &r->whiteout->acl);
	if (!result)
		result = inode_store(r->txn, inode);
	if (!result)
		result = dirent_replace(r->txn, r->fs, r->parent, r->name, inode->number, DT_CHR);
	return result;
}

/* The new name is one more in `to`, whose counts do not have it yet; the old one leaves `from`, if it goes.
 */
static int count_entries(struct renaming *r)
{
	r->to->size++;
	return r->whiteout ? 0 : namespace_entry_gone(r->fs, r->from, false);
}

static int replace(struct renaming *r, struct timespec now)
{
	int result = leave_name(r);
	if (!result)
		result = dirent_replace(r->txn, r->fs, r->new_parent, r->new_name, r->source_number,
					r->source_type);
	if (!result)
		result = move_directory(r, &r->source, r->from, r->to);
	if (!result)
		result = namespace_entry_gone(r->fs, r->to, S_ISDIR(r->target.mode));
	if (!result)
		result = count_entries(r);
	if (!result)
		result = store_parents(r, now);
	r->source.ctime = now;
	if (!result)
		result = inode_store(r->txn, &r->source);
	if (!result)
		result = namespace_drop_link(r->txn, r->fs, &r->target, now, r->may_delete, &r->next);
	return result;
}

static int move(struct renaming *r, struct timespec now)
{
	int result = leave_name(r);
	if (!result)
		result =
		    dirent_add(r->txn, r->fs, r->new_parent, r->new_name, r->source_number, r->source_type);
	if (!result)
		result = move_directory(r, &r->source, r->from, r->to);
	if (!result)
		result = count_entries(r);
	if (!result)
		result = store_parents(r, now);
	r->source.ctime = now;
	return result ? result : inode_store(r->txn, &r->source);
}

/* entries, parents, source, target, whiteout; the target with what orphan_unlinked needs */
#define RENAME_CHANGES	7u
#define REPLACE_CHANGES (RENAME_CHANGES + ORPHAN_UNLINKED_CHANGES)

/* Before the transaction. How many more changes it makes. */
static int plan_whiteout(struct renaming *r, unsigned *changes)
{
	struct whiteout *whiteout = r->whiteout;
	if (!whiteout)
		return 0;
	whiteout->inode = (struct inode){.mode = S_IFCHR};
	int result =
	    acl_plan_inheritance(r->fs, whiteout->caller, r->parent, &whiteout->inode, &whiteout->acl);
	if (!result)
		*changes += whiteout->acl.changes;
	return result;
}

static int rename_in_transaction(struct renaming *r)
{
	bool replaces = r->target_number && !r->exchange;
	r->may_delete = replaces && !lookups_known(r->fs->lookups, r->target_number);
	r->next = ORPHAN_NOTHING;
	/* An exchange only gives two entries other numbers. */
	unsigned flags = replaces ? TXN_RELEASES : r->exchange ? TXN_REPLACES : 0;
	unsigned changes = r->may_delete ? REPLACE_CHANGES : RENAME_CHANGES + 1;
	int result = plan_whiteout(r, &changes);
	if (!result)
		result = txn_begin(r->fs->image, changes, flags, &r->txn);
	if (result)
		return result;
	result = check(r);
	if (result) {
		txn_abort(r->txn);
		return result < 0 ? result : 0;
	}
	struct timespec now = inode_now();
	if (r->exchange)
		result = exchange(r, now);
	else if (replaces)
		result = replace(r, now);
	else
		result = move(r, now);
	if (result) {
		txn_abort(r->txn);
		return result;
	}
	return txn_commit(r->txn, NULL);
}

static int rename_once(struct renaming *r)
{
	int result = find_names(r);
	if (result)
		return result;
	bool moves_directory = r->parent != r->new_parent &&
			       (r->source_type == DT_DIR || (r->exchange && r->target_type == DT_DIR));
	const uint64_t locked[] = {r->parent, r->new_parent, r->source_number, r->target_number};
	if (moves_directory)
		pthread_mutex_lock(&r->fs->rename_lock);
	inode_lock_several(r->fs, locked, 4);
	result = rename_in_transaction(r);
	inode_unlock_several(r->fs, locked, 4);
	if (moves_directory)
		pthread_mutex_unlock(&r->fs->rename_lock);
	if (!result)
		orphan_settle(r->fs, r->target_number, r->next);
	return result;
}

static bool is_dots(struct fs_name name)
{
	return (name.length == 1 || name.length == 2) && name.bytes[0] == '.' &&
	       name.bytes[name.length - 1] == '.';
}

static int rename_checked(struct renaming *r)
{
	if (r->fs->options.read_only)
		return -EROFS;
	if (is_dots(r->name) || is_dots(r->new_name))
		return -EBUSY;
	int result = dirent_name_check(r->name);
	if (!result)
		result = dirent_name_check(r->new_name);
	if (result)
		return result;
	do
		result = rename_once(r);
	while (result == -EAGAIN); /* somebody else got on meanwhile: look again */
	return result;
}

/* whiteout: has its caller; NULL: none is made. */
static int rename_by(struct fs *fs, struct whiteout *whiteout, uint64_t parent, struct fs_name name,
		     uint64_t new_parent, struct fs_name new_name, unsigned flags)
{
	struct renaming renaming = {
	    .fs = fs,
	    .parent = parent,
	    .new_parent = new_parent,
	    .name = name,
	    .new_name = new_name,
	    .exchange = flags & RENAME_EXCHANGE,
	    .no_replace = flags & RENAME_NOREPLACE,
	    .whiteout = whiteout,
	};
	return rename_checked(&renaming);
}

int fs_rename(struct fs *fs, uint64_t parent, struct fs_name name, uint64_t new_parent,
	      struct fs_name new_name, unsigned flags)
{
	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	return rename_by(fs, NULL, parent, name, new_parent, new_name, flags);
}

int fs_rename_whiteout(struct fs *fs, const struct fs_caller *caller, uint64_t parent, struct fs_name name,
		       uint64_t new_parent, struct fs_name new_name, unsigned flags)
{
	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	struct whiteout whiteout = {.caller = caller};
	return rename_by(fs, &whiteout, parent, name, new_parent, new_name, flags);
}
