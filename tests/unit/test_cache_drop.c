/* The host's cache of file data is dropped: data that the disk has and nothing else, no byte is lost, and no
 * page that a reply is copied from goes. And when memory counts as short. */
#include "fixture.h"

#include "../../backend/alloc_i.h"
#include "../../fs/fs_i.h"

#include <linux/magic.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#define FILE_BYTES  (UINT64_C(24) << 20)
#define PIECE_BYTES (UINT64_C(64) << 10)
#define PASSES	    40

static uint8_t piece[PIECE_BYTES];

static bool never(struct image *image)
{
	(void)image;
	return false;
}

/* What belongs at this offset of the file. */
static void fill(uint8_t *bytes, uint64_t offset, uint8_t salt)
{
	for (uint64_t i = 0; i < PIECE_BYTES; i++)
		bytes[i] = (uint8_t)((offset + i) / 4096 * 7 + i + salt);
}

static void write_file(struct fixture *f, uint64_t file, uint8_t salt)
{
	for (uint64_t at = 0; at < FILE_BYTES; at += PIECE_BYTES) {
		fill(piece, at, salt);
		assert_int_equal(fs_write(f->fs, file, at, piece, PIECE_BYTES, 0), PIECE_BYTES);
	}
}

static void check_file(struct fixture *f, uint64_t file, uint8_t salt)
{
	static uint8_t back[PIECE_BYTES];
	for (uint64_t at = 0; at < FILE_BYTES; at += PIECE_BYTES) {
		fill(piece, at, salt);
		assert_int_equal(fs_read_copy(f->fs, file, at, back, PIECE_BYTES), PIECE_BYTES);
		assert_memory_equal(piece, back, PIECE_BYTES);
	}
}

/* Blocks that the host caches: of data groups, and all others. */
static void count_cached(struct fixture *f, uint64_t *ret_data, uint64_t *ret_others)
{
	uint64_t blocks = image_size_blocks(f->image);
	int descriptor = open(f->path, O_RDONLY);
	void *mapping = mmap(NULL, blocks * BLOCK_SIZE, PROT_READ, MAP_SHARED, descriptor, 0);
	uint8_t *resident = malloc(blocks);
	assert_true(mapping != MAP_FAILED && resident);
	assert_int_equal(mincore(mapping, blocks * BLOCK_SIZE, resident), 0);
	*ret_data = *ret_others = 0;
	for (uint64_t i = 0; i < blocks; i++) {
		uint64_t in_zones = i - f->image->zone_first;
		bool data = i >= f->image->zone_first &&
			    zone_type(f->image->alloc.zones[in_zones / ZONE_BLOCKS],
				      (unsigned)(in_zones % ZONE_BLOCKS / GROUP_BLOCKS)) == GROUP_DATA;
		if (resident[i] & 1)
			++*(data ? ret_data : ret_others);
	}
	free(resident);
	munmap(mapping, blocks * BLOCK_SIZE);
	close(descriptor);
}

/* Nothing is ever dropped from a filesystem in memory. */
static bool in_memory(const struct fixture *f)
{
	struct statfs host;
	assert_int_equal(statfs(f->path, &host), 0);
	return host.f_type == TMPFS_MAGIC;
}

static void drop(struct fixture *f)
{
	f->image->cache.policy = IMAGE_CACHE_DROP;
	cache_drop(f->image, never);
}

