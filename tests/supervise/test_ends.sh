#!/bin/bash
# Ends of a supervised mount that are not as planned: what is said, what stays, and who unmounts.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt

# foreground IMAGE DIRECTORY [OPTION...]: mounts in the foreground, sets $supervisor and $daemon; $tmp/log has
# what is said.
foreground() {
	local image=$1 directory=$2
	shift 2
	mkdir -p "$directory"
	mmfs -f "$@" "$image" "$directory" >"$tmp/log" 2>&1 </dev/null &
	for ((i = 0; i < 300; i++)); do
		! mountpoint -q "$directory" || break
		sleep 0.1
	done
	supervisor=$(supervisors_of "$image")
	daemon=$(daemon_pid "$image")
}

# What mount made has not to be taken back by a daemon that goes on, whatever it finds.
foreground "$image" "$mnt"
echo kept >"$mnt/file"
inode=$(stat -c %i "$image")
size=$(stat -c %s "$image")
dd if=/dev/zero of="$image" bs=4096 count=2 conv=notrunc status=none
kill -KILL "$daemon"
wait_gone 30 "$supervisor" "$daemon"
expect "$inode $size" stat -c '%i %s' "$image"
grep -q "$image: not an mmfs image" "$tmp/log" || fail "said: $(cat "$tmp/log")"
grep -q "$mnt: no other daemon can go on" "$tmp/log" || fail "said: $(cat "$tmp/log")"
umount "$mnt"
rm "$image"

# A daemon that was told to unmount and dies first is followed by one that unmounts.
foreground "$image" "$mnt"
echo kept >"$mnt/file"
kill -STOP "$daemon"
kill -TERM "$supervisor"
sleep 0.2
kill -KILL "$daemon"
wait_gone 30 "$supervisor" "$daemon"
! mountpoint -q "$mnt" || fail "still mounted: $(cat "$tmp/log")"
fsck_clean "$image"
mount_image "$image" "$mnt"
expect kept cat "$mnt/file"
unmount "$mnt"

# Read-only, recovered cold: the next daemon shows the same.
foreground "$image" "$mnt"
sync "$mnt/file"
echo unsealed >"$mnt/late"
kill_daemon "$image"
umount "$mnt"
foreground "$image" "$mnt" -o ro,recover=cold
seen=$(ls "$mnt")
kill -KILL "$daemon"
echo 3 >/proc/sys/vm/drop_caches
expect "$seen" ls "$mnt"
unmount "$mnt"

# No standard descriptors: the image must not become one of them.
mmfs "$image" "$mnt" <&- >&- 2>&-
mountpoint -q "$mnt" || fail "not mounted"
head -c 3000000 /dev/urandom >"$mnt/data"
sum=$(sha256sum <"$mnt/data")
sync "$mnt/data"
kill -KILL "$(daemon_pid "$image")"
expect "$sum" sha256sum <"$mnt/data"
unmount "$mnt"
fsck_clean "$image"
mount_image "$image" "$mnt"
expect "$sum" sha256sum <"$mnt/data"
unmount "$mnt"

# Without privileges: fusermount3 made the connection, another daemon goes on with it.
nobody_setup
image=$tmp/nobody/a.img mnt=$tmp/nobody/mnt
as_nobody mkdir "$mnt"
as_nobody mmfs "$image" "$mnt"
as_nobody sh -c "echo one >'$mnt/file'"
daemon=$(daemon_pid "$image")
kill -KILL "$daemon"
as_nobody sh -c "echo two >>'$mnt/file'"
expect "one
two" as_nobody cat "$mnt/file"
[ "$(daemon_pid "$image")" != "$daemon" ] || fail "the same daemon"
unmount "$mnt"
fsck_clean "$image"

# Where the memory for a supervisor cannot be had, the mount is there all the same.
image=$tmp/b.img mnt=$tmp/alone
(ulimit -f 61440 && mount_image "$image" "$mnt" 2>"$tmp/log")
grep -q "$mnt: cannot be supervised (File too large): should its daemon die, the mount is dead" "$tmp/log" ||
	fail "said: $(cat "$tmp/log")"
expect "" supervisors_of "$image"
echo text >"$mnt/file"
unmount "$mnt"
fsck_clean "$image"
