/* Renaming: the rules one by one, then random operations compared with those of the host's filesystem. */
#include "fixture.h"

#include <dirent.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/syscall.h>

static int rename_result(struct fixture *f, uint64_t parent, const char *name, uint64_t new_parent,
			 const char *new_name, unsigned flags)
{
	return fs_rename(f->fs, parent, fixture_name(name), new_parent, fixture_name(new_name), flags);
}

static void files(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	uint64_t a = fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0644);
	uint64_t b = fixture_make(&f, ROOT_INODE, "b", S_IFREG | 0644);
	uint64_t d = fixture_make(&f, ROOT_INODE, "d", S_IFDIR | 0755);
	assert_int_equal(rename_result(&f, ROOT_INODE, "none", d, "x", 0), -ENOENT);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", d, "x", 8), -EINVAL);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", d, "x", RENAME_NOREPLACE | RENAME_EXCHANGE),
			 -EINVAL);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", b, "x", 0), -ENOTDIR);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", ROOT_INODE, "..", 0), -EBUSY);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", ROOT_INODE, "b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", d, "none", RENAME_EXCHANGE), -ENOENT);

	assert_int_equal(rename_result(&f, ROOT_INODE, "a", d, "moved", RENAME_NOREPLACE), 0);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "a"), 0);
	assert_int_equal(fixture_find(&f, d, "moved"), a);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, 2);
	assert_int_equal(fixture_attr(&f, d).size, 1);

	/* Replaced, and still known: an orphan until forgotten. */
	assert_int_equal(rename_result(&f, d, "moved", ROOT_INODE, "b", 0), 0);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "b"), a);
	assert_int_equal(fixture_attr(&f, b).nlink, 0);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, 2);
	assert_int_equal(fixture_attr(&f, d).size, 0);
	fs_forget(f.fs, b, 1);
	assert_int_equal(fs_getattr(f.fs, b, &attr), -ESTALE);

	/* Two names of one file: nothing happens, but NOREPLACE says so. */
	assert_int_equal(fs_link(f.fs, a, d, fixture_name("second"), &attr), 0);
	assert_int_equal(rename_result(&f, ROOT_INODE, "b", d, "second", 0), 0);
	assert_int_equal(rename_result(&f, ROOT_INODE, "b", d, "second", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_result(&f, ROOT_INODE, "b", ROOT_INODE, "b", 0), 0);
	assert_int_equal(fixture_attr(&f, a).nlink, 2);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "b"), a);
	assert_int_equal(fixture_find(&f, d, "second"), a);

	/* A replaced file with another name goes on. */
	uint64_t c = fixture_make(&f, ROOT_INODE, "c", S_IFREG | 0644);
	assert_int_equal(rename_result(&f, ROOT_INODE, "c", d, "second", 0), 0);
	assert_int_equal(fixture_attr(&f, a).nlink, 1);
	assert_int_equal(fixture_find(&f, d, "second"), c);
	fixture_crash(&f);
	assert_int_equal(fixture_find(&f, d, "second"), c);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "b"), a);
	assert_int_equal(fixture_inodes(&f), 4);
	fixture_close(&f);
}

