#include "store_sim.h"
#include "../../backend/mutant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct store_sim *sim_of(struct store *store)
{
	return (struct store_sim *)store;
}

static bool bit_get(const uint64_t *bits, uint64_t index)
{
	return bits[index / 64] >> (index % 64) & 1;
}

static void bit_set(uint64_t *bits, uint64_t index)
{
	bits[index / 64] |= UINT64_C(1) << (index % 64);
}

static void bit_clear(uint64_t *bits, uint64_t index)
{
	bits[index / 64] &= ~(UINT64_C(1) << (index % 64));
}

static void mark_dirty(struct store_sim *sim, uint64_t page)
{
	if (bit_get(sim->dirty_bits, page))
		return;
	bit_set(sim->dirty_bits, page);
	sim->dirty_pages[sim->dirty_count++] = (uint32_t)page;
}

static void mark_used(struct store_sim *sim, uint64_t page)
{
	if (bit_get(sim->used_bits, page))
		return;
	bit_set(sim->used_bits, page);
	sim->used_pages++;
}

static void mark_unused(struct store_sim *sim, uint64_t page)
{
	if (!bit_get(sim->used_bits, page))
		return;
	bit_clear(sim->used_bits, page);
	sim->used_pages--;
}

static uint64_t page_end(uint64_t offset, uint64_t length)
{
	return (offset + length + SIM_PAGE - 1) / SIM_PAGE;
}

/* ---- memory ---- */

void store_sim_poke(struct store_sim *sim, uint64_t offset, const void *bytes, size_t length)
{
	if (!length)
		return;
	for (uint64_t page = offset / SIM_PAGE; page < page_end(offset, length); page++) {
		if (!bytes && !bit_get(sim->used_bits, page))
			continue;
		mark_dirty(sim, page);
		mark_used(sim, page);
	}
	if (bytes) {
		memcpy(sim->memory + offset, bytes, length);
		return;
	}
	for (uint64_t at = offset; at < offset + length;) {
		uint64_t piece = SIM_PAGE - at % SIM_PAGE;

		if (piece > offset + length - at)
			piece = offset + length - at;
		if (bit_get(sim->used_bits, at / SIM_PAGE))
			memset(sim->memory + at, 0, piece);
		at += piece;
	}
}

static void drop_pages(struct store_sim *sim, uint64_t offset, uint64_t length)
{
	store_sim_poke(sim, offset, NULL, length);
	for (uint64_t page = (offset + SIM_PAGE - 1) / SIM_PAGE; (page + 1) * SIM_PAGE <= offset + length;
	     page++)
		mark_unused(sim, page);
}

void store_sim_poke_size(struct store_sim *sim, uint64_t size)
{
	uint64_t old = sim->store.size;

	if (size < old)
		drop_pages(sim, size, old - size);
	__atomic_store_n(&sim->store.size, size, __ATOMIC_RELEASE);
}

static void copy_page(struct store_sim *sim, const struct store_sim *from, uint64_t page)
{
	if (!bit_get(from->used_bits, page)) {
		if (bit_get(sim->used_bits, page))
			memset(sim->memory + page * SIM_PAGE, 0, SIM_PAGE);
		mark_unused(sim, page);
		return;
	}
	memcpy(sim->memory + page * SIM_PAGE, from->memory + page * SIM_PAGE, SIM_PAGE);
	mark_used(sim, page);
}

void store_sim_settle(struct store_sim *sim)
{
	for (size_t i = 0; i < sim->dirty_count; i++)
		bit_clear(sim->dirty_bits, sim->dirty_pages[i]);
	sim->dirty_count = 0;
}

void store_sim_restore(struct store_sim *sim, const struct store_sim *from)
{
	for (size_t i = 0; i < sim->dirty_count; i++)
		copy_page(sim, from, sim->dirty_pages[i]);
	sim->store.size = from->store.size;
	sim->store.fixed_size = from->store.fixed_size;
	store_sim_settle(sim);
}

