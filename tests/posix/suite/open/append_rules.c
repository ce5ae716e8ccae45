#include "../suite.h"

RULE("O_APPEND writes at the end, wherever the offset is; it can be switched")
{
	make_file("file", 0644, 0, 0, "start");
	int file = open("file", O_RDWR | O_APPEND), other = open("file", O_WRONLY);
	char byte;
	must(file);
	must(other);
	equals(lseek(file, 0, SEEK_CUR), 0);
	equals(read(file, &byte, 1), 1);
	equals(write(file, " end", 4), 4);
	equals(lseek(file, 0, SEEK_CUR), 9);
	equals(lseek(file, 2, SEEK_SET), 2);
	equals(write(file, "!", 1), 1);
	check(holds_text("file", "start end!"));
	/* Linux: pwrite appends, too (see its BUGS). */
	equals(pwrite(file, "?", 1, 0), 1);
	check(holds_text("file", "start end!?"));
	equals(pwrite(other, "xx", 2, 20), 2);
	equals(write(file, "z", 1), 1);
	equals(size_of("file"), 23);
	succeeds(ftruncate(file, 4));
	equals(write(file, "y", 1), 1);
	check(holds_text("file", "stary"));
	succeeds(fcntl(file, F_SETFL, 0));
	equals(pwrite(file, "S", 1, 0), 1);
	check(holds_text("file", "Stary"));
	succeeds(fcntl(other, F_SETFL, O_APPEND));
	equals(write(other, "+", 1), 1);
	check(holds_text("file", "Stary+"));
}
