/* passed DIRECTORY OPTIONS N PROGRAM [ARGUMENT]...: as a container runtime: mounts FUSE at the directory with
 * these options besides the usual ones (may be empty), and runs the program with the connection as descriptor
 * N. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	char options[256];

	if (count < 5)
		errx(1, "usage: passed DIRECTORY OPTIONS N PROGRAM...");
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC), wanted = atoi(arguments[3]);
	if (device < 0)
		err(1, "/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0%s%s", device,
		 *arguments[2] ? "," : "", arguments[2]);
	/* "none": it is passed on without having been mounted. */
	if (strcmp(arguments[1], "none") != 0 && mount("mmfs", arguments[1], "fuse.mmfs", 0, options))
		err(1, "mount %s", arguments[1]);
	if (device == wanted ? fcntl(device, F_SETFD, 0) : dup2(device, wanted) < 0)
		err(1, "descriptor %d", wanted);
	execvp(arguments[4], arguments + 4);
	err(1, "%s", arguments[4]);
}
