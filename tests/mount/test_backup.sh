#!/bin/bash
# mmfsctl backup: of a mount under load, by copying and by sharing blocks; of images that are not mounted; what
# interrupts it leaves no file.
. "$(dirname "$0")/../lib.sh"
. "$MMFS_SOURCE/tests/host/lib.sh"
need_fuse
helper moment
mnt=$tmp/mnt

steps_done() {
	[ -s "$tmp/log" ] && od -An -N8 -tu8 "$tmp/log" | tr -d ' '
}

# start_load: until stop_load.
start_load() {
	mkdir -p "$mnt/load"
	rm -f "$tmp/log"
	moment write "$mnt/load" "$tmp/log" &
	load=$!
	until [ "$(steps_done || echo 0)" -gt "${1:-200}" ]; do
		kill -0 "$load" || fail "the load has ended"
		sleep 0.05
	done
}

stop_load() {
	kill "$load"
	wait "$load" || true
}

# one_moment COPY LEAST MOST: fsck accepts it, it is clean, and holds one state of the load.
one_moment() {
	fsck_clean "$1"
	expect clean sh -c 'mmfsctl info --json "$1" | jq -r .state' sh "$1"
	mount_image "$1" "$tmp/copy" -o ro
	moment check "$tmp/copy/load" "$2" "$3" >"$tmp/step" || fail "$1: not one moment"
	unmount "$tmp/copy"
}

# copies_under_load IMAGE CLONED: several copies while the load goes on.
copies_under_load() {
	local least
	for _ in $(seq "$(size 2 30)"); do
		least=$(steps_done)
		mmfsctl backup --json --force "$1" "${1%/*}/copy.img" >"$tmp/told"
		kill -0 "$load" || fail "the load has ended: a write failed"
		expect "$2" jq .cloned "$tmp/told"
		[ "$(jq .frozen_microseconds "$tmp/told")" -lt 20000000 ] || fail "writers waited: $(cat "$tmp/told")"
		one_moment "${1%/*}/copy.img" "$least" "$(steps_done)"
	done
	note "$(cat "$tmp/told"), step $(cat "$tmp/step")"
}

note "of a mount under load"
image=$tmp/a.img
mount_image "$image" "$mnt" -o commit=1
head -c 20000000 /dev/urandom >"$mnt/still"
truncate -s 3G "$mnt/sparse"
start_load
copies_under_load "$image" false
stop_load

note "the mountpoint names it as well; the copy is as sparse"
mmfsctl backup "$mnt" "$tmp/still.img" | grep -q 'still.img; changes waited for [0-9.]* s$'
[ "$(host_bytes "$tmp/still.img")" -le $(($(host_bytes "$image") + 2000000)) ] ||
	fail "$(host_bytes "$tmp/still.img") bytes, the image has $(host_bytes "$image")"
mount_image "$tmp/still.img" "$tmp/copy"
diff -r --exclude=sparse "$mnt" "$tmp/copy"
expect 3221225472 stat -c %s "$tmp/copy/sparse"
echo more >"$tmp/copy/more"
unmount "$tmp/copy"
fsck_clean "$tmp/still.img"

note "refusals"
expect_fail 1 'still.img: exists; give another name' mmfsctl backup "$mnt" "$tmp/still.img"
expect_fail 1 'no/such.*No such file' mmfsctl backup "$mnt" "$tmp/no/such"
expect_fail 2 'give a file for the copy' mmfsctl backup "$mnt"
mount -t tmpfs -o size=4m mmfs-test "$(mkdir "$tmp/small" && echo "$tmp/small")"
expect_fail 1 'no room for the copy' mmfsctl backup "$mnt" "$tmp/small/copy.img"
expect "" ls -A "$tmp/small"
umount "$tmp/small"

note "killed: no file is left, and the mount works on"
start_load 50
for signal in INT KILL; do
	# who is killed in the search for leaks leaves a report
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" env --default-signal=INT mmfsctl backup "$mnt" "$tmp/killed.img" >"$tmp/said" 2>&1 &
	sleep 0.0"$((RANDOM % 5))"
	kill -$signal $! 2>/dev/null || true
	wait $! && mv "$tmp/killed.img" "$tmp/was-quicker.img"
	expect "" find "$tmp" -maxdepth 1 -name 'killed.img*'
	kill -0 "$load" || fail "the load has ended"
done
stop_load
echo works >"$mnt/works"

note "an image that was not unmounted: what was acknowledged is in the copy"
echo acknowledged >"$mnt/last"
kill_daemon "$image"
umount -l "$mnt"
mmfsctl backup "$image" "$tmp/dead.img" >"$tmp/said"
fsck_clean "$tmp/dead.img"
expect acknowledged mmfsctl cat "$tmp/dead.img" last
expect_fail 1 'not an mmfs image' mmfsctl backup "$here/test_backup.sh" "$tmp/none.img"
[ ! -e "$tmp/none.img" ] || fail "a copy of nothing"

note "by sharing blocks"
host_can btrfs || skip "this kernel has no btrfs"
host_make btrfs "$tmp/host" 300M >/dev/null 2>&1
mount_image "$tmp/host/b.img" "$mnt"
head -c 20000000 /dev/urandom >"$mnt/still"
start_load
copies_under_load "$tmp/host/b.img" true
stop_load
unmount "$mnt"
fsck_clean "$tmp/host/b.img"
host_gone "$tmp/host"