void store_sim_copy(struct store_sim *sim, const struct store_sim *from)
{
	uint64_t words = sim->store.map_size / SIM_PAGE / 64;

	for (uint64_t word = 0; word < words; word++) {
		uint64_t either = sim->used_bits[word] | from->used_bits[word];

		for (; either; either &= either - 1)
			copy_page(sim, from, word * 64 + (unsigned)__builtin_ctzll(either));
	}
	sim->store.size = from->store.size;
	sim->store.fixed_size = from->store.fixed_size;
	store_sim_settle(sim);
}

/* ---- the log ---- */

static void *grow(void *array, size_t *capacity, size_t need, size_t each)
{
	size_t more = *capacity ? *capacity : 256;

	if (need <= *capacity)
		return array;
	while (more < need)
		more *= 2;
	array = realloc(array, more * each);
	if (array)
		*capacity = more;
	return array;
}

static void record(struct store_sim *sim, enum sim_kind kind, uint64_t offset, uint64_t length,
		   const void *bytes)
{
	struct sim_log *log = &sim->log;
	struct sim_event event = {.kind = kind, .offset = offset, .length = length, .bytes_at = SIM_ZEROS};

	if (!sim->recording || sim->out_of_memory)
		return;
	event.watched = sim->watch ? atomic_load(sim->watch) : 0;
	void *events = grow(log->events, &log->capacity, log->count + 1, sizeof(event));
	if (!events) {
		sim->out_of_memory = true;
		return;
	}
	log->events = events;
	if (bytes) {
		uint8_t *room = grow(log->bytes, &log->bytes_capacity, log->bytes_used + length, 1);

		if (!room) {
			sim->out_of_memory = true;
			return;
		}
		log->bytes = room;
		memcpy(room + log->bytes_used, bytes, length);
		event.bytes_at = log->bytes_used;
		log->bytes_used += length;
	}
	log->events[log->count++] = event;
}

void store_sim_record(struct store_sim *sim)
{
	sim->log.count = 0;
	sim->log.bytes_used = 0;
	sim->recording = true;
}

void store_sim_stop(struct store_sim *sim)
{
	sim->recording = false;
}

const uint8_t *sim_event_bytes(const struct sim_log *log, const struct sim_event *event)
{
	return event->bytes_at == SIM_ZEROS ? NULL : log->bytes + event->bytes_at;
}

void store_sim_apply(struct store_sim *sim, const struct sim_log *log, const struct sim_event *event,
		     uint64_t length)
{
	switch (event->kind) {
	case SIM_WRITE:
		store_sim_poke(sim, event->offset, sim_event_bytes(log, event), length);
		break;
	case SIM_SET_SIZE:
		store_sim_poke_size(sim, event->offset);
		break;
	case SIM_PUNCH:
		drop_pages(sim, event->offset, event->length);
		break;
	default:
		break;
	}
}

/* ---- the interface ---- */

/* 0, or the error this call shall return. */
static int injected(struct store_sim *sim, enum sim_kind kind)
{
	struct sim_fault *fault = &sim->fault;

	sim->calls[kind]++;
	if (!(fault->kinds >> kind & 1) || (!fault->error && !fault->fills_host))
		return 0;
	if (fault->hit)
		return fault->sticky ? fault->error : 0;
	if (--fault->nth)
		return 0;
	fault->hit = true;
	if (fault->fills_host)
		sim->host_pages = sim->used_pages;
	return fault->error;
}

/* May the range be changed, and has the host room for it? */
static int check_range(struct store_sim *sim, uint64_t offset, uint64_t length)
{
	uint64_t fresh = 0;

	if (sim->store.read_only)
		return -EROFS;
	if (sim->frozen)
		return -EIO;
	if (offset > sim->store.size || length > sim->store.size - offset)
		return -EIO;
	if (!length || sim->host_pages == UINT64_MAX)
		return 0;
	for (uint64_t page = offset / SIM_PAGE; page < page_end(offset, length); page++)
		fresh += !bit_get(sim->used_bits, page);
	return fresh && sim->used_pages + fresh > sim->host_pages ? -ENOSPC : 0;
}

