/* The command line of mmfs. One table (options.c) drives parsing and --help. */
#ifndef MMFS_OPTIONS_H
#define MMFS_OPTIONS_H

#include "../fs.h"

struct options {
	const char *image, *mountpoint; /* as given */
	bool foreground, debug;
	bool read_only;
	bool scratch; /* changes stay in memory */
	bool allow_other, allow_root;
	bool noatime;
	bool writeback; /* the kernel's cache of written pages */
	bool direct_io; /* reads and writes bypass the kernel's cache */
	bool acl;
	bool fsync_async;
	bool supervise;		    /* the mount outlives its daemon */
	bool supervise_given;	    /* that it is to */
	bool errors_abort;	    /* the image fails: end instead of reading on */
	bool no_lock;		    /* go on where files cannot be locked */
	bool suid_given, dev_given; /* whether set-id bits and device nodes count was said */
	uint64_t size_bytes;	    /* largest size of the image; 0: not given */
	uint64_t scratch_bytes;	    /* of memory; 0: not given */
	uint64_t overlay_bytes;	    /* 0: not given */
	uint32_t root_uid, root_gid;
	struct fs_shown_owner shown;
	unsigned commit_seconds; /* 0: not given */
	unsigned threads;	 /* 0: by the number of processors */
	unsigned spin_us;
	enum recover_mode recover;
	enum image_cache image_cache;
	bool image_cache_given;
	char *fsname;	   /* NULL: the image's path */
	char *mount_flags; /* comma list for the kernel; NULL: none */
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* --help or --version was answered */
	OPTIONS_WRONG, /* and it has been said what */
};

enum options_result options_parse(int count, char **arguments, struct options *ret_options);
void options_free(struct options *options);

#endif
