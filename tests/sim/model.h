/*
 * The model: what a tree of files should be after each step of a script. States are never changed once the
 * next step has begun; files and blocks are shared between them by counting references.
 *
 * A block of a file remembers which allocation it belongs to, so that it is known where later bytes may show
 * at an earlier moment (overwritten in place, R12), and for each byte the step since which older bytes must
 * not show any more (new blocks, bytes past an old end of file: R8).
 */
#ifndef MMFS_MODEL_H
#define MMFS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_XATTRS	4u
#define MODEL_NAME_ROOM 256u

struct model_block {
	unsigned references;
	uint32_t allocation;
	uint64_t logical;
	uint8_t bytes[4096]; /* as they stand in the block, past the end of the file too */
	uint16_t since[4096];
};

struct model_entry {
	uint32_t name; /* see model_name */
	uint64_t inode;
};

struct model_xattr {
	uint32_t length; /* 0: absent */
	uint32_t seed;
};

struct model_file {
	unsigned references;
	uint64_t inode;
	uint32_t mode, nlink;
	uint64_t size;
	uint64_t parent; /* of a directory */
	uint32_t target_length, target_seed;
	struct model_xattr xattrs[MODEL_XATTRS];
	struct model_block **blocks; /* by logical number; a hole has none */
	size_t block_count, block_capacity;
	struct model_entry *entries;
	size_t entry_count, entry_capacity;
	uint64_t hash; /* of everything but contents and size */
};

struct model_state {
	struct model_file **files;
	size_t count, capacity;
	uint64_t hash; /* of the files that have names: sum of model_file_hash */
	/* what the superblock says; settings: a step has set it, so it is known */
	bool settings;
	uint32_t label; /* number of a text; 0: none */
	uint64_t limit; /* bytes; 0: none */
};

/* All of these return NULL when there is no memory, which tests treat as fatal. */
struct model_state *model_state_new(uint64_t root_inode, uint32_t root_mode);
struct model_state *model_state_copy(const struct model_state *state);
void model_state_free(struct model_state *state);

struct model_file *model_find(const struct model_state *state, uint64_t inode);
/* The file for changing: a copy if another state has it too. */
struct model_file *model_edit(struct model_state *state, uint64_t inode);
struct model_file *model_add(struct model_state *state, uint64_t inode, uint32_t mode);
void model_remove(struct model_state *state, uint64_t inode);
/* Recomputes hashes of files that changed, and of the state. */
void model_seal(struct model_state *state);

uint64_t model_lookup(const struct model_file *directory, uint32_t name); /* 0: absent */
void model_enter(struct model_file *directory, uint32_t name, uint64_t inode);
void model_leave(struct model_file *directory, uint32_t name);

struct model_block *model_block(const struct model_file *file, uint64_t logical); /* NULL: a hole */
struct model_block *model_block_edit(struct model_file *file, uint64_t logical);
/* A block in a hole: zeros. */
struct model_block *model_block_add(struct model_file *file, uint64_t logical, uint32_t allocation,
				    uint16_t step);

/* Changes of contents in step number `step`. *allocations counts those given out. */
void model_extend(struct model_file *file, uint64_t size, uint16_t step);
void model_truncate(struct model_file *file, uint64_t size, uint16_t step);
void model_write(struct model_file *file, uint64_t offset, uint64_t length, const uint8_t *bytes,
		 uint16_t step, uint32_t *allocations);
/* Whole blocks become holes if `holes`, else all of it is zeroed in place. */
void model_zero(struct model_file *file, uint64_t offset, uint64_t length, bool holes);

/* Hash of what a tree shows of a file but its size and contents, and the same with the size. Directory
 * entries are summed, so their order does not matter. */
struct model_facts {
	uint64_t inode;
	uint32_t mode, nlink;
	uint64_t entries; /* sum of model_entry_hash */
	uint64_t xattrs;  /* sum of model_xattr_hash */
	uint64_t target;  /* model_bytes_hash; 0: none */
};
uint64_t model_facts_hash(const struct model_facts *facts);
uint64_t model_size_hash(uint64_t inode, uint64_t size);
uint64_t model_entry_hash(const char *name, size_t length, uint64_t inode);
uint64_t model_xattr_hash(const char *name, const void *value, size_t length);
uint64_t model_bytes_hash(const void *bytes, size_t length);
uint64_t model_file_hash(const struct model_file *file);

/* Texts by number: the name of an entry (some are long), of an xattr, the bytes of a target or value. */
size_t model_name(uint32_t name, char text[MODEL_NAME_ROOM]);
const char *model_xattr_name(unsigned index);
void model_text(uint32_t seed, char *text, size_t length);

#endif
