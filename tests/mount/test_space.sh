#!/bin/bash
# Host space: an image starts small, grows as it fills, and gives back what is deleted; statfs is honest.
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt
mib=1048576
mount_image "$image" "$mnt"

# within SECONDS WHAT TEST...: waits until the test is true.
within() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "$what: the image takes $(host_bytes "$image") bytes"
		sleep 0.2
	done
}
takes_less() {
	[ "$(host_bytes "$image")" -lt "$1" ]
}
available() {
	stat -f -c '%a %S' "$1" | { read -r blocks size && echo $((blocks * size)); }
}

note "statfs: no more than the host has, and it moves with what is written"
# Others may be using the host's disk at the same time.
host=$(available "$tmp")
[ "$(available "$mnt")" -le $((host + 64 * mib)) ] || fail "the host has $host, statfs says $(available "$mnt")"
[ "$(available "$mnt")" -ge $((host / 2)) ] || fail "the host has $host, statfs says $(available "$mnt")"
expect "255 4096" stat -f -c '%l %S' "$mnt"
used=$(df --output=used -B 1 "$mnt" | tail -n 1)
[ "$used" -lt $((32 * mib)) ] || fail "an empty filesystem has $used bytes in use"

note "growth"
empty=$(host_bytes "$image")
dd if=/dev/urandom of="$mnt/large" bs=1M count=200 status=none
sync "$mnt/large"
grown=$(df --output=used -B 1 "$mnt" | tail -n 1)
[ $((grown - used)) -ge $((200 * mib)) ] && [ $((grown - used)) -le $((204 * mib)) ] || fail "df: $((grown - used)) for 200 MiB"
[ $(($(host_bytes "$image") - empty)) -ge $((200 * mib)) ] || fail "where are the bytes?"
[ $(($(host_bytes "$image") - empty)) -le $((280 * mib)) ] || fail "200 MiB took $(($(host_bytes "$image") - empty)) bytes"

note "a hole gives space back while mounted"
fallocate -p -o $((10 * mib)) -l $((150 * mib)) "$mnt/large"
sync "$mnt/large"
within 30 "after punching 150 MiB" takes_less $((empty + 120 * mib))

note "a cut and a deleted file too"
truncate -s $((20 * mib)) "$mnt/large"
sync "$mnt/large"
within 30 "after cutting to 20 MiB" takes_less $((empty + 80 * mib))
echo small >"$mnt/small"
rm "$mnt/large"
sync "$mnt/small"
within 30 "after deleting" takes_less $((empty + 64 * mib))

note "what is small too, when nobody has wanted its place for a while"
punched() {
	mmfsctl stats "$mnt" | awk '$1 == "punched_blocks" { print $2 }'
}
punched_more() {
	[ "$(punched)" -ge $(($1 + 16)) ]
}
dd if=/dev/urandom of="$mnt/piece" bs=128K count=1 conv=fsync status=none
dd if=/dev/urandom of="$mnt/behind" bs=128K count=1 conv=fsync status=none # else the end of the file is cut off
before=$(punched)
rm "$mnt/piece"
sync "$mnt/small"
within 60 "after deleting 128 KiB" punched_more "$before"

note "many small files"
mkdir "$mnt/many"
(cd "$mnt/many" && for i in $(seq 40); do mkdir "$i" && split -b 5000 -a 4 <(head -c 1000000 /dev/urandom) "$i/f"; done)
expect 8000 sh -c 'find "$1" -type f | wc -l' sh "$mnt/many"
rm -r "$mnt/many"
sync "$mnt/small"
within 30 "after deleting many" takes_less $((empty + 64 * mib))
fstrim "$mnt"
note "fstrim of a part, of nothing"
dd if=/dev/urandom of="$mnt/kept" bs=1M count=20 status=none
sum=$(cksum <"$mnt/kept")
expect "$mnt: 0 B (0 bytes) trimmed" fstrim -v -l 8192 "$mnt"
expect "$mnt: 0 B (0 bytes) trimmed" fstrim -v -m 64M "$mnt"
fstrim -v "$mnt" | grep -E '[(][1-9][0-9]* bytes[)] trimmed$' >/dev/null || fail "the room behind the file was not trimmed"
expect_fail 1 'Invalid argument' fstrim -l 100 "$mnt"
expect_fail 1 'Invalid argument' fstrim -o 8E "$mnt"
expect_fail 1 'Invalid argument' fstrim -m 1G "$mnt"
expect "$sum" cksum <"$mnt/kept"
rm "$mnt/kept"

note "unmounted: nearly as small as at first"
unmount "$mnt"
[ "$(host_bytes "$image")" -le $((24 * mib)) ] || fail "an empty image keeps $(host_bytes "$image") bytes"
fsck_clean "$image"
mount_image "$image" "$mnt"
expect small cat "$mnt/small"
unmount "$mnt"

note "unmounted: the free end of the file is cut off"
mount_image "$tmp/short.img" "$mnt"
dd if=/dev/zero of="$mnt/large" bs=1M count=200 status=none
rm "$mnt/large"
unmount "$mnt"
[ "$(stat -c %s "$tmp/short.img")" -le $((64 * mib)) ] || fail "an empty image is $(stat -c %s "$tmp/short.img") bytes long"
fsck_clean "$tmp/short.img"

note "a full host: ENOSPC before anything changed, and everything else works on"
mkdir "$tmp/host"
mount -t tmpfs -o size=64m mmfs-test "$tmp/host"
mount_image "$tmp/host/b.img" "$mnt"
echo kept >"$mnt/kept"
expect_fail 1 'No space left' dd if=/dev/zero of="$mnt/large" bs=1M count=100
expect kept cat "$mnt/kept"
[ "$(available "$mnt")" -le $((8 * mib)) ] || fail "the host is full, statfs says $(available "$mnt")"
rm "$mnt/large"
sync "$mnt/kept"
sleep 1
echo more >"$mnt/more"
expect more cat "$mnt/more"
unmount "$mnt"
fsck_clean "$tmp/host/b.img"
umount "$tmp/host"
