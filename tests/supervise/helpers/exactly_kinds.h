/* The kinds of exactly.c: what is there before the call, the call, and what there is afterwards. */

/* ---- the kinds ---- */

static void create(void)
{
	held = open("new", O_CREAT | O_EXCL | O_RDWR, 0640);
	must(held, "open");
}

static void created(void)
{
	is_file("new", 0, 1);
	must(write(held, "x", 1), "write to it");
	is_file("new", 1, 1);
}

static void make_directory(void)
{
	must(mkdir("new", 0750), "mkdir");
}

static void directory_made(void)
{
	is_file("new", 0, 2);
	check(look(".").stx_nlink == 3, "links of its parent");
}

static void make_node(void)
{
	must(mkfifo("new", 0600), "mkfifo");
}

static void node_made(void)
{
	check(S_ISFIFO(look("new").stx_mode) && look("new").stx_nlink == 1, "no fifo");
}

static void make_symlink(void)
{
	must(symlink("target", "new"), "symlink");
}

static void symlink_made(void)
{
	char target[16] = "";

	must(readlink("new", target, sizeof(target) - 1), "readlink");
	check(!strcmp(target, "target") && look("new").stx_nlink == 1, "not that link");
}

static void file_there(void)
{
	put("old", "some text");
}

static void make_link(void)
{
	must(link("old", "new"), "link");
}

static void link_made(void)
{
	is_file("old", 9, 2);
	is_file("new", 9, 2);
}

static void remove_file(void)
{
	must(unlink("old"), "unlink");
}

static void file_removed(void)
{
	is_absent("old");
}

static void two_links_there(void)
{
	put("old", "some text");
	must(link("old", "other"), "link");
}

static void link_removed(void)
{
	is_absent("old");
	is_file("other", 9, 1);
}

static void open_file_there(void)
{
	put("old", "some text");
	held = open("old", O_RDWR);
	must(held, "open");
}

static void open_file_removed(void)
{
	char bytes[16] = "";

	is_absent("old");
	must(pwrite(held, "more", 4, 9), "write to it");
	check(pread(held, bytes, sizeof(bytes), 0) == 13 && !strcmp(bytes, "some textmore"), "read of it");
}

static void directory_there(void)
{
	must(mkdir("old", 0755), "mkdir");
}

static void remove_directory(void)
{
	must(rmdir("old"), "rmdir");
}

static void directory_removed(void)
{
	is_absent("old");
	check(look(".").stx_nlink == 2, "links of its parent");
}

static void move(void)
{
	must(rename("old", "new"), "rename");
}

static void moved(void)
{
	is_absent("old");
	is_file("new", 9, 1);
}

static void two_files_there(void)
{
	put("old", "some text");
	put("new", "other");
	must(link("new", "other"), "link");
}

static void moved_over(void)
{
	is_absent("old");
	is_file("new", 9, 1);
	is_file("other", 5, 1);
}

static void exchange(void)
{
	must(renameat2(AT_FDCWD, "old", AT_FDCWD, "new", RENAME_EXCHANGE), "exchange");
}

static void exchanged(void)
{
	is_file("old", 5, 2);
	is_file("new", 9, 1);
}

static void whiteout(void)
{
	must(renameat2(AT_FDCWD, "old", AT_FDCWD, "new", RENAME_WHITEOUT), "rename with a whiteout");
}

static void whited_out(void)
{
	check(S_ISCHR(look("old").stx_mode), "no whiteout");
	is_file("new", 9, 1);
	must(unlink("old"), "unlink");
}

static void make_unnamed(void)
{
	held = open(".", O_TMPFILE | O_RDWR, 0600);
	must(held, "open(O_TMPFILE)");
}

static void name_it(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	must(linkat(AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW), "linkat");
}

static void unnamed_made(void)
{
	must(write(held, "1234", 4), "write");
	name_it();
	is_file("new", 4, 1);
}

static void unnamed_there(void)
{
	make_unnamed();
	must(write(held, "1234", 4), "write");
}

/* An overwrite within a tick of the clock would need no record. */
static void old_file_there(void)
{
	open_file_there();
	usleep(30000);
}

static void write_at(void)
{
	check(pwrite(held, "XYZ", 3, 5) == 3, "pwrite");
}

static void written_at(void)
{
	is_file("old", 9, 1);
	holds("old", 0, "some XYZt");
}

