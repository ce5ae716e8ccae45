/* The table of calls: the names in scripts, their arguments, how often they are made. */
#include "differ.h"

const struct call calls[] = {
    {"open", "spOo", call_open, 90, CALL_MAKES},
    {"close", "s", call_close, 18, 0},
    {"dup", "st", call_dup, 6, CALL_DATA},
    {"setfl", "sO", call_setfl, 8, CALL_DATA},
    {"umask", "o", call_umask, 2, 0},

    {"read", "sn", call_read, 14, CALL_DATA},
    {"pread", "snf", call_pread, 16, CALL_DATA},
    {"readv", "sn", call_readv, 8, CALL_DATA},
    {"write", "snS", call_write, 30, CALL_DATA | CALL_XATTRS},
    {"pwrite", "snfS", call_pwrite, 36, CALL_DATA | CALL_XATTRS},
    {"writev", "snS", call_writev, 12, CALL_DATA | CALL_XATTRS},
    {"lseek", "sfW", call_lseek, 30, CALL_DATA},
    {"fsync", "sb", call_fsync, 3, CALL_DATA},
    {"truncate", "pz", call_truncate, 14, CALL_XATTRS},
    {"ftruncate", "sz", call_ftruncate, 20, CALL_DATA | CALL_XATTRS},
    {"fallocate", "sFfn", call_fallocate, 24, CALL_DATA | CALL_XATTRS},
    {"map_read", "sfn", call_map_read, 10, CALL_DATA},
    {"map_write", "sfnS", call_map_write, 18, CALL_DATA | CALL_XATTRS},
    {"copy_file_range", "stffn", call_copy_file_range, 16, CALL_DATA | CALL_XATTRS},
    {"sendfile", "stfn", call_sendfile, 10, CALL_DATA | CALL_XATTRS},

    {"map", "msPfn", call_map, 30, CALL_DATA},
    {"load", "mfn", call_load, 20, 0},
    {"store", "mfnS", call_store, 26, 0},
    {"msync", "mY", call_msync, 12, 0},
    {"munmap", "mb", call_munmap, 6, 0},

    {"link", "pqA", call_link, 28, CALL_MAKES},
    {"unlink", "p", call_unlink, 22, CALL_REMOVES},
    {"rmdir", "p", call_rmdir, 14, CALL_DIRECTORY | CALL_REMOVES},
    {"rename", "pqR", call_rename, 50, CALL_REMOVES},
    {"mkdir", "po", call_mkdir, 34, CALL_MAKES},
    {"mknod", "pMv", call_mknod, 12, CALL_MAKES},
    {"symlink", "xp", call_symlink, 14, CALL_MAKES},
    {"readlink", "p", call_readlink, 6, 0},

    {"getdents", "s", call_getdents, 6, CALL_DIRECTORY},
    {"list", "p", call_list, 8, CALL_DIRECTORY},
    {"dir_begin", "s", call_dir_begin, 8, CALL_DIRECTORY},
    {"dir_next", "c", call_dir_next, 26, 0},
    {"dir_tell", "", call_dir_tell, 6, 0},
    {"dir_seek", "", call_dir_seek, 6, 0},
    {"statfs", "p", call_statfs, 2, CALL_NO_AT},
    {"stat", "pA", call_stat, 8, 0},

    {"chmod", "poA", call_chmod, 36, CALL_XATTRS},
    {"fchmod", "so", call_fchmod, 10, CALL_XATTRS},
    {"chown", "pugA", call_chown, 30, CALL_XATTRS},
    {"fchown", "sug", call_fchown, 10, CALL_XATTRS},
    {"utimensat", "piiA", call_utimensat, 18, 0},
    {"futimens", "sii", call_futimens, 6, 0},
    {"access", "peA", call_access, 14, 0},

    {"setxattr", "pNySXA", call_setxattr, 22, CALL_XATTRS | CALL_NO_AT},
    {"getxattr", "pNrA", call_getxattr, 8, CALL_NO_AT},
    {"listxattr", "prA", call_listxattr, 6, CALL_NO_AT},
    {"removexattr", "pNA", call_removexattr, 10, CALL_XATTRS | CALL_NO_AT},
    {"fsetxattr", "sNySX", call_fsetxattr, 10, CALL_XATTRS},
    {"fgetxattr", "sNr", call_fgetxattr, 4, 0},
    {"flistxattr", "sr", call_flistxattr, 3, 0},
    {"fremovexattr", "sN", call_fremovexattr, 5, CALL_XATTRS},

    {"flock", "sK", call_flock, 12, 0},
    {"lock", "sLkl", call_lock, 14, CALL_DATA},
    {"getlock", "sLkl", call_getlock, 6, CALL_DATA},
    {"ofd_lock", "sLkl", call_ofd_lock, 8, CALL_DATA},
    {"ofd_getlock", "sLkl", call_ofd_getlock, 4, CALL_DATA},
    {"lock_wait", "sLkl", call_lock_wait, 10, CALL_DATA},
    {"ofd_lock_wait", "sLkl", call_ofd_lock_wait, 8, CALL_DATA},
    {"flock_wait", "sK", call_flock_wait, 8, 0},

    {"program", "pjo", call_program, 14, CALL_MAKES},
    {"run", "p", call_run, 14, CALL_NO_AT},
    {"start", "p", call_start, 8, CALL_NO_AT},
    {"stop", "", call_stop, 4, 0},

    {"setflags", "sC", call_setflags, 14, 0},
    {"getflags", "s", call_getflags, 4, 0},
};

const unsigned call_count = sizeof(calls) / sizeof(calls[0]);

int call_find(const char *name)
{
	for (unsigned i = 0; i < call_count; i++) {
		if (!strcmp(calls[i].name, name))
			return (int)i;
	}
	return -1;
}

int at_of(const struct worker *worker, int at)
{
	return at < 0 ? AT_FDCWD : worker->slots[at].descriptor;
}

int descriptor_of(const struct worker *worker, int slot)
{
	return slot < 0 ? -1 : worker->slots[slot].descriptor;
}
