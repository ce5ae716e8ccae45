#include "../suite.h"

RULE("links of the directories and of what is replaced; .. follows")
{
	make(DIRECTORY, "a");
	make(DIRECTORY, "b");
	make(DIRECTORY, "a/moved");
	make(DIRECTORY, "a/moved/below");
	equals(links_of("a"), 3);
	equals(links_of("b"), 2);
	succeeds(rename("a/moved", "b/moved"));
	equals(links_of("a"), 2);
	equals(links_of("b"), 3);
	equals(links_of("b/moved"), 3);
	check(inode_of("b/moved/..") == inode_of("b"));
	check(inode_of("b/moved/below/..") == inode_of("b/moved"));
	succeeds(rename("b/moved", "b/again"));
	equals(links_of("b"), 3);
	make(DIRECTORY, "a/target");
	equals(links_of("a"), 3);
	succeeds(rename("b/again", "a/target"));
	equals(links_of("a"), 3);
	equals(links_of("b"), 2);
	check(inode_of("a/target/..") == inode_of("a"));
	make(DIRECTORY, "a/second");
	equals(links_of("a"), 4);
	must(rmdir("a/target/below"));
	succeeds(rename("a/second", "a/target"));
	equals(links_of("a"), 3);
	make(REGULAR, "file");
	must(link("file", "kept"));
	make(REGULAR, "other");
	succeeds(rename("other", "file"));
	equals(links_of("kept"), 1);
	equals(links_of("file"), 1);
	succeeds(rename("kept", "a/kept"));
	equals(links_of("a"), 3);
	equals(links_of("a/kept"), 1);
}
