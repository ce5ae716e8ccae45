#!/bin/bash
# How a mount begins and ends: ready on return, every way to end it leaves a clean image, a dead daemon's
# mountpoint is taken over, and the next mount waits for the last one's daemon.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper syscalls
image=$tmp/a.img mnt=$tmp/mnt
mkdir "$mnt"

is_clean() {
	mmfsctl info "$image" >"$tmp/info"
	grep -Eiq 'clean' "$tmp/info" && ! grep -Eiq 'not clean|unclean|dirty' "$tmp/info"
}

note "a new image: mode 0600, less than 1 MiB beyond its journal of 16 MiB, ready at once"
mmfs "$image" "$mnt"
[ "$(host_bytes "$image")" -lt $((17 * 1048576)) ] || fail "a new image takes $(host_bytes "$image") bytes"
unmount "$mnt"
[ "$(host_bytes "$image")" -lt $((17 * 1048576)) ] || fail "a new image keeps $(host_bytes "$image") bytes"
mmfs "$image" "$mnt"
echo ready >"$mnt/file"
expect 600 stat -c %a "$image"
expect 755 stat -c %a "$mnt"
sync "$mnt/file"
expect_fail 8 "in use by process $(daemon_pid "$image")" fsck.mmfs "$image"
unmount "$mnt"
is_clean || fail "umount left it not clean: $(cat "$tmp/info")"
[ "$(host_bytes "$image")" -le $((20 * 1048576)) ] || fail "one small file takes $(host_bytes "$image") bytes"

note "umount && mmfs: the second waits for the first one's daemon"
for i in 1 2 3 4 5; do
	mmfs "$image" "$mnt"
	dd if=/dev/zero of="$mnt/zeros.$i" bs=1M count=20 status=none
	umount "$mnt"
done
mmfs "$image" "$mnt"
expect ready cat "$mnt/file"
expect 6 sh -c 'ls "$1" | wc -l' sh "$mnt"

note "the daemon is one process, detached, in the root directory, holding none of our files"
pid=$(daemon_pid "$image")
expect / readlink "/proc/$pid/cwd"
[ "$(ps -o sid= -p "$pid" | tr -d ' ')" != "$(ps -o sid= -p $$ | tr -d ' ')" ] || fail "same session"
for stream in 0 1 2; do
	expect /dev/null readlink "/proc/$pid/fd/$stream"
done

for signal in TERM INT HUP; do
	note "SIG$signal"
	pid=$(daemon_pid "$image")
	supervisor=$(supervisors_of "$image")
	echo "$signal" >"$mnt/last"
	kill -"$signal" "$pid"
	wait_gone 30 "$pid" "$supervisor"
	! mountpoint -q "$mnt" || fail "still mounted"
	is_clean || fail "SIG$signal left it not clean: $(cat "$tmp/info")"
	fsck_clean "$image"
	mmfs "$image" "$mnt"
	expect "$signal" cat "$mnt/last"
done

note "SIGTERM while files are open and while the directory is in use"
syscalls hold "$mnt/last" >"$tmp/held" &
holder=$!
until [ -s "$tmp/held" ]; do sleep 0.05; done
pid=$(daemon_pid "$image")
supervisor=$(supervisors_of "$image")
kill -TERM "$pid"
wait_gone 30 "$pid" "$supervisor"
kill "$holder"
wait "$holder" || true
is_clean || fail "not clean: $(cat "$tmp/info")"

note "fusermount3 -u"
mmfs "$image" "$mnt"
pid=$(daemon_pid "$image")
fusermount3 -u "$mnt"
wait_gone 30 "$pid"
is_clean || fail "not clean: $(cat "$tmp/info")"

note "kill -9: the stale mountpoint is detached, nothing is lost"
mmfs "$image" "$mnt"
mkdir "$mnt/dir"
echo survives >"$mnt/dir/file"
kill_daemon "$image"
expect_fail 2 'not connected' ls "$mnt"
! is_clean || fail "a killed daemon's image calls itself clean"
fsck_clean "$image"
mmfs "$image" "$mnt"
expect survives cat "$mnt/dir/file"
expect "$mnt" mounts_below "$mnt"
unmount "$mnt"
is_clean || fail "not clean: $(cat "$tmp/info")"

note "a file unlinked while open is gone after kill -9 and takes no space"
mmfs "$image" "$mnt"
dd if=/dev/zero of="$mnt/open" bs=1M count=50 status=none
syscalls hold "$mnt/open" >"$tmp/held" &
holder=$!
until [ -s "$tmp/held" ]; do sleep 0.05; done
used=$(df --output=used -k "$mnt" | tail -n 1)
rm "$mnt/open"
kill_daemon "$image"
kill "$holder"
wait "$holder" || true
mmfs "$image" "$mnt"
[ "$(df --output=used -k "$mnt" | tail -n 1)" -le $((used - 45000)) ] || fail "its space is still taken"
unmount "$mnt"
fsck_clean "$image"

note "-f stays in the foreground"
mmfs -f "$image" "$mnt" &
pid=$!
for _ in $(seq 100); do
	! mountpoint -q "$mnt" || break
	sleep 0.1
done
expect ready cat "$mnt/file"
kill -INT "$pid"
wait "$pid" || fail "mmfs -f ended with status $?"
is_clean || fail "not clean: $(cat "$tmp/info")"
fsck_clean "$image"