static void directories(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t a = fixture_make(&f, ROOT_INODE, "a", S_IFDIR | 0755);
	uint64_t b = fixture_make(&f, a, "b", S_IFDIR | 0755);
	uint64_t c = fixture_make(&f, b, "c", S_IFDIR | 0755);
	uint64_t file = fixture_make(&f, c, "file", S_IFREG | 0644);
	uint64_t d = fixture_make(&f, ROOT_INODE, "d", S_IFDIR | 0755);
	/* Below itself, at any depth and either way. */
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", a, "x", 0), -EINVAL);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", c, "x", 0), -EINVAL);
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", c, "file", RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(rename_result(&f, c, "file", ROOT_INODE, "a", RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(rename_result(&f, b, "c", ROOT_INODE, "a", RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(rename_result(&f, b, "c", ROOT_INODE, "a", 0), -ENOTEMPTY);
	assert_int_equal(rename_result(&f, a, "b", ROOT_INODE, "a", 0), -ENOTEMPTY);
	assert_int_equal(rename_result(&f, c, "file", ROOT_INODE, "d", 0), -EISDIR);
	assert_int_equal(rename_result(&f, ROOT_INODE, "d", c, "file", 0), -ENOTDIR);
	assert_int_equal(rename_result(&f, ROOT_INODE, "d", a, "b", 0), -ENOTEMPTY);

	/* To another parent. */
	assert_int_equal(rename_result(&f, b, "c", ROOT_INODE, "c", 0), 0);
	assert_int_equal(fixture_find(&f, c, ".."), ROOT_INODE);
	assert_int_equal(fixture_attr(&f, b).nlink, 2);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).nlink, 5);
	/* Over an empty directory, in the same parent and in another. */
	assert_int_equal(rename_result(&f, ROOT_INODE, "c", ROOT_INODE, "d", 0), 0);
	assert_int_equal(fixture_attr(&f, d).nlink, 0);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).nlink, 4);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, 2);
	assert_int_equal(rename_result(&f, ROOT_INODE, "d", a, "b", 0), 0);
	assert_int_equal(fixture_find(&f, a, "b"), c);
	assert_int_equal(fixture_attr(&f, a).nlink, 3);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).nlink, 3);
	assert_int_equal(fixture_find(&f, c, "file"), file);
	fixture_crash(&f);
	assert_int_equal(fixture_find(&f, c, ".."), a);
	assert_int_equal(fixture_inodes(&f), 4); /* root, a, c, file */
	fixture_close(&f);
}

static void exchanges(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t a = fixture_make(&f, ROOT_INODE, "a", S_IFDIR | 0755);
	uint64_t b = fixture_make(&f, ROOT_INODE, "b", S_IFDIR | 0755);
	uint64_t below_a = fixture_make(&f, a, "below", S_IFDIR | 0755);
	uint64_t below_b = fixture_make(&f, b, "below", S_IFDIR | 0755);
	uint64_t file = fixture_make(&f, b, "file", S_IFREG | 0644);
	fixture_make(&f, below_b, "something", S_IFREG | 0644);
	/* Two directories, not empty. */
	assert_int_equal(rename_result(&f, a, "below", b, "below", RENAME_EXCHANGE), 0);
	assert_int_equal(fixture_find(&f, a, "below"), below_b);
	assert_int_equal(fixture_find(&f, b, "below"), below_a);
	assert_int_equal(fixture_find(&f, below_a, ".."), b);
	assert_int_equal(fixture_find(&f, below_b, ".."), a);
	assert_int_equal(fixture_attr(&f, a).nlink, 3);
	assert_int_equal(fixture_attr(&f, b).nlink, 3);
	/* A directory and a file. */
	assert_int_equal(rename_result(&f, a, "below", b, "file", RENAME_EXCHANGE), 0);
	assert_int_equal(fixture_find(&f, a, "below"), file);
	assert_int_equal(fixture_find(&f, b, "file"), below_b);
	assert_int_equal(fixture_attr(&f, a).nlink, 2);
	assert_int_equal(fixture_attr(&f, b).nlink, 4);
	assert_int_equal(fixture_attr(&f, a).size, 1);
	assert_int_equal(fixture_attr(&f, b).size, 2);
	/* The other way round, and in one parent. */
	assert_int_equal(rename_result(&f, a, "below", b, "file", RENAME_EXCHANGE), 0);
	assert_int_equal(fixture_attr(&f, a).nlink, 3);
	assert_int_equal(rename_result(&f, b, "file", b, "below", RENAME_EXCHANGE), 0);
	assert_int_equal(fixture_find(&f, b, "below"), file);
	assert_int_equal(fixture_attr(&f, b).nlink, 3);
	fixture_close(&f);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static void times(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t d = fixture_make(&f, ROOT_INODE, "d", S_IFDIR | 0755);
	uint64_t a = fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0644);
	uint64_t b = fixture_make(&f, d, "b", S_IFREG | 0644);
	struct fs_attr was = fixture_attr(&f, b), attr;
	usleep(20000); /* more than a tick of the coarse clock */
	assert_int_equal(rename_result(&f, ROOT_INODE, "a", d, "b", 0), 0);
	attr = fixture_attr(&f, ROOT_INODE);
	assert_true(later(attr.mtime, was.mtime) && later(attr.ctime, was.ctime));
	attr = fixture_attr(&f, d);
	assert_true(later(attr.mtime, was.mtime) && later(attr.ctime, was.ctime));
	attr = fixture_attr(&f, a);
	assert_true(!later(attr.mtime, was.mtime) && later(attr.ctime, was.ctime));
	attr = fixture_attr(&f, b);
	assert_true(!later(attr.mtime, was.mtime) && later(attr.ctime, was.ctime));
	fixture_close(&f);
}