static int do_store_bytes(struct store_sim *sim, uint64_t offset, const void *bytes, size_t length)
{
	int error = injected(sim, SIM_WRITE);

	if (!error)
		error = check_range(sim, offset, length);
	if (error || !length)
		return error;
	if (!bytes)
		for (uint64_t page = offset / SIM_PAGE; page < page_end(offset, length); page++)
			mark_used(sim, page);
	store_sim_poke(sim, offset, bytes, length);
	record(sim, SIM_WRITE, offset, length, bytes);
	return 0;
}

static int do_set_size(struct store_sim *sim, uint64_t size)
{
	int error = injected(sim, SIM_SET_SIZE);

	if (error)
		return error;
	if (sim->store.read_only)
		return -EROFS;
	if (sim->frozen)
		return -EIO;
	if (size % SIM_PAGE)
		return -EINVAL;
	if (size > sim->store.map_size)
		return -EFBIG;
	if (sim->store.fixed_size && size != sim->store.size)
		return -ENOSPC;
	store_sim_poke_size(sim, size);
	record(sim, SIM_SET_SIZE, size, 0, NULL);
	return 0;
}

static int do_remeasure(struct store_sim *sim)
{
	if (!sim->store.fixed_size || sim->device_size <= sim->store.size)
		return 0;
	store_sim_poke_size(sim, sim->device_size);
	record(sim, SIM_SET_SIZE, sim->device_size, 0, NULL);
	return 0;
}

static int do_reserve(struct store_sim *sim, uint64_t offset, uint64_t length)
{
	int error = injected(sim, SIM_RESERVE);

	if (!error)
		error = check_range(sim, offset, length);
	if (error || !length)
		return error;
	/* who does not count pages need not know, and copies fewer */
	for (uint64_t page = offset / SIM_PAGE; page < page_end(offset, length); page++) {
		if (sim->host_pages == UINT64_MAX && !sim->counts_pages)
			break;
		mark_dirty(sim, page); /* whether it is used must come back too */
		mark_used(sim, page);
	}
	record(sim, SIM_RESERVE, offset, length, NULL);
	return 0;
}

static int do_punch(struct store_sim *sim, uint64_t offset, uint64_t length)
{
	int error = injected(sim, SIM_PUNCH);

	if (error)
		return error;
	if (sim->punch_unsupported)
		return -EOPNOTSUPP;
	if (sim->store.read_only)
		return -EROFS;
	if (sim->frozen)
		return -EIO;
	if (offset >= sim->store.size)
		return 0;
	if (length > sim->store.size - offset)
		length = sim->store.size - offset;
	drop_pages(sim, offset, length);
	record(sim, SIM_PUNCH, offset, length, NULL);
	return 0;
}

/* As the real one: failures of syncs are sticky. Whoever breaks R16 shall meet the kernel as it is, which
 * tells of a failure once. */
static int sync_fails(struct store_sim *sim, enum sim_kind kind)
{
	int error = injected(sim, kind);

	if (MUTANT(R16_SYNC_RETRIED) || MUTANT(R16_NOT_FROZEN))
		return error;
	if (error)
		atomic_store(&sim->store.faulted, true);
	return error == 0 && atomic_load(&sim->store.faulted) ? -EIO : error;
}

static int do_sync_range(struct store_sim *sim, uint64_t offset, uint64_t length)
{
	int error = sync_fails(sim, SIM_SYNC_RANGE);

	record(sim, error ? SIM_SYNC_FAILED : SIM_SYNC_RANGE, offset, length, NULL);
	return error;
}

static int do_sync_all(struct store_sim *sim)
{
	int error = sync_fails(sim, SIM_SYNC_ALL);

	record(sim, error ? SIM_SYNC_FAILED : SIM_SYNC_ALL, 0, sim->store.size, NULL);
	return error;
}

/* The value of `call`, made with the lock held. */
#define LOCKED(store, call)                                                                                  \
	({                                                                                                   \
		pthread_mutex_lock(&sim_of(store)->lock);                                                    \
		int result = (call);                                                                         \
		pthread_mutex_unlock(&sim_of(store)->lock);                                                  \
		result;                                                                                      \
	})

