/* Calls every function of libmmfs on the image given and compares what they say. */
#include <mmfs.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                              \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

static int collect(void *context, const char *name, const struct stat *status)
{
	char *names = context;

	(void)status;
	strcat(strcat(names, name), " ");
	return strcmp(name, "stop") ? 0 : 77;
}

static void names(struct mmfs *image)
{
	char listed[256] = "", target[16];
	struct stat status;

	CHECK(!mmfs_mkdir(image, "/dir", 0750));
	CHECK(mmfs_mkdir(image, "dir", 0750) == -EEXIST);
	CHECK(mmfs_mkdir(image, "/", 0750) == -EEXIST);
	CHECK(mmfs_mkdir(image, "none/dir", 0750) == -ENOENT);
	CHECK(!mmfs_lstat(image, "dir", &status) && S_ISDIR(status.st_mode) &&
	      (status.st_mode & 07777) == 0750);
	CHECK(status.st_uid == getuid() && status.st_gid == getgid());
	CHECK(!mmfs_mknod(image, "dir/pipe", S_IFIFO | 0600, 0));
	CHECK(!mmfs_symlink(image, "../dir/pipe", "dir/link"));
	CHECK(!mmfs_stat(image, "dir/link", &status) && S_ISFIFO(status.st_mode));
	CHECK(!mmfs_lstat(image, "dir/link", &status) && S_ISLNK(status.st_mode));
	CHECK(mmfs_readlink(image, "dir/link", target, sizeof(target)) == 11 &&
	      !strcmp(target, "../dir/pipe"));
	CHECK(mmfs_readlink(image, "dir/link", target, 4) == 11 && !strcmp(target, "../"));
	CHECK(mmfs_readlink(image, "dir/pipe", target, 4) == -EINVAL);
	CHECK(!mmfs_link(image, "dir/pipe", "dir/again"));
	CHECK(!mmfs_lstat(image, "dir/again", &status) && status.st_nlink == 2);
	CHECK(!mmfs_rename(image, "dir/again", "dir/stop", 0));
	CHECK(mmfs_rename(image, "dir/pipe", "dir/stop", RENAME_NOREPLACE) == -EEXIST);
	CHECK(mmfs_rename(image, "/", "dir/root", 0) == -EBUSY);
	CHECK(mmfs_list(image, "dir", collect, listed) == 77 && !strcmp(listed, "link pipe stop "));
	CHECK(mmfs_list(image, "dir/pipe", collect, listed) == -ENOTDIR);
	CHECK(mmfs_rmdir(image, "dir") == -ENOTEMPTY);
	CHECK(mmfs_unlink(image, "dir") == -EISDIR);
	CHECK(mmfs_rmdir(image, "/") == -EBUSY);
	CHECK(!mmfs_unlink(image, "dir/link") && !mmfs_unlink(image, "dir/pipe") &&
	      !mmfs_unlink(image, "dir/stop"));
	CHECK(!mmfs_rmdir(image, "dir") && mmfs_rmdir(image, "dir") == -ENOENT);
}

static void attributes(struct mmfs *image)
{
	struct timespec times[2] = {{.tv_sec = 1000000000, .tv_nsec = 5}, {.tv_nsec = UTIME_OMIT}};
	struct stat status, before;
	char value[16];

	CHECK(!mmfs_mknod(image, "file", S_IFREG | 0600, 0));
	CHECK(!mmfs_lstat(image, "file", &before));
	CHECK(!mmfs_chmod(image, "file", 04711) && !mmfs_chown(image, "file", 12, (gid_t)-1));
	CHECK(!mmfs_utimens(image, "file", times));
	CHECK(!mmfs_lstat(image, "file", &status) && status.st_uid == 12 && status.st_gid == before.st_gid);
	CHECK((status.st_mode & 0777) == 0711 && status.st_atim.tv_sec == 1000000000 &&
	      status.st_atim.tv_nsec == 5);
	CHECK(!memcmp(&status.st_mtim, &before.st_mtim, sizeof(status.st_mtim)));
	times[0].tv_nsec = -1;
	CHECK(mmfs_utimens(image, "file", times) == -EINVAL);
	CHECK(!mmfs_setxattr(image, "file", "user.colour", "red", 3, 0));
	CHECK(mmfs_getxattr(image, "file", "user.colour", value, sizeof(value)) == 3 &&
	      !memcmp(value, "red", 3));
	CHECK(mmfs_getxattr(image, "file", "user.colour", NULL, 0) == 3);
	CHECK(mmfs_listxattr(image, "file", value, sizeof(value)) == 12 && !strcmp(value, "user.colour"));
	CHECK(!mmfs_removexattr(image, "file", "user.colour"));
	CHECK(mmfs_removexattr(image, "file", "user.colour") == -ENODATA);
	CHECK(!mmfs_unlink(image, "file"));
}

