/* The base images: made by the library, in memory. */
#include "../../sim/fake_time.h"
#include "damage.h"

#include "../../../backend/checksum.h"
#include "../../../backend/repair.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Names with equal hashes, which populate.c has, have them with this seed only. */
#define HASH_SEED UINT64_C(0x6d6d667366757a7a)

static const uint8_t base_uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

_Noreturn void base_failed(const char *what, int error)
{
	fprintf(stderr, "damage: making a base image: %s: %s\n", what, strerror(-error));
	exit(2);
}

static void must(const char *what, int result)
{
	if (result < 0)
		base_failed(what, result);
}

/* ---- making one ---- */

struct maker {
	int file;
	char path[64];
	struct image *image;
	struct fs *fs;
};

static struct store *maker_store(struct maker *maker)
{
	struct store_file_options how = {.mode = STORE_WRITE};
	struct store *store;

	must("opening", store_file_open(maker->path, &how, &store));
	return store;
}

/* Opens image and filesystem as a daemon without a syncer would. */
static void maker_open(struct maker *maker)
{
	struct session_disk session;
	struct image_options options = {.no_syncer = true, .session = &session};
	struct fs_options fs_options = {.track_lookups = true};
	struct image_report report;
	struct store *store = maker_store(maker);

	image_session_of(store_file_descriptor(store), &session);
	must("opening the image", image_open(store, &options, &maker->image, &report));
	must("opening the filesystem", fs_open(maker->image, &fs_options, &maker->fs));
}

static void maker_close(struct maker *maker)
{
	must("closing the filesystem", fs_close(maker->fs));
	must("closing the image", image_close(maker->image));
}

static void file_read(int file, uint64_t block, void *bytes)
{
	if (pread(file, bytes, BLOCK_SIZE, (off_t)(block * BLOCK_SIZE)) != BLOCK_SIZE)
		base_failed("reading", -EIO);
}

static void file_write(int file, uint64_t block, const void *bytes)
{
	if (pwrite(file, bytes, BLOCK_SIZE, (off_t)(block * BLOCK_SIZE)) != BLOCK_SIZE)
		base_failed("writing", -EIO);
}

/* An image that was just made has its seed in few places. */
static void set_hash_seed(int file)
{
	_Alignas(16) uint8_t bytes[BLOCK_SIZE];
	struct super_disk *super = (void *)bytes;
	struct block_head *head = (void *)bytes;
	uint64_t zone_first = 0;

	for (unsigned slot = 0; slot < 2; slot++) {
		file_read(file, slot, bytes);
		if (memcmp(super->magic, SUPER_MAGIC, sizeof(super->magic)))
			continue;
		zone_first = RING_START + le64_get(super->ring_blocks);
		super->hash_seed = le64_of(HASH_SEED);
		super->checksum = le64_of(super_checksum(super));
		file_write(file, slot, bytes);
	}
	for (uint64_t block = zone_first; block <= zone_first + ROOTS_OFFSET; block++) {
		file_read(file, block, bytes);
		head->checksum = le64_of(block_checksum(HASH_SEED, bytes));
		file_write(file, block, bytes);
	}
}

static void maker_start(struct maker *maker)
{
	struct image_make_options make = {.journal_bytes = 1 << 20, .uuid = base_uuid, .label = "base"};
	struct store *store;

	maker->file = memfd_create("base", MFD_CLOEXEC);
	if (maker->file < 0)
		base_failed("memfd_create", -errno);
	snprintf(maker->path, sizeof(maker->path), "/proc/self/fd/%d", maker->file);
	store = maker_store(maker);
	must("making", image_make(store, &make));
	store_close(store);
	set_hash_seed(maker->file);
	maker_open(maker);
}

static void sync_all(struct maker *maker)
{
	must("sync", image_sync(maker->image, image_head(maker->image), NULL, 0));
}

/* ---- the kinds of them ---- */

static void make_empty(struct maker *maker)
{
	maker_close(maker);
}

static void make_rich(struct maker *maker)
{
	populate_rich(maker->fs);
	maker_close(maker);
}

static void make_deep(struct maker *maker)
{
	populate_deep(maker->fs);
	maker_close(maker);
}

static void make_zones(struct maker *maker)
{
	populate_zones(maker->fs);
	maker_close(maker);
}

/* Records, seals among them, and records behind the last seal. */
static void make_dirty(struct maker *maker)
{
	populate_rich(maker->fs);
	must("checkpoint", image_checkpoint(maker->image));
	for (unsigned i = 0; i < 3; i++) {
		populate_more(maker->fs, i);
		if (i < 2)
			sync_all(maker);
	}
	populate_leftovers(maker->fs);
	fs_drop(maker->fs);
	image_drop(maker->image);
}