static int sim_write(struct store *store, uint64_t offset, const void *bytes, size_t length)
{
	return LOCKED(store, do_store_bytes(sim_of(store), offset, bytes, length));
}

static int sim_zero(struct store *store, uint64_t offset, size_t length)
{
	return LOCKED(store, do_store_bytes(sim_of(store), offset, NULL, length));
}

static int sim_set_size(struct store *store, uint64_t size)
{
	return LOCKED(store, do_set_size(sim_of(store), size));
}

static int sim_remeasure(struct store *store)
{
	return LOCKED(store, do_remeasure(sim_of(store)));
}

static int sim_reserve(struct store *store, uint64_t offset, uint64_t length)
{
	return LOCKED(store, do_reserve(sim_of(store), offset, length));
}

static int sim_punch(struct store *store, uint64_t offset, uint64_t length)
{
	return LOCKED(store, do_punch(sim_of(store), offset, length));
}

static int sim_sync_range(struct store *store, uint64_t offset, uint64_t length)
{
	return LOCKED(store, do_sync_range(sim_of(store), offset, length));
}

static int sim_sync_all(struct store *store)
{
	return LOCKED(store, do_sync_all(sim_of(store)));
}

static void sim_freeze(struct store *store)
{
	sim_of(store)->frozen = true;
}

static int sim_host_space(struct store *store, uint64_t *ret_free_bytes)
{
	struct store_sim *sim = sim_of(store);

	if (sim->host_pages == UINT64_MAX)
		*ret_free_bytes = store->map_size * 16;
	else
		*ret_free_bytes =
		    sim->host_pages > sim->used_pages ? (sim->host_pages - sim->used_pages) * SIM_PAGE : 0;
	return 0;
}

static int sim_allocated(struct store *store, uint64_t *ret_bytes)
{
	*ret_bytes = sim_of(store)->used_pages * SIM_PAGE;
	return 0;
}

static void sim_close(struct store *store)
{
	sim_of(store)->is_open = false;
}

static const struct store_ops sim_ops = {
    .close = sim_close,
    .write = sim_write,
    .zero = sim_zero,
    .set_size = sim_set_size,
    .reserve = sim_reserve,
    .punch = sim_punch,
    .sync_range = sim_sync_range,
    .sync_all = sim_sync_all,
    .freeze = sim_freeze,
    .host_space = sim_host_space,
    .allocated = sim_allocated,
    .remeasure = sim_remeasure,
};

struct store *store_sim_open(struct store_sim *sim)
{
	sim->is_open = true;
	sim->frozen = false;
	sim->store.read_only = false;
	atomic_store(&sim->store.faulted, false);
	return &sim->store;
}

struct store_sim *store_sim_new(uint64_t map_size)
{
	struct store_sim *sim = calloc(1, sizeof(*sim));
	uint64_t pages;

	if (!sim)
		return NULL;
	map_size = (map_size + 64 * SIM_PAGE - 1) / (64 * SIM_PAGE) * (64 * SIM_PAGE);
	pages = map_size / SIM_PAGE;
	sim->memory =
	    mmap(NULL, map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sim->memory == MAP_FAILED)
		sim->memory = NULL;
	sim->store = (struct store){.ops = &sim_ops, .base = sim->memory, .map_size = map_size};
	pthread_mutex_init(&sim->lock, NULL);
	sim->host_pages = UINT64_MAX;
	sim->dirty_bits = calloc(pages / 64, sizeof(uint64_t));
	sim->used_bits = calloc(pages / 64, sizeof(uint64_t));
	sim->dirty_pages = calloc(pages, sizeof(uint32_t));
	if (!sim->memory || !sim->dirty_bits || !sim->used_bits || !sim->dirty_pages) {
		store_sim_free(sim);
		return NULL;
	}
	return sim;
}

void store_sim_free(struct store_sim *sim)
{
	if (!sim)
		return;
	if (sim->memory)
		munmap(sim->memory, sim->store.map_size);
	pthread_mutex_destroy(&sim->lock);
	free(sim->dirty_bits);
	free(sim->dirty_pages);
	free(sim->used_bits);
	free(sim->log.events);
	free(sim->log.bytes);
	free(sim);
}
