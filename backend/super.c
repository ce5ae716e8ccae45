/*
 * The two superblock slots. The one with the larger generation counts and lies in slot generation % 2, so
 * each write goes to the other slot than the one before it, which is durable by then (R1): a torn write
 * leaves the older one.
 */
#include "checksum.h"
#include "image_i.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 2u
/* None larger is read. To be written to, an image has to be half as far at most: then no mount comes so far
 * as to write what the next one refuses. */
#define GENERATION_MAX	(UINT64_MAX / 2)
#define LSN_MAX		(UINT64_C(1) << 62)
#define SUPER_FLAGS_ALL (SUPER_CLEAN | SUPER_FAILED)

enum slot_state { SLOT_FOREIGN, SLOT_DAMAGED, SLOT_VALID };

static bool magic_right(const struct super_disk *super)
{
	return memcmp(super->magic, SUPER_MAGIC, sizeof(super->magic)) == 0;
}

static enum slot_state slot_read(const struct store *store, unsigned slot, struct super_disk *ret_super)
{
	memcpy(ret_super, store_at(store, (uint64_t)slot * BLOCK_SIZE), BLOCK_SIZE);
	if (!magic_right(ret_super))
		return SLOT_FOREIGN;
	if (le64_get(ret_super->checksum) != super_checksum(ret_super))
		return SLOT_DAMAGED;
	if (le64_get(ret_super->generation) % SLOTS != slot)
		return SLOT_DAMAGED;
	return SLOT_VALID;
}

static int refuse(struct image_report *report, int error, const char *text)
{
	snprintf(report->text, sizeof(report->text), "%s", text);
	return error;
}

static int check_version(const struct super_disk *super, struct image_report *report)
{
	uint32_t version = le32_get(super->version);

	if (version > SUPER_VERSION) {
		snprintf(report->text, sizeof(report->text),
			 "format version %" PRIu32
			 " is newer than %u, the newest known here; use a newer mmfs",
			 version, SUPER_VERSION);
		return -EOPNOTSUPP;
	}
	if (version == 0)
		return refuse(report, -EUCLEAN, "superblock: format version 0");
	return 0;
}

/* What in a slot with a right checksum cannot be; NULL: nothing. */
static const char *super_fault(const struct super_disk *super)
{
	uint64_t ring_blocks = le64_get(super->ring_blocks);
	uint64_t generation = le64_get(super->generation);

	if (le32_get(super->block_size) != BLOCK_SIZE)
		return "superblock: wrong block size";
	if (generation == 0 || generation > GENERATION_MAX)
		return "superblock: generation out of range";
	if (ring_blocks % RING_ALIGN || ring_blocks < RING_BLOCKS_MIN || ring_blocks > RING_BLOCKS_MAX)
		return "superblock: journal size out of range";
	if (le64_get(super->limit_blocks) > MAX_BLOCKS)
		return "superblock: size limit out of range";
	if (le64_get(super->tail_lsn) % 8 || le64_get(super->tail_lsn) > LSN_MAX)
		return "superblock: journal position out of range";
	if (le64_get(super->flags) & ~(uint64_t)SUPER_FLAGS_ALL)
		return "superblock: unknown flags";
	if (!memchr(super->label, 0, sizeof(super->label)) ||
	    !memchr(super->owner.host, 0, sizeof(super->owner.host)))
		return "superblock: label or host without an end";
	return NULL;
}

static int check_super(const struct store *store, const struct super_disk *super, struct image_report *report)
{
	const char *fault;
	uint64_t least;
	int error = check_version(super, report);

	if (error < 0)
		return error;
	fault = super_fault(super);
	if (fault) {
		/* The checksum is right, so no torn write did this, and only fsck.mmfs takes the other slot.
		 */
		snprintf(report->text, sizeof(report->text), "%s; run fsck.mmfs", fault);
		return -EUCLEAN;
	}
	least = RING_START + le64_get(super->ring_blocks) + ZONE_0_BLOCKS_MIN;
	if (store_size(store) / BLOCK_SIZE < least) {
		snprintf(report->text, sizeof(report->text),
			 "the file is cut short: %" PRIu64 " bytes, but journal and first zone need %" PRIu64
			 "; restore it from a copy",
			 store_size(store), least * BLOCK_SIZE);
		return -EUCLEAN;
	}
	return 0;
}

/* Neither slot is valid. */
static int no_slot(const struct super_disk slots[SLOTS], const enum slot_state states[SLOTS],
		   struct image_report *report)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (states[i] == SLOT_DAMAGED && le32_get(slots[i].version) > SUPER_VERSION)
			return check_version(&slots[i], report);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		if (states[i] == SLOT_DAMAGED)
			return refuse(report, -EUCLEAN,
				      "both superblocks are damaged; restore the image from a copy");
	}
	return refuse(report, -EINVAL, "not an mmfs image; make one with mkfs.mmfs");
}

int super_read(const struct store *store, struct super_disk *ret_super, unsigned *ret_bad_slots,
	       struct image_report *report)
{
	struct super_disk slots[SLOTS];
	enum slot_state states[SLOTS];
	unsigned best = SLOTS, bad = 0;
	int error;

	if (store_size(store) < SLOTS * BLOCK_SIZE)
		return refuse(report, -EINVAL, "not an mmfs image; make one with mkfs.mmfs");
	for (unsigned i = 0; i < SLOTS; i++) {
		states[i] = slot_read(store, i, &slots[i]);
		if (states[i] != SLOT_VALID)
			bad++;
		else if (best == SLOTS || le64_get(slots[i].generation) > le64_get(slots[best].generation))
			best = i;
	}
	if (best == SLOTS)
		return no_slot(slots, states, report);
	error = check_super(store, &slots[best], report);
	if (error < 0)
		return error;
	*ret_super = slots[best];
	*ret_bad_slots = bad;
	return 0;
}

