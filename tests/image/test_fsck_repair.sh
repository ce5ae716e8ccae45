#!/bin/bash
# fsck.mmfs -y: mends whatever test_fsck.sh finds, so that nothing is left to find, and what was not damaged is as
# it was; can be killed at any point and started again.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper poke
. "$here/helpers/damage.sh"

# Repairs sync a lot: not on a disk here.
mkdir "$tmp/memory"
mount -t tmpfs tmpfs "$tmp/memory"
whole=$tmp/memory/whole.img
broken=$tmp/memory/broken.img
mnt=$tmp/mnt
repaired=0

# The damaged image must be repaired, and then be whole.
finds() {
	local code=0
	timeout 60 fsck.mmfs -y "$broken" >"$tmp/said" 2>&1 </dev/null || code=$?
	[ "$code" = 1 ] || { cat "$tmp/said" >&2; fail "'$1': fsck.mmfs -y: status $code"; }
	grep -Eq 'problems? repaired$' "$tmp/said" || fail "no summary: $(cat "$tmp/said")"
	fsck_clean "$broken"
	repaired=$((repaired + 1))
}

# same_files [NAME...]: these files (or all) have the contents they had, read from a writable mount.
same_files() {
	local name
	mount_image "$broken" "$mnt"
	[ $# -gt 0 ] || set -- file other short long fifo sparse kept d/again d/file-1 d/file-250 d/file-500
	for name; do
		case $name in
		short | long) expect "$(cat "$tmp/before/$name")" readlink "$mnt/$name" ;;
		fifo) [ -p "$mnt/$name" ] || fail "$name is gone" ;;
		sparse) expect end tail -c 4 "$mnt/$name" ;;
		*) cmp "$tmp/before/$name" "$mnt/$name" ;;
		esac
	done
	echo new >"$mnt/new"
	expect new cat "$mnt/new"
	unmount "$mnt"
	fsck_clean "$broken"
}

note "an image"
mkfs.mmfs -q --journal=1M "$whole"
make_whole
find_places
mount_image "$whole" "$mnt" -o ro
mkdir "$tmp/before" "$tmp/before/d"
for name in file other kept d/again $(seq -f 'd/file-%g' 500); do cp "$mnt/$name" "$tmp/before/$name"; done
for name in short long; do readlink "$mnt/$name" >"$tmp/before/$name"; done
unmount "$mnt"

damage_all
break_superblocks
expect_fail 4 'cannot be repaired' fsck.mmfs -y "$broken"
note "$repaired damaged images were repaired"
[ "$repaired" -ge 60 ] || fail "too few"

note "a superblock that cannot be is no mount's to choose from; what counts on from a large position works"
newer=$(newer_slot)
cp --sparse=always "$whole" "$broken"
poke "$broken" block "$newer" 144 ffffffffffffffff
expect_fail 1 'size limit out of range; run fsck.mmfs' mmfs "$broken" "$mnt"
expect_fail 4 'nothing was changed; run it with -y' fsck.mmfs -p "$broken"
damage '' block "$newer" 144 ffffffffffffffff
same_files
damage '' block "$newer" 160 "$(le64 $(((1 << 61) + 8)))"
same_files
damage '' block "$newer" 120 "$(le64 $(((1 << 62) + newer)))"
same_files

note "a damaged inner node, map or roots block costs nothing"
for place in $((root * 4096 + 2000)) $((zone * 4096 + 700)) $((roots * 4096 + 60)); do
	flip '' "$place"
	same_files
done

note "all three at once neither"
cp --sparse=always "$whole" "$broken"
for block in $root $zone $roots; do
	printf zzzz | dd of="$broken" bs=1 seek=$((block * 4096 + 1000)) conv=notrunc status=none
done
finds ''
same_files

note "a byte of a leaf costs one name: the file is found in lost+found"
at=$(grep -abo file-250 "$whole" | tail -n 1 | cut -d : -f 1)
flip 'node in block' "$at"
mount_image "$broken" "$mnt"
[ ! -e "$mnt/d/file-250" ] || fail "a name with a wrong hash is still there"
cmp "$tmp/before/d/file-250" "$mnt/lost+found/"*
unmount "$mnt"
same_files file other short long fifo sparse kept d/again d/file-249 d/file-251