/* A journal that goes around the ring's end. */
static void make_wrapped(struct maker *maker)
{
	populate_ring(maker->fs);
	populate_leftovers(maker->fs);
	sync_all(maker);
	for (unsigned i = 0; i < 3; i++)
		populate_more(maker->fs, i);
	fs_drop(maker->fs);
	image_drop(maker->image);
}

/* Orphans and intents in an image at rest. */
static void make_left(struct maker *maker)
{
	populate_more(maker->fs, 0);
	populate_leftovers(maker->fs);
	fs_drop(maker->fs);
	must("closing", image_close(maker->image));
}

static bool repair_all(void *context, enum image_part part, uint64_t block, const char *why)
{
	(void)context;
	(void)part;
	(void)block;
	(void)why;
	return true;
}

/* A repair that was stopped when it had cut off what cannot be read. */
static void make_cut(struct maker *maker)
{
	struct image_options options = {.no_syncer = true, .repair = repair_all};
	struct key key = {.object = FIRST_INODE + 20, .type = ITEM_INODE};
	struct image_report report;
	struct txn *txn;

	populate_rich(maker->fs);
	maker_close(maker);
	must("opening to repair", image_open(maker_store(maker), &options, &maker->image, &report));
	must("beginning", repair_begin(maker->image, REPAIR_CUT_BLOCKS, &txn));
	must("cutting", repair_cut(txn, TREE_FILES, key, 0));
	must("committing", txn_commit(txn, NULL));
	must("closing", image_close(maker->image));
}

static const struct {
	const char *name;
	void (*make)(struct maker *maker);
} kinds[] = {
    {"empty", make_empty}, {"rich", make_rich},	      {"deep", make_deep}, {"zones", make_zones},
    {"dirty", make_dirty}, {"wrapped", make_wrapped}, {"left", make_left}, {"cut", make_cut},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- keeping it ---- */

/* Room for one more of `each` bytes: doubled whenever the count is a power of two. */
static void *room(void *array, size_t count, size_t each)
{
	if (count & (count - 1))
		return array;
	array = realloc(array, (count ? 2 * count : 1) * each);
	if (!array)
		base_failed("memory", -ENOMEM);
	return array;
}

static void list_add(struct block_list *list, uint64_t number)
{
	list->numbers = room(list->numbers, list->count, sizeof(*list->numbers));
	list->numbers[list->count++] = number;
}

static void keep_block(struct base *base, uint64_t block, const uint8_t *bytes)
{
	const struct block_head *head = (const void *)bytes;
	bool own = le64_get(head->block) == block;

	base->bytes = room(base->bytes, base->used.count, BLOCK_SIZE);
	memcpy(base->bytes + base->used.count * BLOCK_SIZE, bytes, BLOCK_SIZE);
	list_add(&base->used, block);
	if (block >= RING_START && block < base->zone_first)
		list_add(&base->records, block);
	if (own && le32_get(head->magic) == MAGIC_NODE)
		list_add(&base->nodes, block);
	if (own && le32_get(head->magic) == MAGIC_MAP)
		list_add(&base->maps, block);
}

static void keep(struct base *base, int file)
{
	static const uint8_t zeros[BLOCK_SIZE];
	uint64_t size = (uint64_t)lseek(file, 0, SEEK_END);
	const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	const struct super_disk *super = (const void *)bytes;

	if (bytes == MAP_FAILED)
		base_failed("mapping", -errno);
	base->size = size;
	base->zone_first = RING_START + le64_get(super->ring_blocks);
	base->hash_seed = HASH_SEED;
	for (uint64_t block = 0; block < size / BLOCK_SIZE; block++)
		if (memcmp(bytes + block * BLOCK_SIZE, zeros, BLOCK_SIZE))
			keep_block(base, block, bytes + block * BLOCK_SIZE);
	munmap((void *)(uintptr_t)bytes, size);
}

const struct base *bases_make(unsigned *ret_count)
{
	static struct base bases[KINDS];

	fake_clock = true;
	for (unsigned i = 0; i < KINDS; i++) {
		struct maker maker;

		fake_reset(i + 1);
		maker_start(&maker);
		kinds[i].make(&maker);
		bases[i].name = kinds[i].name;
		keep(&bases[i], maker.file);
		close(maker.file);
	}
	fake_clock = false;
	*ret_count = KINDS;
	return bases;
}

void base_random(uint64_t seed)
{
	fake_reset(seed);
}

void base_restore(const struct base *base, int file)
{
	if (ftruncate(file, 0) || ftruncate(file, (off_t)base->size))
		base_failed("restoring", -errno);
	for (size_t i = 0; i < base->used.count; i++)
		file_write(file, base->used.numbers[i], base->bytes + i * BLOCK_SIZE);
}
