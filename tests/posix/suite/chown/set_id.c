#include "../suite.h"

static void after(enum type type, mode_t mode, mode_t expected, uid_t uid, gid_t gid, bool as_owner)
{
	make_for(type, "file", USER, GROUP);
	must(chmod("file", mode));
	context("%s %04o, %s", type_name(type), mode, as_owner ? "owner" : "root");
	if (as_owner)
		as_member(USER, GROUP, EXTRA_GROUP, succeeds(chown("file", uid, gid)));
	else
		succeeds(chown("file", uid, gid));
	equals(mode_of("file"), expected);
	remove_tree("file");
}

RULE("chown takes set-user-ID and set-group-ID from files, not from directories")
{
	const gid_t keep = (gid_t)-1;

	for (unsigned owner = 0; owner < 2; owner++) {
		after(REGULAR, 04755, 0755, USER, EXTRA_GROUP, owner);
		after(REGULAR, 02755, 0755, USER, EXTRA_GROUP, owner);
		after(REGULAR, 06755, 0755, USER, EXTRA_GROUP, owner);
		after(REGULAR, 06555, 0555, USER, EXTRA_GROUP, owner);
		after(REGULAR, 04644, 0644, USER, EXTRA_GROUP, owner);
		after(REGULAR, 06755, 0755, USER, GROUP, owner);
		after(REGULAR, 06755, 0755, USER, keep, owner);
		after(REGULAR, 06755, 0755, (uid_t)-1, EXTRA_GROUP, owner);
		after(REGULAR, 01755, 01755, USER, EXTRA_GROUP, owner);
		after(REGULAR, 0777, 0777, USER, EXTRA_GROUP, owner);
		after(DIRECTORY, 06755, 06755, USER, EXTRA_GROUP, owner);
		after(DIRECTORY, 02755, 02755, USER, keep, owner);
		after(DIRECTORY, 07777, 07777, (uid_t)-1, EXTRA_GROUP, owner);
		after(FIFO, 06755, 0755, USER, EXTRA_GROUP, owner);
	}
	/* Without group execution the bit once meant mandatory locking: root's chown keeps it. */
	after(REGULAR, 02644, 02644, USER, EXTRA_GROUP, false);
	after(REGULAR, 06644, 02644, OTHER_USER, OTHER_GROUP, false);
	after(REGULAR, 06755, 0755, OTHER_USER, OTHER_GROUP, false);
	after(REGULAR, 06755, 0755, 0, 0, false);
	/* Nothing is changed by others, even if nothing is asked for. */
	context("others, -1, -1");
	make_file("file", 06755, USER, GROUP, "");
	as(OTHER_USER, OTHER_GROUP, fails(chown("file", keep, keep), EPERM));
	equals(mode_of("file"), 06755);
	must(chmod("file", 0755));
	as(OTHER_USER, OTHER_GROUP, succeeds(chown("file", keep, keep)));
	as(USER, GROUP, succeeds(chown("file", keep, keep)));
}
