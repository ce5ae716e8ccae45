#!/bin/bash
# Images of a fixed size: on a loop device, on a file over the network (nbdkit, nbdfuse), and on a loop device over
# that. mkfs, work, kill -9, a full device, space given back, growth of the device, two writers.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
. "$here/lib.sh"
need_fuse
mnt=$tmp/mnt
mib=1048576

# attach FILE: a loop device, which goes when this shell closes its descriptor 9, however the test ends.
attach() {
	device=$(losetup --find --show "$1")
	exec 9<>"$device"
	losetup -d "$device"
}

detach() {
	exec 9>&-
	local end=$((SECONDS + 20))
	while losetup "$device" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "$device is still there"
		sleep 0.05
	done
}

kill_and_remount() {
	kill_daemon "$image"
	umount -l "$mnt" 2>/dev/null || true
	fsck_clean "$image"
	mmfs "$image" "$mnt" 2>"$tmp/said.recovery" || fail "$(cat "$tmp/said.recovery")"
}

# works KIND: on the image, whose device has 40 MiB. $warm: is what was not synced there after a kill?
works() {
	note "$1: make, fill, kill"
	mkfs.mmfs -q -J 1M "$image"
	expect_fail 1 'already holds an mmfs image' mkfs.mmfs "$image"
	mount_image "$image" "$mnt"
	cp -r "$MMFS_SOURCE/fs" "$mnt/tree"
	kill_and_remount
	[ "$warm" = no ] || diff -r "$MMFS_SOURCE/fs" "$mnt/tree" || fail "$1: lost by a kill"
	expect_fail 1 'No space left' dd if=/dev/urandom of="$mnt/fill" bs=1M count=100
	[ "$(stat -c %s "$mnt/fill")" -ge $((30 * mib)) ] || fail "$1: full with $(stat -c %s "$mnt/fill") bytes"
	[ "$(stat -f -c %a "$mnt")" -lt 1024 ] || fail "$1: full, but statfs has $(stat -f -c %a "$mnt") blocks left"
	sync "$mnt/fill"
	cksum <"$mnt/fill" >"$tmp/sum"
	kill_and_remount
	cksum <"$mnt/fill" | cmp - "$tmp/sum"
}

# gives_back FILE: what is deleted leaves the file behind the device.
gives_back() {
	local before end=$((SECONDS + 30))
	before=$(host_bytes "$1")
	rm "$mnt/fill"
	sync "$mnt"
	mmfsctl sync "$mnt"
	until [ "$(host_bytes "$1")" -le $((before - 25 * mib)) ]; do
		[ "$SECONDS" -lt "$end" ] || fail "deleting 30 MiB gave back $((before - $(host_bytes "$1"))) bytes"
		sleep 0.2
	done
}

note "loop device"
truncate -s 40M "$tmp/disk"
attach "$tmp/disk"
image=$device warm=yes
works loop
gives_back "$tmp/disk"
expect_fail 8 'in use by process [0-9]+ on' fsck.mmfs -p "$image"
expect_fail 1 'in use by process [0-9]+ on' mkfs.mmfs --force "$image"
mmfsctl info "$mnt" | grep -q 'its device has that size' || fail "$(mmfsctl info "$mnt")"
remount "$image" "$mnt" # at once: the next one waits until the device is let go of
expect '["mounted",true]' sh -c 'mmfsctl info --json "$1" | jq -c "[.state, .fixed_size]"' sh "$image"

note "it grows with its device, mounted and not"
truncate -s 80M "$tmp/disk"
losetup -c "$device"
expect '[41943040,83886080]' sh -c 'mmfsctl grow --json "$1" | jq -c "[.size_before_bytes, .size_bytes]"' sh "$mnt"
dd if=/dev/urandom of="$mnt/large" bs=1M count=60 conv=fsync status=none
cksum <"$mnt/large" >"$tmp/sum"
unmount "$mnt"
fsck_clean "$image"
truncate -s 100M "$tmp/disk"
losetup -c "$device"
mmfsctl grow "$image" | grep -q 'takes all of its device: 102400 KiB' || fail "$(mmfsctl grow "$image")"
mount_image "$image" "$mnt"
cksum <"$mnt/large" | cmp - "$tmp/sum"
dd if=/dev/urandom of="$mnt/more" bs=1M count=20 conv=fsync status=none

note "a device of another session is not believed: recovered cold"
echo synced >"$mnt/synced"
mmfsctl sync "$image"
echo not >"$mnt/not"
kill_daemon "$image"
umount -l "$mnt" 2>/dev/null || true
detach
attach "$tmp/disk"
image=$device
mmfs "$image" "$mnt" 2>"$tmp/said.recovery"
grep -q 'recovered to the last sync' "$tmp/said.recovery" || fail "not cold: $(cat "$tmp/said.recovery")"
expect synced cat "$mnt/synced"
[ ! -e "$mnt/not" ] || fail "what was not synced was believed"
unmount "$mnt"
fsck_clean "$image"
detach

note "over the network: nbdkit, nbdfuse"
mkdir "$tmp/nbd"
truncate -s 40M "$tmp/remote"
nbdfuse "$tmp/nbd/disk" --command nbdkit -s file "$tmp/remote" 9>&- &
end=$((SECONDS + 20))
until [ -s "$tmp/nbd/disk" ]; do
	[ "$SECONDS" -lt "$end" ] || fail "nbdfuse does not come up"
	sleep 0.1
done
image=$tmp/nbd/disk warm=no
works nbdfuse
expect true sh -c 'mmfsctl info --json "$1" | jq .fixed_size' sh "$mnt"
unmount "$mnt"
fsck_clean "$image"

note "a loop device over that"
attach "$tmp/nbd/disk"
image=$device warm=yes
expect_fail 1 'already holds an mmfs image' mkfs.mmfs "$image"
mount_image "$image" "$mnt"
cksum <"$mnt/fill" | cmp - "$tmp/sum"
rm "$mnt/fill"
cp -r "$MMFS_SOURCE/backend" "$mnt/again"
kill_and_remount
diff -r "$MMFS_SOURCE/backend" "$mnt/again"
unmount "$mnt"
fsck_clean "$image"
detach
umount "$tmp/nbd"
wait