int super_read_older(const struct store *store, struct super_disk *ret_super, unsigned *ret_newer_slot,
		     struct image_report *report)
{
	struct super_disk slots[SLOTS];
	unsigned older;
	int error;

	for (unsigned i = 0; i < SLOTS; i++)
		if (slot_read(store, i, &slots[i]) != SLOT_VALID)
			return -EUCLEAN;
	older = le64_get(slots[0].generation) > le64_get(slots[1].generation) ? 1 : 0;
	error = check_super(store, &slots[older], report);
	if (error < 0)
		return error;
	*ret_super = slots[older];
	*ret_newer_slot = 1 - older;
	return 0;
}

/* Bit to name, for messages; NULL: a bit of a newer format. None is known that cannot be used. */
static const char *feature_name(unsigned bit)
{
	(void)bit;
	return NULL;
}

static void name_features(uint64_t unknown, char *text, size_t room)
{
	size_t used = 0;

	text[0] = 0;
	for (unsigned bit = 0; bit < 64 && used < room; bit++) {
		const char *name = feature_name(bit);

		if (!(unknown >> bit & 1))
			continue;
		if (name)
			used += (size_t)snprintf(text + used, room - used, "%s%s", used ? ", " : "", name);
		else
			used += (size_t)snprintf(text + used, room - used, "%sfeature bit %u",
						 used ? ", " : "", bit);
	}
}

int super_check_features(const struct super_disk *super, bool read_only, struct image_report *report)
{
	uint64_t incompat = le64_get(super->incompat) & ~FEATURES_INCOMPAT;
	uint64_t ro_compat = le64_get(super->ro_compat) & ~FEATURES_RO_COMPAT;
	char names[96];

	if (incompat) {
		name_features(incompat, names, sizeof(names));
		snprintf(report->text, sizeof(report->text),
			 "the image uses %s, unknown here; use a newer mmfs", names);
		return -EOPNOTSUPP;
	}
	if (ro_compat && !read_only) {
		name_features(ro_compat, names, sizeof(names));
		snprintf(report->text, sizeof(report->text),
			 "the image uses %s, unknown here, and can only be mounted read-only; use -o ro or a "
			 "newer mmfs",
			 names);
		return -EROFS;
	}
	return 0;
}

int super_check_room(const struct super_disk *super, struct image_report *report)
{
	if (le64_get(super->generation) > GENERATION_MAX / 2 || le64_get(super->tail_lsn) > LSN_MAX / 2)
		return refuse(report, -EUCLEAN,
			      "superblock: generation or journal position too large to go on from; run "
			      "fsck.mmfs -y, or mount it read-only (-o ro)");
	return 0;
}

static uint64_t slot_offset(const struct super_disk *super)
{
	return le64_get(super->generation) % SLOTS * BLOCK_SIZE;
}

static int super_put(struct store *store, struct super_disk *super)
{
	super->checksum = le64_of(super_checksum(super));
	return store_write(store, slot_offset(super), super, sizeof(*super));
}

int super_store(struct store *store, struct super_disk *super)
{
	int error = super_put(store, super);

	return error < 0 ? error : store_sync_range(store, slot_offset(super), BLOCK_SIZE);
}

int super_count_anew(struct image *image)
{
	struct super_disk *super = &image->super;
	uint64_t newest = le64_get(super->generation) % SLOTS;
	uint64_t first = SLOTS + (newest + 1) % SLOTS;
	int error = 0;

	/* the newest one last: until it is written it counts, and what it says is true still */
	for (uint64_t generation = first; generation < first + SLOTS && error == 0; generation++) {
		super->generation = le64_of(generation);
		error = super_store(image->store, super);
	}
	return error;
}

int super_write(struct image *image)
{
	int error;

	/* another thread's sync may have failed meanwhile; then the mark stands where this would go */
	if (image_failure(image))
		return -EIO;
	assert(image->super_durable);
	image->super.generation = le64_of(le64_get(image->super.generation) + (MUTANT(R1_SAME_SLOT) ? 2 : 1));
	image->super_durable = false;
	if (MUTANT(R10_RING_REUSED_EARLY))
		error = super_put(image->store, &image->super);
	else
		error = super_store(image->store, &image->super);
	if (error < 0)
		return error;
	image->super_durable = true;
	return 0;
}

/* The next generation if the present one is durable, so that one stays; else over the present one, so the
 * one before it stays. */
void super_mark_failed(struct image *image)
{
	struct super_disk *super = &image->super;

	super->flags = le64_of((le64_get(super->flags) | SUPER_FAILED) & ~(uint64_t)SUPER_CLEAN);
	if (image->super_durable)
		super->generation = le64_of(le64_get(super->generation) + 1);
	image->super_durable = false;
	if (super_put(image->store, super) < 0)
		return; /* only the next mount's first guess gets worse */
}

/* ---- public: looking at a store that is not open as an image ---- */

int image_detect(const struct store *store)
{
	struct super_disk super;

	if (store_size(store) < SLOTS * BLOCK_SIZE)
		return 0;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slot_read(store, i, &super) != SLOT_FOREIGN)
			return 1;
	}
	return 0;
}

bool image_owner(const struct store *store, struct owner_disk *ret_owner)
{
	struct image_report report;
	struct super_disk super;
	unsigned bad_slots;

	if (super_read(store, &super, &bad_slots, &report) < 0 || super.owner.host[0] == 0)
		return false;
	*ret_owner = super.owner;
	return true;
}