static void test_drops(void **state)
{
	(void)state;
	struct fixture f;
	uint64_t data, others, data_after, others_after;
	fixture_open(&f);
	if (in_memory(&f)) {
		fixture_close(&f);
		skip();
	}
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	write_file(&f, file, 1);
	for (unsigned i = 0; i < 500; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%u", i);
		fixture_make(&f, ROOT_INODE, name, S_IFREG | 0644);
	}
	assert_int_equal(image_checkpoint(f.image), 0);
	count_cached(&f, &data, &others);
	assert_true(data >= FILE_BYTES / BLOCK_SIZE);
	assert_true(others > 256); /* the journal, and nodes */

	f.image->cache.policy = IMAGE_CACHE_KEEP;
	cache_drop(f.image, never);
	count_cached(&f, &data_after, &others_after);
	assert_int_equal(data_after, data);
	drop(&f);
	count_cached(&f, &data_after, &others_after);
	/* Which page of a batch the kernel still holds is its matter. */
	assert_true(data_after < data / 20);
	assert_int_equal(others_after, others);
	struct image_stats stats;
	image_stats(f.image, &stats);
	assert_int_equal(stats.cache_drops, 1);
	check_file(&f, file, 1);
	/* once nothing has been touched, there is nothing to drop */
	drop(&f);
	drop(&f);
	image_stats(f.image, &stats);
	assert_int_equal(stats.cache_drops, 2);
	fixture_close(&f);
}

static void test_unwritten_stays(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	write_file(&f, file, 1);
	drop(&f);
	check_file(&f, file, 1);
	write_file(&f, file, 2);
	drop(&f);
	check_file(&f, file, 2);
	fixture_crash(&f);
	check_file(&f, file, 2);
	fixture_close(&f);
}

static bool stop_at_once(struct image *image)
{
	return image->cache.at >= 3;
}

static void test_goes_on_where_it_stopped(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	write_file(&f, file, 1);
	f.image->cache.policy = IMAGE_CACHE_DROP;
	cache_drop(f.image, stop_at_once);
	assert_int_equal(f.image->cache.at, 3);
	drop(&f);
	assert_int_equal(f.image->cache.at, 0);
	assert_int_equal(f.image->cache.passes, 1);
	check_file(&f, file, 1);
	fixture_close(&f);
}

/* ---- readers meanwhile ---- */

struct readers {
	struct fixture *f;
	uint64_t file;
	int pagemap;
	atomic_bool over;
	atomic_ulong pages, unmapped, wrong;
};

struct reading {
	struct readers *readers;
	uint64_t offset;
};

static bool is_mapped(int pagemap, const uint8_t *at)
{
	uint64_t entry = 0;
	off_t place = (off_t)((uintptr_t)at / BLOCK_SIZE * sizeof(entry));
	return pread(pagemap, &entry, sizeof(entry), place) == sizeof(entry) && entry >> 63;
}

/* As the kernel would copy from them: no page may be missing. */
static int look(void *context, const struct iovec *pieces, int count, size_t total)
{
	struct reading *reading = context;
	struct readers *readers = reading->readers;
	uint8_t wanted[PIECE_BYTES];
	size_t done = 0;
	(void)total;
	fill(wanted, reading->offset, 1);
	sched_yield();
	for (int i = 0; i < count; i++) {
		const uint8_t *bytes = pieces[i].iov_base;
		for (size_t at = 0; at < pieces[i].iov_len; at += BLOCK_SIZE) {
			atomic_fetch_add(&readers->pages, 1);
			if (!is_mapped(readers->pagemap, bytes + at))
				atomic_fetch_add(&readers->unmapped, 1);
		}
		if (memcmp(bytes, wanted + done, pieces[i].iov_len))
			atomic_fetch_add(&readers->wrong, 1);
		done += pieces[i].iov_len;
	}
	return 0;
}

static void *read_often(void *argument)
{
	struct readers *readers = argument;
	uint64_t random = (uint64_t)(uintptr_t)&random | 1;
	while (!atomic_load(&readers->over)) {
		struct reading reading = {.readers = readers};
		reading.offset = fixture_random(&random) % (FILE_BYTES / PIECE_BYTES) * PIECE_BYTES;
		int result =
		    fs_read(readers->f->fs, readers->file, reading.offset, PIECE_BYTES, look, &reading);
		if (result)
			atomic_fetch_add(&readers->wrong, 1);
	}
	return NULL;
}

