/*
 * sync_many DIR THREADS ROUNDS: each thread writes a block of a file of its own and syncs it, over and over,
 * in step with the others.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_barrier_t barrier;
static const char *directory;
static int rounds;

static void *write_and_sync(void *argument)
{
	static const char block[4096] = "block";
	char path[4096];

	snprintf(path, sizeof(path), "%s/file%ld", directory, (long)argument);
	int file = open(path, O_RDWR | O_CREAT, 0644);
	if (file < 0)
		err(1, "%s", path);
	for (int i = 0; i < rounds; i++) {
		pthread_barrier_wait(&barrier);
		if (pwrite(file, block, sizeof(block), 0) != sizeof(block) || fdatasync(file))
			err(1, "%s", path);
	}
	close(file);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[64];

	if (argc != 4)
		errx(2, "sync_many DIR THREADS ROUNDS");
	long threads = atol(argv[2]);
	if (threads < 1 || threads > 64)
		errx(2, "1 to 64 threads");
	directory = argv[1];
	rounds = atoi(argv[3]);
	pthread_barrier_init(&barrier, NULL, (unsigned)threads);
	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, write_and_sync, (void *)i))
			errx(1, "pthread_create");
	for (long i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
