/* The superblock: both slots in full, or what a user wants to know of an image. */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void flags_print(uint64_t flags)
{
	text_line("flags", "%#llx%s%s", (unsigned long long)flags, flags & SUPER_CLEAN ? " clean" : "",
		  flags & SUPER_FAILED ? " failed" : "");
}

static void session_print(const struct session_disk *session)
{
	printf("  %-18s boot ", "session");
	text_uuid(session->boot_id);
	printf(", device %#llx, inode %llu, mount %llu, disk sequence %llu\n",
	       (unsigned long long)le64_get(session->device), (unsigned long long)le64_get(session->inode),
	       (unsigned long long)le64_get(session->mount_id),
	       (unsigned long long)le64_get(session->disk_sequence));
	if (le64_get(session->birth_nanoseconds) == UINT64_MAX)
		text_line("file born", "unknown");
	else
		text_time("file born", (int64_t)le64_get(session->birth_seconds),
			  (uint32_t)le64_get(session->birth_nanoseconds));
}

static void owner_print(const struct owner_disk *owner)
{
	if (!le64_get(owner->pid)) {
		text_line("owner", "none");
		return;
	}
	printf("  %-18s process %llu on ", "owner", (unsigned long long)le64_get(owner->pid));
	text_string(owner->host, strnlen(owner->host, sizeof(owner->host)));
	putchar('\n');
	text_time("owner since", (int64_t)le64_get(owner->since), 0);
}

static void names_print(const struct super_disk *super)
{
	printf("  %-18s ", "uuid");
	text_uuid(super->uuid);
	printf("\n  %-18s ", "label");
	text_string(super->label, strnlen(super->label, sizeof(super->label)));
	putchar('\n');
}

static void slot_print(const struct source *source, unsigned slot)
{
	struct super_disk super;
	const void *bytes = source_home(source, slot);

	if (!bytes)
		return;
	memcpy(&super, bytes, sizeof(super));
	bool whole = slot_whole(&super);
	bool counts =
	    whole && source->has_super && le64_get(super.generation) == le64_get(source->super.generation);
	printf("superblock slot %u%s\n", slot, !whole ? ": damaged" : counts ? ": this one counts" : "");
	printf("  %-18s ", "magic");
	text_string(super.magic, sizeof(super.magic));
	putchar('\n');
	text_line("version", "%u", le32_get(super.version));
	text_line("block size", "%u", le32_get(super.block_size));
	text_line("features", "compatible %#llx, read-only compatible %#llx, incompatible %#llx",
		  (unsigned long long)le64_get(super.compat), (unsigned long long)le64_get(super.ro_compat),
		  (unsigned long long)le64_get(super.incompat));
	names_print(&super);
	text_line("generation", "%llu", (unsigned long long)le64_get(super.generation));
	text_line("epoch", "%016llx", (unsigned long long)le64_get(super.epoch));
	text_line("hash seed", "%016llx", (unsigned long long)le64_get(super.hash_seed));
	text_line("limit blocks", "%llu", (unsigned long long)le64_get(super.limit_blocks));
	text_line("ring blocks", "%llu", (unsigned long long)le64_get(super.ring_blocks));
	text_line("tail lsn", "%llu", (unsigned long long)le64_get(super.tail_lsn));
	text_line("tail checksum", "%016llx", (unsigned long long)le64_get(super.tail_checksum));
	flags_print(le64_get(super.flags));
	text_time("created", (int64_t)le64_get(super.created_seconds), 0);
	session_print(&super.session);
	owner_print(&super.owner);
	text_line("checksum", "%016llx", (unsigned long long)le64_get(super.checksum));
}

int super_print(const struct source *source)
{
	slot_print(source, 0);
	slot_print(source, 1);
	return 0;
}
