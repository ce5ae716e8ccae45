#include "../suite.h"

static void after(mode_t mode, mode_t expected, uid_t user)
{
	make_file("file", mode, USER, GROUP, "contents");
	int file = open("file", O_WRONLY);
	must(file);
	context("%04o", mode);
	if (user)
		as(user, OTHER_GROUP, equals(write(file, "new", 3), 3));
	else
		equals(write(file, "new", 3), 3);
	equals(mode_of("file"), expected);
	struct stat status;
	must(fstat(file, &status));
	equals(status.st_mode & 07777, expected);
	must(close(file));
	must(unlink("file"));
}

RULE("a write by others or the owner clears set-user-ID and set-group-ID, one by root does not")
{
	/* Without group execution the bit goes all the same: the caller is not in the group. */
	static const mode_t modes[][2] = {{06666, 0666}, {04777, 0777}, {02777, 0777},	{06777, 0777},
					  {04755, 0755}, {06755, 0755}, {01777, 01777}, {04666, 0666}};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		after(modes[i][0], modes[i][1], USER);
		after(modes[i][0], modes[i][1], OTHER_USER);
		after(modes[i][0], modes[i][0], 0);
	}
	context("nothing written");
	make_file("file", 06777, USER, GROUP, "contents");
	int file = open("file", O_WRONLY);
	must(file);
	as(USER, GROUP, equals(write(file, "", 0), 0));
	equals(mode_of("file"), 06777);
}
