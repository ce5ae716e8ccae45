#include "model.h"

#include "power.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void *need(void *memory)
{
	if (!memory) {
		fputs("model: no memory\n", stderr);
		abort();
	}
	return memory;
}

/* ---- files and states ---- */

static void block_drop(struct model_block *block)
{
	if (block && !--block->references)
		free(block);
}

static void file_drop(struct model_file *file)
{
	if (--file->references)
		return;
	for (size_t i = 0; i < file->block_count; i++)
		block_drop(file->blocks[i]);
	free(file->blocks);
	free(file->entries);
	free(file);
}

static struct model_file *file_copy(const struct model_file *file)
{
	struct model_file *copy = need(malloc(sizeof(*copy)));

	*copy = *file;
	copy->references = 1;
	copy->blocks = NULL;
	copy->entries = NULL;
	copy->block_capacity = copy->block_count;
	copy->entry_capacity = copy->entry_count;
	if (file->block_count) {
		copy->blocks = need(malloc(file->block_count * sizeof(*copy->blocks)));
		for (size_t i = 0; i < file->block_count; i++) {
			copy->blocks[i] = file->blocks[i];
			copy->blocks[i]->references++;
		}
	}
	if (file->entry_count) {
		copy->entries = need(malloc(file->entry_count * sizeof(*copy->entries)));
		memcpy(copy->entries, file->entries, file->entry_count * sizeof(*copy->entries));
	}
	return copy;
}

struct model_state *model_state_new(uint64_t root_inode, uint32_t root_mode)
{
	struct model_state *state = need(calloc(1, sizeof(*state)));
	struct model_file *root = model_add(state, root_inode, root_mode);

	root->nlink = 2;
	root->parent = root_inode;
	model_seal(state);
	return state;
}

struct model_state *model_state_copy(const struct model_state *state)
{
	struct model_state *copy = need(malloc(sizeof(*copy)));

	*copy = *state;
	copy->capacity = state->count;
	copy->files = need(malloc((state->count + 1) * sizeof(*copy->files)));
	for (size_t i = 0; i < state->count; i++) {
		copy->files[i] = state->files[i];
		copy->files[i]->references++;
	}
	return copy;
}

void model_state_free(struct model_state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < state->count; i++)
		file_drop(state->files[i]);
	free(state->files);
	free(state);
}