/* ---- compared with the host ---- */

struct pair {
	struct fixture f;
	char host[64]; /* directory */
	bool exchanges;
	uint64_t seed;
};

/* A random path of up to three components from few names. */
static void random_path(struct pair *p, char *path)
{
	unsigned depth = 1 + (unsigned)(fixture_random(&p->seed) % 3);
	for (unsigned i = 0; i < depth; i++) {
		*path++ = '/';
		*path++ = (char)('a' + fixture_random(&p->seed) % 4);
	}
	*path = '\0';
}

/* The directory that holds the last name of a path. */
static int resolve(struct pair *p, const char *path, uint64_t *ret_parent, struct fs_name *ret_name)
{
	uint64_t at = ROOT_INODE;
	for (; strlen(path) > 2; path += 2) {
		struct fs_attr attr;
		struct fs_name name = {.bytes = path + 1, .length = 1};
		int result = fs_lookup(p->f.fs, at, name, &attr);
		if (result)
			return result;
		fs_forget(p->f.fs, attr.inode, 1);
		at = attr.inode;
		if (!S_ISDIR(attr.mode))
			return -ENOTDIR;
	}
	*ret_parent = at;
	*ret_name = (struct fs_name){.bytes = path + 1, .length = 1};
	return 0;
}

enum operation { MAKE_FILE, MAKE_DIRECTORY, UNLINK, RMDIR, LINK, RENAME, OPERATIONS };

static int here(struct pair *p, enum operation operation, const char *path, const char *path2, unsigned flags)
{
	const struct fs_caller caller = {.uid = 1000, .gid = 1000};
	uint64_t parent, parent2 = 0;
	struct fs_name name, name2;
	struct fs_attr attr;
	int result = resolve(p, path, &parent, &name);
	if (!result && operation == LINK) {
		result = fs_lookup(p->f.fs, parent, name, &attr);
		if (!result)
			fs_forget(p->f.fs, attr.inode, 1);
	}
	if (!result && (operation == LINK || operation == RENAME))
		result = resolve(p, path2, &parent2, &name2);
	if (result)
		return result;
	switch (operation) {
	case MAKE_FILE:
	case MAKE_DIRECTORY:
		result = fs_make(p->f.fs, &caller, parent, name,
				 operation == MAKE_FILE ? S_IFREG | 0644 : S_IFDIR | 0755, 0, 0, &attr);
		if (!result)
			fs_forget(p->f.fs, attr.inode, 1);
		return result;
	case UNLINK:
		return fs_unlink(p->f.fs, parent, name);
	case RMDIR:
		return fs_rmdir(p->f.fs, parent, name);
	case LINK:
		result = fs_link(p->f.fs, attr.inode, parent2, name2, &attr);
		if (!result)
			fs_forget(p->f.fs, attr.inode, 1);
		return result;
	default:
		return fs_rename(p->f.fs, parent, name, parent2, name2, flags);
	}
}

