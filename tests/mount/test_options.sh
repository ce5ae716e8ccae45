#!/bin/bash
# Mount options, and the helpers that mount(8) and /etc/fstab call.
. "$(dirname "$0")/../lib.sh"
nobody_setup
image=$tmp/a.img mnt=$tmp/mnt

note "root_owner of a new image; fsname"
mount_image "$image" "$mnt" -o root_owner=123:456,fsname=thename
expect 123:456 stat -c %u:%g "$mnt"
grep -Eq "^thename $mnt fuse\.mmfs " /proc/self/mounts || fail "$(grep "$mnt" /proc/self/mounts)"
echo text >"$mnt/file"
chmod 755 "$mnt"
expect_fail 2 'Permission denied' as_nobody ls "$mnt"

note "allow_other; the image's name is the default fsname"
remount "$image" "$mnt" -o allow_other
expect text as_nobody cat "$mnt/file"
grep -Fq "$image $mnt fuse.mmfs " /proc/self/mounts || fail "$(grep "$mnt" /proc/self/mounts)"

note "ro: nothing is written, not one byte"
unmount "$mnt"
sum=$(sha256sum <"$image")
times=$(stat -c '%y %z' "$image")
mount_image "$image" "$mnt" -o ro
expect text cat "$mnt/file"
expect_fail 1 'Read-only' touch "$mnt/new"
expect_fail 1 'Read-only' rm -f "$mnt/file"
expect_fail 1 'Read-only' chmod 600 "$mnt/file"
expect_fail 1 'Read-only' setfattr -n user.x -v y "$mnt/file"

note "several read-only mounts share an image; a writable one is refused"
mount_image "$image" "$tmp/second" -o ro
expect text cat "$tmp/second/file"
fsck_clean "$image"
expect_fail 1 'in use' mkfs.mmfs --force "$image"
unmount "$tmp/second"
unmount "$mnt"
[ "$sum" = "$(sha256sum <"$image")" ] || fail "a read-only mount wrote to the image"
[ "$times" = "$(stat -c '%y %z' "$image")" ] || fail "a read-only mount changed the image's times"

note "ro after kill -9: recovers in memory, writes nothing"
mount_image "$image" "$mnt"
echo acknowledged >"$mnt/after"
kill_daemon "$image"
umount -l "$mnt"
sum=$(sha256sum <"$image")
mount_image "$image" "$mnt" -o ro
expect acknowledged cat "$mnt/after"
unmount "$mnt"
[ "$sum" = "$(sha256sum <"$image")" ] || fail "a read-only mount wrote to the image"
fsck_clean "$image"

note "size: the limit is kept, ENOSPC harms nothing, and space comes back"
limit=$((128 * 1048576))
mount_image "$tmp/limited.img" "$mnt" -o size=128M
echo before >"$mnt/before"
expect_fail 1 'No space left' dd if=/dev/zero of="$mnt/large" bs=1M count=200
[ "$(stat -c %s "$tmp/limited.img")" -le $limit ] || fail "the image outgrew its limit"
got=$(stat -c %s "$mnt/large")
[ "$got" -ge $((90 * 1048576)) ] || fail "only $got bytes fitted in 128 MiB"
expect before cat "$mnt/before"
ls -l "$mnt" >/dev/null
# What is left is room for metadata.
[ "$(df --output=avail -k "$mnt" | tail -n 1)" -le 8192 ] || fail "full, but df says otherwise: $(df -k "$mnt")"
rm "$mnt/large"
# Freed blocks are for use once the record that freed them is sealed.
sync "$mnt/before"
sleep 1
dd if=/dev/urandom of="$mnt/again" bs=1M count=30 status=none
cksum "$mnt/again" >"$tmp/sum"
mkdir "$mnt/d"
expect_fail 1 'No space left' split -b 5000 -a 5 /dev/zero "$mnt/d/file-"
cksum "$mnt/again" | cmp - "$tmp/sum"
rm -r "$mnt/d"
expect "again before" sh -c 'echo $(ls "$1")' sh "$mnt"
unmount "$mnt"
fsck_clean "$tmp/limited.img"

note "the limit is remembered"
mount_image "$tmp/limited.img" "$mnt"
expect_fail 1 'No space left' dd if=/dev/zero of="$mnt/large" bs=1M count=200
unmount "$mnt"
fsck_clean "$tmp/limited.img"

note "refusals"
expect_fail 1 'nosuch' mmfs -o nosuch "$image" "$mnt"
expect_fail 1 'size' mmfs -o size=lots "$image" "$mnt"
expect_fail 1 'root_owner' mmfs -o root_owner=me "$image" "$mnt"
! mountpoint -q "$mnt" || fail "mounted in spite of a bad option"

note "mount.mmfs as mount(8) calls it, umount.mmfs"
scripts=$MMFS_SOURCE/mount-scripts
"$scripts/mount.mmfs" "$image" "$mnt" -o rw,noatime,nofail,_netdev,user
expect text cat "$mnt/file"
"$scripts/umount.mmfs" "$mnt"
flock -n "$image" true || fail "umount.mmfs returned before the daemon had let go of the image"
"$scripts/mount.mmfs" "$image" "$mnt" -o ro
expect_fail 1 'Read-only' touch "$mnt/new"
"$scripts/umount.mmfs" "$mnt"
if [ ! -e /sbin/mount.mmfs ]; then
	note "mount -t mmfs"
	# As installed: beside mmfs. mount(8) looks for its helpers in /sbin only, and empties PATH.
	cp "$scripts/mount.mmfs" "$tmp/bin"
	ln -s "$tmp/bin/mount.mmfs" /sbin/mount.mmfs
	code=0
	mount -t mmfs -o ro,noexec "$image" "$mnt" || code=$?
	rm /sbin/mount.mmfs
	[ $code = 0 ] || fail "mount -t mmfs: status $code"
	expect text cat "$mnt/file"
	grep -F " $mnt " /proc/self/mounts | grep -q 'ro,.*noexec' || fail "$(grep -F "$mnt" /proc/self/mounts)"
	unmount "$mnt"
fi
fsck_clean "$image"
