#!/bin/bash
# fsck.mmfs -n: says nothing of whole images, and finds whatever is wrong, even behind right checksums.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper poke
. "$here/helpers/damage.sh"

whole=$tmp/whole.img
broken=$tmp/broken.img
mnt=$tmp/mnt

# The image must be found damaged, with such a line, and be left as it is.
finds() {
	local sum
	sum=$(cksum <"$broken")
	expect_fail 4 "$1" timeout 60 fsck.mmfs -n "$broken"
	grep -Eq 'problems?(:|$)' "$tmp/said" || fail "no summary: $(cat "$tmp/said")"
	[ "$sum" = "$(cksum <"$broken")" ] || fail "fsck.mmfs -n changed the image"
}

note "an empty image"
mkfs.mmfs -q --journal=1M "$whole"
fsck_clean "$whole"

note "one with everything in it"
make_whole
fsck_clean "$whole"
grep -q "clean, 51[0-9] inodes" "$tmp/fsck.said" || fail "$(cat "$tmp/fsck.said")"
fsck.mmfs -n -v "$whole" | grep -q 'names and links: 0 problems' || fail "-v says nothing"
sum=$(cksum <"$whole")
fsck.mmfs -y "$whole" >/dev/null
fsck.mmfs -p -f "$whole" | grep -q 'clean, 51' || fail "-p -f does not check"
fsck.mmfs -p "$whole" | grep -q 'not checked' || fail "-p checks what was unmounted"
[ "$sum" = "$(cksum <"$whole")" ] || fail "fsck.mmfs changed a clean image"

find_places
damage_all
break_superblocks
finds superblock

note "behind a damaged map or roots block the rest is checked too"
cp --sparse=always "$whole" "$broken"
poke "$broken" item "$file" 1 0 12 09000000
for block in $zone $roots; do
	cp --sparse=always "$broken" "$tmp/copy.img"
	printf zzzz | dd of="$tmp/copy.img" bs=1 seek=$((block * 4096 + 1000)) conv=notrunc status=none
	mv "$tmp/copy.img" "$broken.$block"
done
poked=$broken
for block in $zone $roots; do
	broken=$poked.$block
	finds 'has 9 links, but 2 names'
	grep -Eq '(roots block|map of zone 0) is damaged' "$tmp/said" || fail "$(cat "$tmp/said")"
done

note "after kill -9 the image is recovered in memory, and whole"
mount_image "$whole" "$mnt"
cp -r "$mnt/d" "$mnt/copy"
rm "$mnt/d/file-"*
exec 9<"$mnt/other"
rm "$mnt/other"
kill_daemon "$whole"
exec 9<&-
umount -l "$mnt"
sum=$(cksum <"$whole")
fsck_clean "$whole"
[ "$sum" = "$(cksum <"$whole")" ] || fail "fsck.mmfs -n changed the image"

note "usage and what is no image"
expect_fail 16 'one image' fsck.mmfs -n
expect_fail 16 'only one of' fsck.mmfs -n -y "$whole"
expect_fail 16 'help' fsck.mmfs --nonsense "$whole"
expect_fail 8 'no such file' fsck.mmfs -n "$tmp/none.img"
expect_fail 8 'not an mmfs image' fsck.mmfs -n "$0"