static int there(struct pair *p, enum operation operation, const char *path, const char *path2,
		 unsigned flags)
{
	char full[128], full2[128];
	int result = -1;
	snprintf(full, sizeof(full), "%s%s", p->host, path);
	snprintf(full2, sizeof(full2), "%s%s", p->host, path2);
	switch (operation) {
	case MAKE_FILE:
		result = mknod(full, S_IFREG | 0644, 0);
		break;
	case MAKE_DIRECTORY:
		result = mkdir(full, 0755);
		break;
	case UNLINK:
		result = unlink(full);
		break;
	case RMDIR:
		result = rmdir(full);
		break;
	case LINK:
		result = link(full, full2);
		break;
	default:
		result = (int)syscall(SYS_renameat2, AT_FDCWD, full, AT_FDCWD, full2, flags);
		break;
	}
	return result ? -errno : 0;
}

/* Where two rules forbid it, the host's kernel checks one of them before it asks its filesystem: whether the
 * new name of a link exists, and whether a rename's target is above its source. */
static bool agree(int ours, int theirs)
{
	return ours == theirs || (ours == -EPERM && theirs == -EEXIST) ||
	       (ours == -EISDIR && theirs == -ENOTEMPTY);
}

struct comparing {
	struct pair *p;
	char path[4096]; /* on the host; trees grow deep */
	uint64_t numbers[64];
	char names[64];
	unsigned count;
};

static int collect_entry(void *context, const struct fs_dirent *entry)
{
	struct comparing *c = context;
	if (entry->name[0] == '.')
		return 0;
	assert_int_equal(entry->name_length, 1);
	c->names[c->count] = entry->name[0];
	c->numbers[c->count++] = entry->inode;
	return 0;
}