static void write_far(void)
{
	check(pwrite(held, "far", 3, 100000) == 3, "pwrite");
}

static void written_far(void)
{
	is_file("old", 100003, 1);
	holds("old", 0, "some text");
	check(look("old").stx_blocks == 16, "blocks");
}

static void append_file_there(void)
{
	put("old", "some text");
	held = open("old", O_WRONLY | O_APPEND);
	must(held, "open");
}

static void append(void)
{
	check(write(held, ", more", 6) == 6, "write");
}

static void appended(void)
{
	is_file("old", 15, 1);
	holds("old", 0, "some text, more");
}

static void cut(void)
{
	must(truncate("old", 4), "truncate");
}

static void was_cut(void)
{
	is_file("old", 4, 1);
	holds("old", 0, "some");
}

static void grow(void)
{
	must(truncate("old", 50000), "truncate");
}

static void grown(void)
{
	is_file("old", 50000, 1);
	holds("old", 0, "some text");
}

static void fragments_there(void)
{
	open_file_there();
	for (int i = 1; i < FRAGMENTS; i++)
		check(pwrite(held, "x", 1, i * 2 * BLOCK) == 1, "pwrite");
}

static void fragments_cut(void)
{
	struct statx status = look("old");

	is_file("old", 4, 1);
	check(status.stx_blocks >= 8, "all blocks have gone");
	/* What is left to be freed is, before the file may grow. */
	must(pwrite(held, "end", 3, 12), "pwrite");
	holds("old", 0, "some");
	check(look("old").stx_blocks == 8, "blocks are left");
}

static void change_mode(void)
{
	must(chmod("old", 0604), "chmod");
}

static void mode_changed(void)
{
	check((look("old").stx_mode & 07777) == 0604, "mode");
}

static void change_owner(void)
{
	must(chown("old", 12, 34), "chown");
}

static void owner_changed(void)
{
	check(look("old").stx_uid == 12 && look("old").stx_gid == 34, "owner");
}

static void change_times(void)
{
	const struct timespec times[2] = {{.tv_sec = 11}, {.tv_sec = 22}};

	must(utimensat(AT_FDCWD, "old", times, 0), "utimensat");
}

static void times_changed(void)
{
	check(look("old").stx_atime.tv_sec == 11 && look("old").stx_mtime.tv_sec == 22, "times");
}

static void set_attribute(void)
{
	must(setxattr("old", "user.a", "value", 5, XATTR_CREATE), "setxattr");
}

static void attribute_set(void)
{
	char value[8] = "";

	must(getxattr("old", "user.a", value, sizeof(value)), "getxattr");
	check(!strcmp(value, "value"), "another value");
	check(listxattr("old", NULL, 0) == 7, "listxattr");
}

static void attribute_there(void)
{
	put("old", "some text");
	set_attribute();
}

static void remove_attribute(void)
{
	must(removexattr("old", "user.a"), "removexattr");
}

static void attribute_removed(void)
{
	check(listxattr("old", NULL, 0) == 0, "listxattr");
}

static void allocate(void)
{
	must(fallocate(held, 0, 0, 10 * BLOCK), "fallocate");
}

static void allocated(void)
{
	is_file("old", 10 * BLOCK, 1);
	check(look("old").stx_blocks == 80, "blocks");
	holds("old", 0, "some text");
}

static void punch(void)
{
	must(fallocate(held, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK, 3000 * BLOCK), "punch");
}

static void punched(void)
{
	check(look("old").stx_blocks == 8, "blocks");
	holds("old", 0, "some text");
}

static void source_there(void)
{
	put("source", "what is copied");
	open_file_there();
}

static void copy(void)
{
	int source = open("source", O_RDONLY);
	off_t from = 5, to = 20;

	must(source, "open");
	ssize_t copied = copy_file_range(source, &from, held, &to, 9, 0);
	close(source);
	if (copied != 9)
		wrong("copy_file_range: %zd", copied);
}

static void copied(void)
{
	is_file("old", 29, 1);
	holds("old", 20, "is copied");
	must(unlink("source"), "unlink");
}

