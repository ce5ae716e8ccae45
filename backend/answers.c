/*
 * Requests whose reply may never have arrived (R17). A daemon that dies between the last record of a request
 * and its reply is followed by another, which is sent the request again: it finds in the ring that it has
 * happened, and what the reply needs. So the tail is held back:
 *
 *   - before the last record of every request that is not answered yet. Each thread that handles requests has
 *     a place for that, in memory that outlives the process;
 *   - after an earlier process, before all that the ring held then, until the requests sent again have been
 *     answered. Should the ring get short of room, only before the records noted in those places: the others
 *     belong to requests that were answered.
 *
 * An operation appends nothing after its last record, so it never waits for room that it holds itself.
 */
#include "image_i.h"

#include <errno.h>
#include <stdlib.h>

struct answer {
	uint64_t unique;
	struct request_answer what;
};

static _Thread_local struct {
	uint64_t connection, unique; /* 0, 0: none */
	atomic_ullong *held;	     /* this thread's place; NULL: nobody will send anything again */
} request;

/* ---- the request at hand ---- */

void image_request_begin(struct image *image, unsigned place, uint64_t connection, uint64_t unique)
{
	assert(place < IMAGE_REQUESTS);
	request.connection = connection;
	request.unique = unique;
	request.held = &image->answers.held->requests[place];
}

void image_request_end(struct image *image)
{
	bool held = request.held && atomic_load_explicit(request.held, memory_order_relaxed);

	if (held)
		atomic_store(request.held, 0);
	request.connection = request.unique = 0;
	request.held = NULL;
	/* Somebody may wait for the room behind it, and the checkpoint for that is over. */
	if (held && atomic_load(&image->ring.waiting) > 0)
		syncer_want_checkpoint(image);
}

void image_request_none(void)
{
	request.connection = request.unique = 0;
}

struct request_identity image_request_identity(void)
{
	return (struct request_identity){.connection = request.connection, .unique = request.unique};
}

void answers_stamp(struct record_disk *record, struct request_identity of)
{
	record->connection = le64_of(of.connection);
	record->unique = le64_of(of.unique);
}

void answers_hold(struct image *image, bool last)
{
	if (last && request.connection && request.held)
		atomic_store(request.held, atomic_load(&image->ring.head) + 1);
}

void answers_unhold(void)
{
	if (request.held)
		atomic_store(request.held, 0);
}

/* ---- how far the tail may go ---- */

/* The least of the places, each of which holds an LSN + 1 or 0. */
static uint64_t least_held(const struct image_held *held)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i <= IMAGE_REQUESTS; i++) {
		const atomic_ullong *place = i < IMAGE_REQUESTS ? &held->requests[i] : &held->before;
		uint64_t lsn = atomic_load(place);

		if (lsn && lsn - 1 < least)
			least = lsn - 1;
	}
	return least;
}

uint64_t answers_held(const struct image *image)
{
	uint64_t all = atomic_load(&image->answers.all_held), least = least_held(image->answers.held);

	if (MUTANT(R17_TAIL_NOT_HELD))
		return UINT64_MAX;
	return all < least ? all : least;
}

void answers_need_room(struct image *image)
{
	atomic_store(&image->answers.all_held, UINT64_MAX);
}

/* ---- after an earlier process ---- */

int answers_init(struct image *image, const struct image_options *options)
{
	struct answers *answers = &image->answers;

	atomic_store(&answers->all_held, UINT64_MAX);
	answers->held = options->held ? options->held : calloc(1, sizeof(*answers->held));
	answers->own_held = !options->held;
	if (options->goes_on)
		answers->connection = options->connection;
	return answers->held ? 0 : -ENOMEM;
}

void answers_free(struct image *image)
{
	struct answers *answers = &image->answers;

	if (answers->own_held)
		free(answers->held);
	free(answers->list);
	*answers = (struct answers){.held = NULL};
}

void answers_begin(struct image *image)
{
	struct image_held *held = image->answers.held;
	uint64_t least;

	if (!image->answers.connection)
		return;
	atomic_store(&image->answers.all_held, atomic_load(&image->ring.tail));
	/* In this order: killed in between, it is still noted somewhere. */
	least = least_held(held);
	atomic_store(&held->before, least == UINT64_MAX ? 0 : least + 1);
	for (unsigned i = 0; i < IMAGE_REQUESTS; i++)
		atomic_store(&held->requests[i], 0);
}

static int add(struct answers *answers, struct answer answer)
{
	if (answers->count == answers->capacity) {
		size_t capacity = answers->capacity ? 2 * answers->capacity : 64;
		struct answer *list = reallocarray(answers->list, capacity, sizeof(*list));

		if (!list)
			return -ENOMEM;
		answers->list = list;
		answers->capacity = capacity;
	}
	answers->list[answers->count++] = answer;
	return 0;
}

int answers_note(struct image *image, const struct record_disk *record)
{
	struct answers *answers = &image->answers;
	bool last = le16_get(record->kind) == RECORD_REDO &&
		    ((le16_get(record->flags) & RECORD_LAST) || MUTANT(R17_PART_IS_ANSWER));

	if (!answers->connection || !last || le64_get(record->connection) != answers->connection)
		return 0;
	return add(answers, (struct answer){
				.unique = le64_get(record->unique),
				.what = {.inode = le64_get(record->reply_inode),
					 .count = le64_get(record->reply_count)},
			    });
}

int image_answer_begun(struct image *image, struct request_identity begun, uint64_t inode)
{
	struct answers *answers = &image->answers;

	if (!answers->connection || begun.connection != answers->connection)
		return 0;
	return add(answers, (struct answer){.unique = begun.unique, .what = {.inode = inode}});
}

bool image_answer(const struct image *image, uint64_t unique, struct request_answer *ret_answer)
{
	const struct answers *answers = &image->answers;

	if (MUTANT(R17_RUN_AGAIN))
		return false;
	for (size_t i = 0; i < answers->count; i++) {
		if (answers->list[i].unique == unique) {
			*ret_answer = answers->list[i].what;
			return true;
		}
	}
	return false;
}

void image_answers_end(struct image *image)
{
	struct answers *answers = &image->answers;

	free(answers->list);
	answers->list = NULL;
	answers->count = answers->capacity = 0;
	atomic_store(&answers->held->before, 0);
	atomic_store(&answers->all_held, UINT64_MAX);
	if (atomic_load(&image->ring.waiting) > 0)
		syncer_want_checkpoint(image);
}