static unsigned host_entries(const char *path)
{
	unsigned count = 0;
	DIR *directory = opendir(path);
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

/* Same names, types and links below. */
static void compare(struct pair *p, const char *path, uint64_t directory)
{
	struct comparing c = {.p = p};
	struct stat st;
	assert_int_equal(fs_readdir(p->f.fs, directory, 0, collect_entry, &c), 0);
	struct fs_attr attr = fixture_attr(&p->f, directory);
	assert_int_equal(attr.size, c.count);
	assert_int_equal(host_entries(path), c.count);
	unsigned subdirectories = 0;
	for (unsigned i = 0; i < c.count; i++) {
		snprintf(c.path, sizeof(c.path), "%.4000s/%c", path, c.names[i]);
		assert_int_equal(lstat(c.path, &st), 0);
		struct fs_attr below = fixture_attr(&p->f, c.numbers[i]);
		assert_int_equal(st.st_mode & S_IFMT, below.mode & S_IFMT);
		if (S_ISDIR(below.mode)) {
			subdirectories++;
			assert_int_equal(fixture_find(&p->f, c.numbers[i], ".."), directory);
			compare(p, c.path, c.numbers[i]);
		} else {
			assert_int_equal(st.st_nlink, below.nlink);
		}
	}
	assert_int_equal(attr.nlink, 2 + subdirectories);
}

static void host_remove(const char *path)
{
	DIR *directory = opendir(path);
	if (!directory) {
		unlink(path);
		return;
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		char below[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%.4000s/%.20s", path, entry->d_name);
		host_remove(below);
	}
	closedir(directory);
	rmdir(path);
}

static void as_the_host(void **state)
{
	(void)state;
	struct pair p = {.seed = 20240601, .exchanges = true};
	const char *place = getenv("TMPDIR");
	fixture_open(&p.f);
	snprintf(p.host, sizeof(p.host), "%.40s/mmfs-host-XXXXXX", place ? place : "/tmp");
	assert_non_null(mkdtemp(p.host));
	assert_int_equal(there(&p, MAKE_FILE, "/x", "", 0), 0);
	assert_int_equal(there(&p, MAKE_FILE, "/y", "", 0), 0);
	p.exchanges = there(&p, RENAME, "/x", "/y", RENAME_EXCHANGE) == 0;
	assert_int_equal(there(&p, UNLINK, "/x", "", 0), 0);
	assert_int_equal(there(&p, UNLINK, "/y", "", 0), 0);
	unsigned done = 0;
	for (unsigned step = 0; step < 6000; step++) {
		static const enum operation often[] = {
		    MAKE_FILE, MAKE_DIRECTORY, MAKE_DIRECTORY, UNLINK, RMDIR, LINK, RENAME, RENAME, RENAME};
		enum operation operation = often[fixture_random(&p.seed) % (sizeof(often) / sizeof(*often))];
		static const unsigned all_flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
		unsigned flags = all_flags[fixture_random(&p.seed) % (p.exchanges ? 4 : 3)];
		char path[16], path2[16];
		random_path(&p, path);
		random_path(&p, path2);
		int ours = here(&p, operation, path, path2, flags);
		int theirs = there(&p, operation, path, path2, flags);
		if (!agree(ours, theirs))
			fail_msg("step %u: operation %d %s %s flags %u: %d, on the host %d", step, operation,
				 path, path2, flags, ours, theirs);
		done += ours == 0;
		if (step % 500 == 499) {
			if (step % 1000 == 999)
				fixture_crash(&p.f);
			else
				fixture_reopen(&p.f);
			compare(&p, p.host, ROOT_INODE);
		}
	}
	assert_true(done > 600); /* else it has compared errors only */
	host_remove(p.host);
	fixture_close(&p.f);
}

/* ---- threads ---- */

struct mover {
	struct fixture *f;
	const uint64_t *directories;
	uint64_t seed;
	unsigned failures;
};

static void *move_about(void *context)
{
	struct mover *mover = context;
	for (unsigned i = 0; i < 1500; i++) {
		char name[2] = {(char)('a' + fixture_random(&mover->seed) % 3), '\0'};
		char new_name[2] = {(char)('a' + fixture_random(&mover->seed) % 3), '\0'};
		uint64_t from = mover->directories[fixture_random(&mover->seed) % 8];
		uint64_t to = mover->directories[fixture_random(&mover->seed) % 8];
		int result = fs_rename(mover->f->fs, from, fixture_name(name), to, fixture_name(new_name),
				       fixture_random(&mover->seed) % 2 ? RENAME_EXCHANGE : RENAME_NOREPLACE);
		if (result && result != -ENOENT && result != -EINVAL && result != -EEXIST)
			mover->failures++;
	}
	return NULL;
}

/* Every directory is still below the root, by a way that ends. */
static void threads(void **state)
{
	(void)state;
	enum { WORKERS = 4 };
	struct fixture f;
	uint64_t directories[8] = {ROOT_INODE};
	struct mover movers[WORKERS];
	pthread_t ids[WORKERS];
	fixture_open(&f);
	for (unsigned i = 1; i < 8; i++) {
		char name[2] = {(char)('a' + (i - 1) % 3), '\0'};
		directories[i] = fixture_make(&f, directories[(i - 1) / 3], name, S_IFDIR | 0755);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		movers[i] = (struct mover){.f = &f, .directories = directories, .seed = 7 + i};
		assert_int_equal(pthread_create(&ids[i], NULL, move_about, &movers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(ids[i], NULL);
		assert_int_equal(movers[i].failures, 0);
	}
	unsigned links = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint64_t at = directories[i];
		unsigned steps = 0;
		for (; at != ROOT_INODE && steps < 8; steps++)
			at = fixture_find(&f, at, "..");
		assert_int_equal(at, ROOT_INODE);
		links += fixture_attr(&f, directories[i]).nlink - 2;
	}
	assert_int_equal(links, 7);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files), cmocka_unit_test(directories), cmocka_unit_test(exchanges),
	    cmocka_unit_test(times), cmocka_unit_test(as_the_host), cmocka_unit_test(threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
