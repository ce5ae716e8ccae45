#!/bin/bash
# fsck.mmfs and the intents that a truncate in several records leaves when it is cut short (R7): one that cannot be,
# as one beyond the last block that a file may have, is found and removed; others are nothing wrong.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper poke
. "$here/helpers/damage.sh"
image=$tmp/a.img mnt=$tmp/mnt broken=$tmp/broken.img
most=$((1 << 44)) # blocks of a file

# intent FIRST-BLOCK [KIND [RESERVED]]: its bytes, with the request that began it.
intent() {
	printf '%s%s' "$(le64 $((${2:-1} + (${3:-0} << 32))))" "$(le64 "$1")"
	printf '%032d' 0
}

# Unlinked files that somebody has open, in a copy: they are what the last items of object 0 are for.
mkfs.mmfs -q --journal=1M "$image"
mount_image "$image" "$mnt"
echo kept >"$mnt/kept"
head -c 100000 /dev/urandom >"$mnt/gone"
inode=$(stat -c %i "$mnt/gone")
exec 9<"$mnt/gone"
rm "$mnt/gone"
mmfsctl backup "$mnt" "$tmp/copy.img" >"$tmp/told"
exec 9<&-
unmount "$mnt"
fsck_clean "$tmp/copy.img"

# with HEX: the copy, in which it is the inode's intent.
with() {
	cp --sparse=always "$tmp/copy.img" "$broken"
	poke "$broken" intent "$inode" "$1"
	fsck.mmfs -n "$broken" >"$tmp/said" 2>&1 || true
}

note "one that can be"
bytes=$(intent 5)
for bytes in "$bytes" "$(intent "$most")" "${bytes:0:32}"; do
	with "$bytes"
	! grep -q 'intent' "$tmp/said" || fail "$(cat "$tmp/said")"
	# what is wrong is that nobody lists the inode any more
	grep -q "inode $inode: " "$tmp/said" || fail "$(cat "$tmp/said")"
done

note "those that cannot"
for bytes in "$(intent $((most + 1)))" "$(intent -1)" "$(intent 5 2)" "$(intent 5 0)" "$(intent 5 1 7)"; do
	with "$bytes"
	grep -q "the intent for inode $inode cannot be (kind [0-9]*)" "$tmp/said" || fail "$(cat "$tmp/said")"
	expect_fail 1 'problems repaired' fsck.mmfs -y "$broken"
	fsck_clean "$broken"
	mount_image "$broken" "$mnt"
	expect kept cat "$mnt/kept"
	unmount "$mnt"
done
bytes=$(intent 5)
with "${bytes:0:40}"
grep -q 'bytes' "$tmp/said" || fail "an intent of 20 bytes: $(cat "$tmp/said")"
