/*
 * grow FILE FROM TO: makes a store of FROM bytes, which is durable, stores to all of them, makes it TO bytes
 * long, and is gone: whatever it should have synced it has synced by then.
 */
#include "../../backend/store.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void store_to_all(struct store *store, uint64_t length)
{
	static uint8_t bytes[1 << 20];

	memset(bytes, 'g', sizeof(bytes));
	for (uint64_t at = 0; at < length; at += sizeof(bytes)) {
		uint64_t left = length - at;

		if (store_write(store, at, bytes, left < sizeof(bytes) ? left : sizeof(bytes)) < 0)
			errx(1, "cannot write at %lu", (unsigned long)at);
	}
}

int main(int argc, char **argv)
{
	const struct store_file_options options = {.mode = STORE_CREATE};
	struct store *store;

	if (argc != 4)
		errx(2, "grow FILE FROM TO");
	uint64_t from = strtoull(argv[2], NULL, 10), to = strtoull(argv[3], NULL, 10);
	int error = store_file_open(argv[1], &options, &store);

	if (error < 0)
		errx(1, "%s: %s", argv[1], strerror(-error));
	error = store_set_size(store, from);
	if (error == 0)
		store_to_all(store, from);
	if (error == 0)
		error = store_set_size(store, to);
	if (error < 0)
		errx(1, "%s: %s", argv[1], strerror(-error));
	_exit(0);
}
