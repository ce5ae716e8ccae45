#!/bin/bash
# The daemon's own memory has a bound, whatever is done and with however many files: 64 MiB, what -o overlay_max=
# says, and 16 bytes for each inode that the kernel knows.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
need_fuse
helper many
image=$tmp/a.img mnt=$tmp/mnt
files=$(size 20000 1000000)

# stat_now NAME: of the mount.
stat_now() {
	mmfsctl stats --json "$mnt" | jq -e ".now.$1"
}

# own PID: its memory in KiB, lookup counts included.
own() {
	awk '/^RssAnon|^RssShmem/ { sum += $2 } END { print sum }' "/proc/$1/status"
}

# sample PID: takes its memory and, of that, the overlay into account.
sample() {
	local now
	now=$(own "$1")
	[ "$now" -le "$memory" ] || memory=$now
	now=$(($(stat_now overlay_bytes) / 1024))
	[ "$now" -le "$overlay" ] || overlay=$now
}

# peaks COMMAND...: the most that the daemon has while that runs, and right after it, in KiB: to $memory and $overlay.
peaks() {
	local pid
	pid=$(daemon_pid "$image")
	memory=0 overlay=0
	"$@" &
	while kill -0 $! 2>/dev/null; do
		sample "$pid"
		sleep 0.02
	done
	wait $!
	sample "$pid"
}

# Room in the journal, so that nothing but overlay_max makes checkpoints.
mkfs.mmfs --journal=256M "$image" >/dev/null
mount_image "$image" "$mnt" -o commit=3600,overlay_max=1M
peaks many create "$mnt" "$files"
note "creating $files files: $memory KiB, $overlay of it changed nodes"
[ "$overlay" -le 1200 ] || fail "more than overlay_max"
[ "$memory" -le $((65 * 1024 + files * 16 / 1024)) ] || fail "more than was promised"

for bound in 1 64; do
	remount "$image" "$mnt" -o commit=3600,overlay_max=${bound}M
	peaks many change "$mnt" "$files"
	note "changing each of them with ${bound}M: $memory KiB, $overlay of it changed nodes"
	[ "$overlay" -le $((bound * 1024 + 200)) ] || fail "more than overlay_max"
	[ "$memory" -le $(((64 + bound) * 1024 + files * 16 / 1024)) ] || fail "more than was promised"
done
[ "$overlay" -ge 3000 ] || fail "this test changes too little to see a bound"
unmount "$mnt"
fsck_clean "$image"
