/* Requests about directories: reading them, with and without attributes. */
#include "daemon.h"

#include <dirent.h>
#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY_BUFFER_MOST (1u << 20) /* bytes of one reply; the kernel asks for less */

static void ops_opendir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	(void)inode;
	if (daemon_of(request)->opendir_elided) {
		fuse_reply_err(request, ENOSYS);
		return;
	}
	file->cache_readdir = 1;
	file->keep_cache = 1;
	fuse_reply_open(request, file);
}

struct listing {
	struct daemon *daemon;
	fuse_req_t request; /* not any more once it is answered */
	char *bytes;
	size_t used, room;
	bool plus;
};

/* Adds one entry; as long as attributes are not known a plus entry has node 0, which the kernel takes as
 * "name and type only". */
static int emit_entry(void *context, const struct fs_dirent *entry)
{
	struct listing *listing = context;
	struct fuse_entry_param plain = {
	    .attr = {.st_ino = entry->inode, .st_mode = (mode_t)DTTOIF(entry->type)}};
	char name[FS_NAME_MAX + 1];
	size_t room = listing->room - listing->used, size;

	if (entry->name_length > FS_NAME_MAX)
		return -EUCLEAN;
	memcpy(name, entry->name, entry->name_length);
	name[entry->name_length] = 0;
	if (listing->plus)
		size = fuse_add_direntry_plus(listing->request, listing->bytes + listing->used, room, name,
					      &plain, entry->cookie);
	else
		size = fuse_add_direntry(listing->request, listing->bytes + listing->used, room, name,
					 &plain.attr, entry->cookie);
	if (size > room)
		return 1;
	listing->used += size;
	return 0;
}

static bool is_dot(const struct fuse_dirent *entry)
{
	return entry->name[0] == '.' &&
	       (entry->namelen == 1 || (entry->namelen == 2 && entry->name[1] == '.'));
}

/* Calls `each` for the plus entries of a listing but "." and "..", which stay without attributes: the kernel
 * counts no lookups on them. */
static void each_plus(struct listing *listing, void (*each)(struct listing *, struct fuse_direntplus *))
{
	size_t offset = 0;

	while (offset < listing->used) {
		struct fuse_direntplus *plus = (void *)(listing->bytes + offset);

		offset += FUSE_DIRENTPLUS_SIZE(plus);
		if (!is_dot(&plus->dirent))
			each(listing, plus);
	}
}

/* The directory is not locked any more: looks the inode up and writes its attributes into the entry. One that
 * has gone meanwhile, or is damaged, keeps node 0: a lookup of its name will tell. */
static void add_attributes(struct listing *listing, struct fuse_direntplus *plus)
{
	char name[FS_NAME_MAX + 1];
	struct fuse_entry_param entry;
	struct fs_attr attr;

	if (fs_getattr_lookup(listing->daemon->fs, plus->dirent.ino, &attr))
		return;
	reply_fill_entry(&attr, &entry);
	memcpy(name, plus->dirent.name, plus->dirent.namelen);
	name[plus->dirent.namelen] = 0;
	fuse_add_direntry_plus(listing->request, (char *)plus, FUSE_DIRENTPLUS_SIZE(plus), name, &entry,
			       (off_t)plus->dirent.off);
}

static void take_lookup_back(struct listing *listing, struct fuse_direntplus *plus)
{
	if (plus->entry_out.nodeid)
		fs_forget(listing->daemon->fs, plus->entry_out.nodeid, 1);
}

static void list(fuse_req_t request, fuse_ino_t inode, size_t size, off_t cookie, bool plus)
{
	struct daemon *daemon = daemon_of(request);
	struct listing listing = {
	    .daemon = daemon,
	    .request = request,
	    .room = size < DIRECTORY_BUFFER_MOST ? size : DIRECTORY_BUFFER_MOST,
	    .plus = plus,
	};

	listing.bytes = malloc(listing.room ? listing.room : 1);
	if (!listing.bytes) {
		reply_error(request, -ENOMEM);
		return;
	}
	int error = fs_readdir(daemon->fs, inode, cookie, emit_entry, &listing);
	/* What was read before the damage is given; the next call finds the damage again. */
	if (error < 0 && !listing.used) {
		reply_error(request, error);
		free(listing.bytes);
		return;
	}
	if (plus)
		each_plus(&listing, add_attributes);
	if (fuse_reply_buf(request, listing.bytes, listing.used) && plus)
		each_plus(&listing, take_lookup_back);
	free(listing.bytes);
}

static void ops_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t cookie,
			struct fuse_file_info *file)
{
	(void)file;
	list(request, inode, size, cookie, false);
}

static void ops_readdirplus(fuse_req_t request, fuse_ino_t inode, size_t size, off_t cookie,
			    struct fuse_file_info *file)
{
	(void)file;
	list(request, inode, size, cookie, true);
}

static void ops_fsyncdir(fuse_req_t request, fuse_ino_t inode, int data_only, struct fuse_file_info *file)
{
	(void)file;
	reply_error(request, fs_sync(daemon_of(request)->fs, inode, data_only != 0));
}

void ops_dir(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = ops_opendir;
	ops->readdir = ops_readdir;
	ops->readdirplus = ops_readdirplus;
	ops->fsyncdir = ops_fsyncdir;
}