note "killed at any point and started again"
cp --sparse=always "$whole" "$tmp/memory/bad.img"
poke "$tmp/memory/bad.img" item 1 5 "$(key other)" 0 "$(le64 4000000)"
poke "$tmp/memory/bad.img" item "$file" 1 0 12 09000000
poke "$tmp/memory/bad.img" block $roots 56 "$(le64 1000)"
for block in $root $zone; do
	printf zzzz | dd of="$tmp/memory/bad.img" bs=1 seek=$((block * 4096 + 1000)) conv=notrunc status=none
done
cp --sparse=always "$tmp/memory/bad.img" "$broken"
started=$(date +%s%N)
fsck.mmfs -y "$broken" >/dev/null 2>&1 || true
took=$((($(date +%s%N) - started) / 1000000 + 1)) # ms, not killed
kills=0
for round in $(seq "$(size 8 200)"); do
	cp --sparse=always "$tmp/memory/bad.img" "$broken"
	for try in $(seq 50); do
		code=0
		# who is killed in the search for leaks leaves a report
		ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" fsck.mmfs -y "$broken" >"$tmp/said" 2>&1 </dev/null &
		after=$((took * (3 + round * 37 % 60 + try * 5) / 100))
		sleep "$((after / 1000)).$(printf %03d $((after % 1000)))"
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || code=$?
		[ $code = 137 ] || break
		kills=$((kills + 1))
	done
	# not killed at all: it takes less time than it did
	[ "$try" != 1 ] || took=$((took / 2 + 1))
	# 0: all was done when the last one was killed.
	[ $code -le 1 ] || fail "round $round, try $try: status $code: $(cat "$tmp/said")"
	fsck_clean "$broken"
done
note "$kills kills"
[ "$kills" -ge 5 ] || fail "too few"
mount_image "$broken" "$mnt"
cmp "$tmp/before/other" "$mnt/lost+found/#$other"
unmount "$mnt"
same_files file short long fifo sparse kept d/again d/file-1 d/file-250

note "-p mends what loses nothing, and nothing else"
damage_of() {
	cp --sparse=always "$whole" "$broken"
	poke "$broken" "$@"
}

damage_of block $roots 56 "$(le64 1000)"
expect_fail 1 'says 1000 inodes, but there are 511: corrected' fsck.mmfs -p -f "$broken"
fsck_clean "$broken"
damage_of item 1 5 "$(key other)" 0 "$(le64 4000000)"
sum=$(cksum <"$broken")
expect_fail 4 'nothing was changed' fsck.mmfs -p -f "$broken"
[ "$sum" = "$(cksum <"$broken")" ] || fail "-p changed it"
dd if=/dev/urandom of="$broken" bs=4096 count=1 conv=notrunc status=none
expect_fail 4 'slot 0 is damaged' fsck.mmfs -p "$broken"

note "a bar on a terminal, when it takes longer than a second"
damage_of item 1 5 "$(key other)" 0 "$(le64 4000000)"
ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" script -qec "strace -f -qq -o /dev/null -e trace=write -e inject=write:delay_exit=1300000:when=1 \
	fsck.mmfs -n $broken" /dev/null >"$tmp/said" 2>&1 </dev/null || true
grep -Eq 'fsck.mmfs: (maps|trees|names) \[[#-]+\] +[0-9]+%' "$tmp/said" || fail "no bar: $(cat "$tmp/said")"

note "asking on a terminal"
damage_of item 1 5 "$(key other)" 0 "$(le64 4000000)"
expect_fail 4 'no terminal to ask on' fsck.mmfs "$broken"
for answer in n a y; do
	code=0
	damage_of item 1 5 "$(key other)" 0 "$(le64 4000000)"
	for _ in 1 2 3 4 5 6 7 8 9 10; do echo $answer; done |
		script -qec "fsck.mmfs $broken" /dev/null >"$tmp/said" 2>&1 || code=$?
	grep -q 'repair (removed)? y:' "$tmp/said" || fail "nothing was asked: $(cat "$tmp/said")"
	case $answer in n) wanted=4 ;; *) wanted=1 ;; esac
	[ $code = $wanted ] || fail "answer $answer: status $code: $(cat "$tmp/said")"
done
fsck_clean "$broken"

note "not while somebody has it"
mount_image "$broken" "$mnt"
expect_fail 8 "in use by process" fsck.mmfs -y "$broken"
unmount "$mnt"
umount "$tmp/memory"