static void test_readers(void **state)
{
	(void)state;
	struct fixture f;
	pthread_t threads[3];
	fixture_open(&f);
	struct readers readers = {.f = &f, .pagemap = open("/proc/self/pagemap", O_RDONLY)};
	f.fs->options.prefault_reads = true;
	if (sysconf(_SC_PAGESIZE) != BLOCK_SIZE || readers.pagemap < 0 || in_memory(&f)) {
		fixture_close(&f);
		skip();
	}
	readers.file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	write_file(&f, readers.file, 1);
	assert_int_equal(image_checkpoint(f.image), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_often, &readers), 0);
	while (atomic_load(&readers.pages) == 0)
		sched_yield();
	f.image->cache.policy = IMAGE_CACHE_DROP;
	for (unsigned i = 0; i < PASSES; i++) {
		atomic_store(&f.image->cache.used, true);
		cache_drop(f.image, never);
		/* And somebody writes what stands there. */
		fill(piece, i % 100 * PIECE_BYTES, 1);
		assert_int_equal(fs_write(f.fs, readers.file, i % 100 * PIECE_BYTES, piece, PIECE_BYTES, 0),
				 PIECE_BYTES);
	}
	atomic_store(&readers.over, true);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(readers.pagemap);
	assert_int_equal(f.image->cache.passes, PASSES);
	assert_int_equal(readers.wrong, 0);
	assert_int_equal(readers.unmapped, 0);
	check_file(&f, readers.file, 1);
	fixture_close(&f);
}

/* ---- pressure ---- */

#define AMPLE  "MemTotal:       24683656 kB\nMemFree:  9 kB\nMemAvailable:   23877920 kB\n"
#define SCARCE "MemTotal:       24683656 kB\nMemFree:  9 kB\nMemAvailable:    1500000 kB\n"

static const char *stalled(char text[128], unsigned total_us)
{
	snprintf(text, 128,
		 "some avg10=0.00 avg60=0.00 avg300=0.00 total=%u\n"
		 "full avg10=0.00 avg60=0.00 avg300=0.00 total=99999999\n",
		 total_us);
	return text;
}

static void test_pressure(void **state)
{
	(void)state;
	struct pressure pressure = {0};
	char text[128];
	/* the first time there is nothing to compare with */
	assert_false(pressure_judge(&pressure, 1000000, stalled(text, 500000), "", AMPLE));
	assert_false(pressure_judge(&pressure, 6000000, stalled(text, 500000), "", AMPLE));
	/* 40 ms in 5 s are not a hundredth, 60 are */
	assert_false(pressure_judge(&pressure, 11000000, stalled(text, 540000), "", AMPLE));
	assert_true(pressure_judge(&pressure, 16000000, stalled(text, 600000), "", AMPLE));
	assert_false(pressure_judge(&pressure, 21000000, stalled(text, 600000), "", AMPLE));
	/* the group alone, which is not known at first */
	assert_false(pressure_judge(&pressure, 26000000, "", stalled(text, 900000), AMPLE));
	assert_true(pressure_judge(&pressure, 31000000, "", stalled(text, 990000), AMPLE));
	/* nothing is told but what is available, and not even that */
	assert_true(pressure_judge(&pressure, 36000000, "", "", SCARCE));
	assert_false(pressure_judge(&pressure, 41000000, "", "", AMPLE));
	assert_false(pressure_judge(&pressure, 46000000, "", "", ""));
	assert_false(pressure_judge(&pressure, 51000000, "some avg10=", "total=x", "MemTotal: 5"));
	/* of this machine, whatever it says */
	struct pressure real = {0};
	(void)pressure_is_high(&real);
	assert_true(real.looked_us > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_drops),
	    cmocka_unit_test(test_unwritten_stays),
	    cmocka_unit_test(test_goes_on_where_it_stopped),
	    cmocka_unit_test(test_readers),
	    cmocka_unit_test(test_pressure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