static size_t file_index(const struct model_state *state, uint64_t inode)
{
	size_t low = 0, high = state->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (state->files[middle]->inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct model_file *model_find(const struct model_state *state, uint64_t inode)
{
	size_t at = file_index(state, inode);

	return at < state->count && state->files[at]->inode == inode ? state->files[at] : NULL;
}

struct model_file *model_edit(struct model_state *state, uint64_t inode)
{
	size_t at = file_index(state, inode);

	if (at == state->count || state->files[at]->inode != inode)
		return NULL;
	if (state->files[at]->references > 1) {
		struct model_file *copy = file_copy(state->files[at]);

		file_drop(state->files[at]);
		state->files[at] = copy;
	}
	state->files[at]->hash = 0;
	return state->files[at];
}

struct model_file *model_add(struct model_state *state, uint64_t inode, uint32_t mode)
{
	struct model_file *file = need(calloc(1, sizeof(*file)));
	size_t at = file_index(state, inode);

	file->references = 1;
	file->inode = inode;
	file->mode = mode;
	if (state->count == state->capacity) {
		state->capacity = state->capacity ? state->capacity * 2 : 16;
		state->files = need(realloc(state->files, state->capacity * sizeof(*state->files)));
	}
	memmove(state->files + at + 1, state->files + at, (state->count - at) * sizeof(*state->files));
	state->files[at] = file;
	state->count++;
	return file;
}

void model_remove(struct model_state *state, uint64_t inode)
{
	size_t at = file_index(state, inode);

	file_drop(state->files[at]);
	memmove(state->files + at, state->files + at + 1, (state->count - at - 1) * sizeof(*state->files));
	state->count--;
}

/* ---- hashes ---- */

uint64_t model_bytes_hash(const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	uint64_t hash = random_mix(length, 77);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ from[i]) * UINT64_C(0x100000001b3);
	return random_mix(hash, length);
}

uint64_t model_entry_hash(const char *name, size_t length, uint64_t inode)
{
	return random_mix(model_bytes_hash(name, length), inode);
}

uint64_t model_xattr_hash(const char *name, const void *value, size_t length)
{
	return random_mix(model_bytes_hash(name, strlen(name)), model_bytes_hash(value, length));
}

uint64_t model_facts_hash(const struct model_facts *facts)
{
	uint64_t hash = random_mix(facts->inode, facts->mode);

	hash = random_mix(hash, facts->nlink);
	hash = random_mix(hash, facts->entries);
	hash = random_mix(hash, facts->xattrs);
	return random_mix(hash, facts->target);
}

uint64_t model_size_hash(uint64_t inode, uint64_t size)
{
	return random_mix(random_mix(inode, 13), size);
}

static uint64_t facts_of(const struct model_file *file)
{
	struct model_facts facts = {.inode = file->inode, .mode = file->mode, .nlink = file->nlink};
	static char text[65536];

	for (size_t i = 0; i < file->entry_count; i++) {
		size_t length = model_name(file->entries[i].name, text);

		facts.entries += model_entry_hash(text, length, file->entries[i].inode);
	}
	for (unsigned i = 0; i < MODEL_XATTRS; i++) {
		if (!file->xattrs[i].length)
			continue;
		model_text(file->xattrs[i].seed, text, file->xattrs[i].length);
		facts.xattrs += model_xattr_hash(model_xattr_name(i), text, file->xattrs[i].length);
	}
	if (S_ISLNK(file->mode)) {
		model_text(file->target_seed, text, file->target_length);
		facts.target = model_bytes_hash(text, file->target_length);
	}
	return model_facts_hash(&facts);
}

uint64_t model_file_hash(const struct model_file *file)
{
	return file->hash + (S_ISREG(file->mode) ? model_size_hash(file->inode, file->size) : 0);
}

void model_seal(struct model_state *state)
{
	state->hash = 0;
	for (size_t i = 0; i < state->count; i++) {
		struct model_file *file = state->files[i];

		if (!file->hash)
			file->hash = facts_of(file);
		if (file->nlink)
			state->hash += model_file_hash(file);
	}
}

/* ---- names ---- */

uint64_t model_lookup(const struct model_file *directory, uint32_t name)
{
	for (size_t i = 0; i < directory->entry_count; i++)
		if (directory->entries[i].name == name)
			return directory->entries[i].inode;
	return 0;
}

void model_enter(struct model_file *directory, uint32_t name, uint64_t inode)
{
	if (directory->entry_count == directory->entry_capacity) {
		directory->entry_capacity = directory->entry_capacity ? directory->entry_capacity * 2 : 8;
		directory->entries = need(
		    realloc(directory->entries, directory->entry_capacity * sizeof(*directory->entries)));
	}
	directory->entries[directory->entry_count++] = (struct model_entry){.name = name, .inode = inode};
}

void model_leave(struct model_file *directory, uint32_t name)
{
	for (size_t i = 0; i < directory->entry_count; i++) {
		if (directory->entries[i].name != name)
			continue;
		directory->entries[i] = directory->entries[--directory->entry_count];
		return;
	}
}

/* ---- contents ---- */

static size_t block_index(const struct model_file *file, uint64_t logical)
{
	size_t low = 0, high = file->block_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (file->blocks[middle]->logical < logical)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct model_block *model_block(const struct model_file *file, uint64_t logical)
{
	size_t at = block_index(file, logical);

	return at < file->block_count && file->blocks[at]->logical == logical ? file->blocks[at] : NULL;
}

struct model_block *model_block_edit(struct model_file *file, uint64_t logical)
{
	size_t at = block_index(file, logical);
	struct model_block *copy;

	if (at == file->block_count || file->blocks[at]->logical != logical)
		return NULL;
	if (file->blocks[at]->references == 1)
		return file->blocks[at];
	copy = need(malloc(sizeof(*copy)));
	*copy = *file->blocks[at];
	copy->references = 1;
	file->blocks[at]->references--;
	file->blocks[at] = copy;
	return copy;
}

struct model_block *model_block_add(struct model_file *file, uint64_t logical, uint32_t allocation,
				    uint16_t step)
{
	size_t at = block_index(file, logical);
	struct model_block *block = need(calloc(1, sizeof(*block)));

	block->references = 1;
	block->logical = logical;
	block->allocation = allocation;
	for (unsigned i = 0; i < 4096; i++)
		block->since[i] = step;
	if (file->block_count == file->block_capacity) {
		file->block_capacity = file->block_capacity ? file->block_capacity * 2 : 4;
		file->blocks =
		    need(realloc(file->blocks, file->block_capacity * sizeof(struct model_block *)));
	}
	memmove(file->blocks + at + 1, file->blocks + at,
		(file->block_count - at) * sizeof(struct model_block *));
	file->blocks[at] = block;
	file->block_count++;
	return block;
}

static void remove_blocks(struct model_file *file, uint64_t first, uint64_t end)
{
	size_t from = block_index(file, first), to = block_index(file, end);

	for (size_t i = from; i < to; i++)
		block_drop(file->blocks[i]);
	if (to > from)
		memmove(file->blocks + from, file->blocks + to,
			(file->block_count - to) * sizeof(struct model_block *));
	file->block_count -= to - from;
}

void model_extend(struct model_file *file, uint64_t size, uint16_t step)
{
	struct model_block *block;

	if (size <= file->size)
		return;
	block = file->size % 4096 ? model_block_edit(file, file->size / 4096) : NULL;
	for (unsigned i = file->size % 4096; block && i < 4096; i++) {
		block->bytes[i] = 0;
		block->since[i] = step;
	}
	file->size = size;
}

void model_truncate(struct model_file *file, uint64_t size, uint16_t step)
{
	if (size >= file->size) {
		model_extend(file, size, step);
		return;
	}
	remove_blocks(file, (size + 4095) / 4096, UINT64_MAX);
	file->size = size;
}

void model_write(struct model_file *file, uint64_t offset, uint64_t length, const uint8_t *bytes,
		 uint16_t step, uint32_t *allocations)
{
	uint64_t old_size = file->size, end = offset + length;

	model_extend(file, end, step);
	for (uint64_t at = offset; at < end; at++) {
		struct model_block *block = model_block_edit(file, at / 4096);
		uint64_t block_end = (at / 4096 + 1) * 4096;

		if (!block)
			block = model_block_add(file, at / 4096, ++*allocations, step);
		for (; at < end && at < block_end; at++) {
			block->bytes[at % 4096] = bytes[at - offset];
			if (at >= old_size)
				block->since[at % 4096] = step;
		}
		at--;
	}
}

void model_zero(struct model_file *file, uint64_t offset, uint64_t length, bool holes)
{
	uint64_t end = offset + length;
	uint64_t first = (offset + 4095) / 4096, last = end / 4096;

	if (holes && first < last)
		remove_blocks(file, first, last);
	for (size_t i = block_index(file, offset / 4096); i < file->block_count; i++) {
		uint64_t start = file->blocks[i]->logical * 4096;
		struct model_block *block;
		uint64_t from = offset > start ? offset - start : 0;
		uint64_t to = end - start < 4096 ? end - start : 4096;

		if (start >= end)
			break;
		block = model_block_edit(file, start / 4096);
		memset(block->bytes + from, 0, to - from);
	}
}

/* ---- texts ---- */

size_t model_name(uint32_t name, char text[MODEL_NAME_ROOM])
{
	static const char *const words[] = {"foo", "bar", "A", "B", "C"};
	size_t length;

	if (name < 5)
		return (size_t)snprintf(text, MODEL_NAME_ROOM, "%s", words[name]);
	length = (size_t)snprintf(text, MODEL_NAME_ROOM, "n%u", name);
	if (name % 4 == 3) { /* a long one */
		size_t end = 60 + name * 7 % 195;

		memset(text + length, 'x', end - length);
		text[end] = 0;
		length = end;
	}
	return length;
}

const char *model_xattr_name(unsigned index)
{
	static const char *const names[MODEL_XATTRS] = {"user.a", "user.b", "security.x", "trusted.t"};

	return names[index];
}

void model_text(uint32_t seed, char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + (seed * 31 + i * (seed % 7 + 1)) % 26);
}
