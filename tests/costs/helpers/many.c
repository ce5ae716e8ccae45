/*
 * Many inodes of a directory: `many create|change DIR COUNT`, each in a thread's own part, four threads.
 *
 *   create   empty files, 1000 to a directory
 *   change   the mode of each, neighbours far from each other: each time another leaf of the tree
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 4
#define EACH	1000
#define STRIDE	37 /* inodes: more than a leaf has */

static int files; /* of each thread */
static void (*operation)(const char *name);

static void create(const char *name)
{
	int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (file < 0 || close(file))
		err(1, "%s", name);
}

static void change(const char *name)
{
	if (chmod(name, 0600))
		err(1, "%s", name);
}

static void *run(void *argument)
{
	int thread = *(int *)argument;
	char name[64];

	for (int start = 0; start < (operation == change ? STRIDE : 1); start++) {
		for (int i = start; i < files; i += operation == change ? STRIDE : 1) {
			if (operation == create && i % EACH == 0) {
				snprintf(name, sizeof(name), "%d-%d", thread, i / EACH);
				if (mkdir(name, 0755))
					err(1, "%s", name);
			}
			snprintf(name, sizeof(name), "%d-%d/%d", thread, i / EACH, i);
			operation(name);
		}
	}
	return NULL;
}

int main(int count, char **arguments)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	if (count != 4 || chdir(arguments[2]))
		errx(2, "usage: many create|change DIR COUNT");
	operation = strcmp(arguments[1], "create") ? change : create;
	files = atoi(arguments[3]) / THREADS;
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, run, &numbers[i]))
			errx(1, "no thread");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
