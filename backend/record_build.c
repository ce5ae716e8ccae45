#include "record_build.h"

#include <errno.h>
#include <string.h>

#define BLOCK_WORDS (BLOCK_SIZE / 8)

static _Alignas(16) const uint64_t zeros[BLOCK_WORDS];

struct word_range {
	uint16_t first, end; /* words */
};

void record_build_start(struct record_builder *builder, void *bytes, size_t room)
{
	builder->bytes = bytes;
	builder->room = room;
	builder->used = sizeof(struct record_disk);
	builder->blocks = 0;
	memset(bytes, 0, sizeof(struct record_disk));
}

#define STRIDE_WORDS 32u

/* The first word from `at` on that differs; most of a block is as it was. */
static unsigned next_changed(const uint64_t *before, const uint64_t *after, unsigned at)
{
	while (at % STRIDE_WORDS != 0 && at < BLOCK_WORDS && before[at] == after[at])
		at++;
	if (at % STRIDE_WORDS == 0)
		while (at < BLOCK_WORDS &&
		       memcmp(before + at, after + at, STRIDE_WORDS * sizeof(*after)) == 0)
			at += STRIDE_WORDS;
	while (at < BLOCK_WORDS && before[at] == after[at])
		at++;
	return at;
}

/* Ranges of words that differ, a single equal word between two included. */
static unsigned changed_ranges(const uint64_t *before, const uint64_t *after, struct word_range *ranges)
{
	unsigned count = 0;

	for (unsigned i = 0; (i = next_changed(before, after, i)) < BLOCK_WORDS; i++) {
		if (count > 0 && i - ranges[count - 1].end <= 1)
			ranges[count - 1].end = (uint16_t)(i + 1);
		else
			ranges[count++] = (struct word_range){.first = (uint16_t)i, .end = (uint16_t)(i + 1)};
	}
	return count;
}

int record_build_block(struct record_builder *builder, uint64_t block, const void *before, const void *after)
{
	struct word_range ranges[BLOCK_WORDS / 2];
	unsigned count = changed_ranges(before ? before : zeros, after, ranges);
	size_t bytes = 0, size;
	struct record_block *head;
	uint8_t *at;

	if (count == 0)
		return 0;
	for (unsigned i = 0; i < count; i++)
		bytes += (ranges[i].end - ranges[i].first) * sizeof(uint64_t);
	size = (sizeof(*head) + count * sizeof(struct record_range) + bytes + 7) & ~(size_t)7;
	if (size > builder->room - builder->used)
		return -EFBIG;

	head = (struct record_block *)(builder->bytes + builder->used);
	*head = (struct record_block){.block = le64_of(block),
				      .flags = le16_of(before ? 0 : RECORD_BLOCK_NEW),
				      .ranges = le16_of((uint16_t)count),
				      .bytes = le32_of((uint32_t)bytes)};
	at = (uint8_t *)(head + 1);
	for (unsigned i = 0; i < count; i++) {
		unsigned length = (ranges[i].end - ranges[i].first) * 8u;

		*(struct record_range *)(void *)at = (struct record_range){
		    .at = le16_of((uint16_t)(ranges[i].first * 8u)), .length = le16_of((uint16_t)length)};
		at += sizeof(struct record_range);
	}
	for (unsigned i = 0; i < count; i++) {
		size_t length = (ranges[i].end - ranges[i].first) * sizeof(uint64_t);

		memcpy(at, (const uint64_t *)after + ranges[i].first, length);
		at += length;
	}
	memset(at, 0, size - (size_t)(at - (uint8_t *)head));
	builder->used += size;
	builder->blocks++;
	return 1;
}
