/*
 * Changes bytes of an image that is not mounted and makes the checksums right again, as a bug would have it:
 * fsck.mmfs must find the change by what it means.
 *
 *   poke IMAGE block BLOCK AT HEX                    bytes of a metadata block or superblock slot
 *   poke IMAGE item OBJECT TYPE OFFSET AT HEX        of an item's bytes
 *   poke IMAGE slot OBJECT TYPE OFFSET AT HEX        of an item's slot
 *   poke IMAGE node OBJECT TYPE OFFSET               prints the number of the leaf with this item
 *   poke IMAGE intent NUMBER HEX                     the orphan item of inode NUMBER, the last one, becomes
 *                                                    an intent with these bytes for that inode
 */
#define XXH_INLINE_ALL
#include "../../../backend/checksum.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int image;
static struct super_disk super;

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*end || !*text)
		errx(2, "not a number: %s", text);
	return value;
}

static void read_block(uint64_t block, void *bytes)
{
	if (pread(image, bytes, BLOCK_SIZE, (off_t)(block * BLOCK_SIZE)) != BLOCK_SIZE)
		err(2, "reading block %llu", (unsigned long long)block);
}

static void read_super(void)
{
	struct super_disk slot;

	for (unsigned i = 0; i < 2; i++) {
		read_block(i, &slot);
		if (le64_get(slot.checksum) == super_checksum(&slot) &&
		    le64_get(slot.generation) >= le64_get(super.generation))
			super = slot;
	}
}

/* Stores the bytes and gives the block its checksum anew. */
static void put_hex(uint8_t *bytes, uint64_t at, const char *hex)
{
	unsigned value;

	for (; *hex; hex += 2, at++) {
		if (sscanf(hex, "%2x", &value) != 1 || at >= BLOCK_SIZE)
			errx(2, "bad bytes or place");
		bytes[at] = (uint8_t)value;
	}
}

static void write_block(uint64_t block, uint8_t *bytes)
{
	if (block < 2)
		((struct super_disk *)bytes)->checksum = le64_of(super_checksum((struct super_disk *)bytes));
	else
		((struct block_head *)bytes)->checksum =
		    le64_of(block_checksum(le64_get(super.hash_seed), bytes));
	if (pwrite(image, bytes, BLOCK_SIZE, (off_t)(block * BLOCK_SIZE)) != BLOCK_SIZE)
		err(2, "writing");
}

static void change(uint64_t block, uint64_t at, const char *hex)
{
	_Alignas(8) uint8_t bytes[BLOCK_SIZE];

	read_block(block, bytes);
	put_hex(bytes, at, hex);
	write_block(block, bytes);
}

static int compare(const struct slot_disk *slot, uint64_t object, uint8_t type, uint64_t offset)
{
	if (le64_get(slot->object) != object)
		return le64_get(slot->object) < object ? -1 : 1;
	if (slot->type != type)
		return slot->type < type ? -1 : 1;
	return le64_get(slot->offset) < offset ? -1 : le64_get(slot->offset) > offset;
}

/* The leaf with that item, its slot, and where that stands. */
static uint64_t find(uint64_t object, uint8_t type, uint64_t offset, unsigned *ret_slot,
		     struct slot_disk *ret)
{
	_Alignas(8) uint8_t bytes[BLOCK_SIZE];
	const struct node_disk *node = (const void *)bytes;
	struct child_disk child;
	uint64_t block;

	read_block(RING_START + le64_get(super.ring_blocks) + ROOTS_OFFSET, bytes);
	block = le64_get(((struct roots_disk *)bytes)->roots[TREE_FILES].block);
	for (unsigned depth = 0; block && depth < TREE_MAX_LEVEL; depth++) {
		int at = -1;
		read_block(block, bytes);
		for (int i = 0; i < le16_get(node->count); i++)
			if (compare(node_slot(node, (unsigned)i), object, type, offset) <= 0)
				at = i;
		if (at < 0)
			break;
		*ret = *node_slot(node, (unsigned)at);
		*ret_slot = (unsigned)((const uint8_t *)node_slot(node, (unsigned)at) - bytes);
		if (le16_get(node->level) == 0) {
			if (compare(ret, object, type, offset))
				break;
			return block;
		}
		memcpy(&child, bytes + le16_get(ret->at), sizeof(child));
		block = le64_get(child.block);
	}
	errx(2, "no such item");
}

/* An orphan item has no bytes; those of the intent go where the heap begins. */
static void make_intent(uint64_t inode, const char *hex)
{
	_Alignas(8) uint8_t bytes[BLOCK_SIZE];
	struct node_disk *node = (void *)bytes;
	struct slot_disk slot;
	unsigned slot_at, size = (unsigned)strlen(hex) / 2;
	uint64_t block = find(ORPHAN_OBJECT, ITEM_ORPHAN, inode, &slot_at, &slot);

	read_block(block, bytes);
	unsigned heap = le16_get(node->heap) - size;
	const struct slot_disk *end = node_slots(node) + le16_get(node->count);
	if (heap < (size_t)((const uint8_t *)end - bytes))
		errx(2, "no room in the leaf");
	node->heap = le16_of((uint16_t)heap);
	node->heap_used = le16_of((uint16_t)(le16_get(node->heap_used) + size));
	slot.type = ITEM_INTENT;
	slot.at = le16_of((uint16_t)heap);
	slot.size = le16_of((uint16_t)size);
	memcpy(bytes + slot_at, &slot, sizeof(slot));
	put_hex(bytes, heap, hex);
	write_block(block, bytes);
}

int main(int count, char **arguments)
{
	struct slot_disk slot;
	unsigned slot_at;

	if (count < 5)
		errx(2, "too few arguments");
	image = open(arguments[1], O_RDWR);
	if (image < 0)
		err(2, "%s", arguments[1]);
	read_super();
	if (!strcmp(arguments[2], "intent")) {
		make_intent(number(arguments[3]), arguments[4]);
		return 0;
	}
	if (count < 6)
		errx(2, "too few arguments");
	if (!strcmp(arguments[2], "block")) {
		change(number(arguments[3]), number(arguments[4]), arguments[5]);
		return 0;
	}
	uint64_t block =
	    find(number(arguments[3]), (uint8_t)number(arguments[4]), number(arguments[5]), &slot_at, &slot);
	if (!strcmp(arguments[2], "node")) {
		printf("%llu\n", (unsigned long long)block);
		return 0;
	}
	if (count < 8)
		errx(2, "too few arguments");
	uint64_t base = !strcmp(arguments[2], "slot") ? slot_at : le16_get(slot.at);
	change(block, base + number(arguments[6]), arguments[7]);
	return 0;
}
