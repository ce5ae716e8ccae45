#include "../suite.h"

struct handle {
	struct file_handle head;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static int take(const char *path, struct handle *handle)
{
	int mount;

	handle->head.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(AT_FDCWD, path, &handle->head, &mount, 0);
}

RULE("open_by_handle_at finds a file by its handle after renames, and not after it has gone")
{
	struct handle file, directory, nested;
	int at = open(".", O_RDONLY), opened;

	must(at);
	make_file("file", 0644, 0, 0, "text");
	make(DIRECTORY, "directory");
	make_file("directory/nested", 0644, 0, 0, "nested");
	succeeds(take("file", &file));
	succeeds(take("directory", &directory));
	succeeds(take("directory/nested", &nested));
	check((opened = open_by_handle_at(at, &file.head, O_RDONLY)) >= 0);
	struct stat status;
	must(fstat(opened, &status));
	check((long long)status.st_ino == inode_of("file"));
	must(close(opened));
	must(rename("file", "directory/renamed"));
	check((opened = open_by_handle_at(at, &file.head, O_RDONLY)) >= 0);
	must(fstat(opened, &status));
	check((long long)status.st_ino == inode_of("directory/renamed"));
	must(close(opened));
	check((opened = open_by_handle_at(at, &directory.head, O_RDONLY | O_DIRECTORY)) >= 0);
	must(close(opened));
	check((opened = open_by_handle_at(at, &nested.head, O_RDWR)) >= 0);
	char text[8];
	equals(read(opened, text, sizeof(text)), 6);
	must(close(opened));
	must(unlink("directory/renamed"));
	fails(open_by_handle_at(at, &file.head, O_RDONLY), ESTALE);
	as(USER, GROUP, fails(open_by_handle_at(at, &nested.head, O_RDONLY), EPERM));
}