static void change_flags(void)
{
	int flags = FS_NODUMP_FL;

	must(ioctl(held, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
}

static void flags_changed(void)
{
	int flags = 0;

	must(ioctl(held, FS_IOC_GETFLAGS, &flags), "FS_IOC_GETFLAGS");
	check(flags == FS_NODUMP_FL, "flags");
}

static void full_directory_there(void)
{
	must(mkdir("other", 0755), "mkdir");
	put("other/file", "some text");
}

static void remove_full_directory(void)
{
	check(rmdir("other") < 0 && errno == ENOTEMPTY, "rmdir: no ENOTEMPTY");
}

static void full_directory_left(void)
{
	is_file("other/file", 9, 1);
	must(unlink("other/file"), "unlink");
}

static void collide(void)
{
	check(setxattr("old", "user.a", "other", 5, XATTR_CREATE) < 0 && errno == EEXIST,
	      "setxattr: no EEXIST");
}

static void unchanged(void)
{
	is_file("old", 9, 1);
}

/* Opcodes of requests. */
enum {
	SETATTR = 4,
	SYMLINK = 6,
	MKNOD = 8,
	MKDIR,
	UNLINK,
	RMDIR,
	RENAME,
	LINK,
	WRITE = 16,
	FSYNC = 20,
	SETXATTR,
	REMOVEXATTR = 24,
	CREATE = 35,
	IOCTL = 39,
	FALLOCATE = 43,
	RENAME2 = 45,
	COPY = 47,
	TMPFILE = 51,
	COPY_64 = 53
};

static void synchronize(void)
{
	must(fsync(held), "fsync");
}

static const struct kind {
	const char *name;
	unsigned requests[2];
	unsigned records; /* 0: it writes none */
	void (*before)(void), (*act)(void), (*after)(void);
} kinds[] = {
    {"create", {CREATE, MKNOD}, 1, NULL, create, created},
    {"mkdir", {MKDIR}, 1, NULL, make_directory, directory_made},
    {"mknod", {MKNOD}, 1, NULL, make_node, node_made},
    {"symlink", {SYMLINK}, 1, NULL, make_symlink, symlink_made},
    {"link", {LINK}, 1, file_there, make_link, link_made},
    {"unlink", {UNLINK}, 1, file_there, remove_file, file_removed},
    {"unlink-linked", {UNLINK}, 1, two_links_there, remove_file, link_removed},
    {"unlink-open", {UNLINK}, 1, open_file_there, remove_file, open_file_removed},
    {"rmdir", {RMDIR}, 1, directory_there, remove_directory, directory_removed},
    {"rename", {RENAME, RENAME2}, 1, file_there, move, moved},
    {"rename-over", {RENAME, RENAME2}, 1, two_files_there, move, moved_over},
    {"exchange", {RENAME2}, 1, two_files_there, exchange, exchanged},
    {"whiteout", {RENAME2}, 1, file_there, whiteout, whited_out},
    {"tmpfile", {TMPFILE}, 1, NULL, make_unnamed, unnamed_made},
    {"linkat", {LINK}, 1, unnamed_there, name_it, NULL},
    {"write", {WRITE}, 1, old_file_there, write_at, written_at},
    {"write-far", {WRITE}, 1, open_file_there, write_far, written_far},
    {"append", {WRITE}, 1, append_file_there, append, appended},
    {"truncate", {SETATTR}, 1, file_there, cut, was_cut},
    {"truncate-up", {SETATTR}, 1, file_there, grow, grown},
    {"truncate-long", {SETATTR}, 4, fragments_there, cut, fragments_cut},
    {"chmod", {SETATTR}, 1, file_there, change_mode, mode_changed},
    {"chown", {SETATTR}, 1, file_there, change_owner, owner_changed},
    {"utimens", {SETATTR}, 1, file_there, change_times, times_changed},
    {"setxattr", {SETXATTR}, 1, file_there, set_attribute, attribute_set},
    {"removexattr", {REMOVEXATTR}, 1, attribute_there, remove_attribute, attribute_removed},
    {"fallocate", {FALLOCATE}, 2, open_file_there, allocate, allocated},
    {"punch", {FALLOCATE}, 3, fragments_there, punch, punched},
    {"copy", {COPY, COPY_64}, 1, source_there, copy, copied},
    {"chattr", {IOCTL}, 1, open_file_there, change_flags, flags_changed},
    {"fsync", {FSYNC}, 0, open_file_there, synchronize, unchanged},
    {"rmdir-full", {RMDIR}, 0, full_directory_there, remove_full_directory, full_directory_left},
    {"setxattr-existing", {SETXATTR}, 0, attribute_there, collide, attribute_set},
};