static void contents(struct mmfs *image)
{
	static char bytes[300000], back[300000];
	struct mmfs_file *file;
	struct stat status;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 + i / 253);
	CHECK(mmfs_file_open(image, "data", 0, 0, &file) == -ENOENT);
	CHECK(mmfs_file_open(image, "data", O_APPEND, 0, &file) == -EINVAL);
	CHECK(mmfs_file_open(image, "/", O_CREAT, 0644, &file) == -EISDIR);
	CHECK(!mmfs_file_open(image, "data", O_CREAT | O_EXCL, 0644, &file));
	CHECK(mmfs_pwrite(file, bytes, sizeof(bytes), 5000) == (ssize_t)sizeof(bytes));
	CHECK(!mmfs_file_stat(file, &status) && status.st_size == 305000 && (status.st_mode & 0777) == 0644);
	CHECK(mmfs_pread(file, back, sizeof(back), 5000) == (ssize_t)sizeof(back));
	CHECK(!memcmp(bytes, back, sizeof(back)));
	CHECK(mmfs_pread(file, back, 100, 304990) == 10 && mmfs_pread(file, back, 100, 305000) == 0);
	CHECK(mmfs_pread(file, back, 100, 0) == 100 && back[0] == 0 && back[99] == 0);
	CHECK(!mmfs_file_truncate(file, 6000) && !mmfs_file_sync(file));
	mmfs_file_close(file);
	CHECK(mmfs_file_open(image, "data", O_CREAT | O_EXCL, 0644, &file) == -EEXIST);
	CHECK(!mmfs_symlink(image, "data", "to-data"));
	CHECK(mmfs_file_open(image, "to-data", O_NOFOLLOW, 0, &file) == -ELOOP);
	CHECK(!mmfs_file_open(image, "to-data", O_TRUNC, 0, &file));
	CHECK(!mmfs_file_stat(file, &status) && status.st_size == 0);
	CHECK(!mmfs_unlink(image, "data") && mmfs_pread(file, back, 1, 0) == -ESTALE);
	mmfs_file_close(file);
	mmfs_file_close(NULL);
}

static struct mmfs *shared;

static void *write_files(void *context)
{
	char path[32];

	for (int i = 0; i < 200; i++) {
		struct mmfs_file *file;
		snprintf(path, sizeof(path), "many/%s.%d", (const char *)context, i);
		CHECK(!mmfs_file_open(shared, path, O_CREAT | O_EXCL, 0600, &file));
		CHECK(mmfs_pwrite(file, path, sizeof(path), 0) == (ssize_t)sizeof(path));
		mmfs_file_close(file);
	}
	return NULL;
}

static int count_one(void *context, const char *name, const struct stat *status)
{
	(void)name;
	CHECK(status->st_size == 32);
	++*(int *)context;
	return 0;
}

static void threads(struct mmfs *image)
{
	pthread_t other;
	int count = 0;
	char first[] = "first", second[] = "second";

	shared = image;
	CHECK(!mmfs_mkdir(image, "many", 0700));
	CHECK(!pthread_create(&other, NULL, write_files, first));
	write_files(second);
	CHECK(!pthread_join(other, NULL));
	CHECK(!mmfs_list(image, "many", count_one, &count) && count == 400);
}

int main(int argument_count, char **arguments)
{
	const char *path = arguments[1];
	struct mmfs *image, *other;
	struct statvfs status;
	int count = 0;

	CHECK(argument_count == 2 && strchr(mmfs_version(), '.'));
	CHECK(mmfs_open(path, 0, &image) == -ENOENT && strstr(mmfs_message(), "no such file"));
	CHECK(mmfs_open(path, 64, &image) == -EINVAL && mmfs_message()[0]);
	CHECK(mmfs_open(path, MMFS_CREATE | MMFS_READ_ONLY, &image) == -EINVAL);
	CHECK(mmfs_open("/dev/null", 0, &image) < 0 && mmfs_message()[0]);
	CHECK(!mmfs_open(path, MMFS_CREATE, &image) && !mmfs_message()[0]);
	CHECK(mmfs_open(path, 0, &other) == -EWOULDBLOCK && strstr(mmfs_message(), "in use"));
	names(image);
	attributes(image);
	contents(image);
	threads(image);
	CHECK(!mmfs_statvfs(image, &status) && status.f_namemax == 255 && status.f_bfree > 0);
	CHECK(!mmfs_sync(image) && !mmfs_close(image) && !mmfs_close(NULL));
	CHECK(!mmfs_open(path, MMFS_READ_ONLY, &image) && !mmfs_open(path, MMFS_READ_ONLY, &other));
	CHECK(mmfs_mkdir(image, "new", 0700) == -EROFS && !mmfs_sync(image));
	CHECK(!mmfs_list(other, "/many", count_one, &count) && count == 400);
	CHECK(!mmfs_statvfs(other, &status) && (status.f_flag & ST_RDONLY));
	CHECK(!mmfs_close(image) && !mmfs_close(other));
	puts("all as it should be");
	return 0;
}
