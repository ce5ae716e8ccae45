#include "../suite.h"

#include <sys/inotify.h>

RULE("inotify tells of what happens")
{
	char events[4096] __attribute__((aligned(8)));

	make(DIRECTORY, "directory");
	int watcher = inotify_init1(IN_NONBLOCK);
	must(watcher);
	must(inotify_add_watch(watcher, "directory", IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB));
	fails(read(watcher, events, sizeof(events)), EAGAIN);
	make(REGULAR, "directory/file");
	check(read(watcher, events, sizeof(events)) > 0);
	check(((struct inotify_event *)events)->mask & IN_CREATE);
	must(chmod("directory/file", 0600));
	check(read(watcher, events, sizeof(events)) > 0);
	check(((struct inotify_event *)events)->mask & IN_ATTRIB);
	must(truncate("directory/file", 10));
	check(read(watcher, events, sizeof(events)) > 0);
	must(unlink("directory/file"));
	check(read(watcher, events, sizeof(events)) > 0);
}
