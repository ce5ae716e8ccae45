#!/bin/bash
# What seldom happens to a daemon: a mount that does not answer, a signal before it serves, no memory for a
# request, and requests that wait for long.
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt
faults=$tmp/faults
mkdir "$mnt" "$faults"
cc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o "$tmp/faults.so" "$here/helpers/faults.c" -ldl

# faulty MMFS-OPTIONS...: mmfs with the library of helpers/faults.c.
faulty() {
	MMFS_FAULTS=$faults LD_PRELOAD=$tmp/faults.so ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 mmfs "$@"
}

not_mounted() {
	[ -z "$(mounts_below "$mnt")" ] || fail "still mounted"
	[ -z "$(daemons_of "$image")" ] || wait_gone 30 "$(daemon_pid "$image")" || fail "the daemon is still there"
}

note "a mount that does not answer is not left behind"
touch "$faults/stat-fails"
expect_fail 1 'the mount does not answer' faulty "$image" "$mnt"
rm "$faults/stat-fails"
not_mounted
fsck_clean "$image"

note "SIGTERM between mounting and serving: unmounted, nothing is lost"
touch "$faults/term-at-chdir"
faulty "$image" "$mnt" 2>"$tmp/said" || fail "status $?: $(cat "$tmp/said")"
rm "$faults/term-at-chdir"
pid=$(daemon_pid "$image")
[ -z "$pid" ] || wait_gone 30 "$pid" || fail "the daemon did not end"
not_mounted
fsck_clean "$image"

note "no memory for a request: the mount goes on"
faulty -o allow_other "$image" "$mnt"
touch "$faults/no-memory"
for i in 1 2 3; do
	! stat "$mnt/absent.$i" 2>/dev/null || fail "there is no such file"
done
[ ! -e "$faults/no-memory" ] || fail "the daemon has not looked for requests"
mountpoint -q "$mnt" || fail "the mount has ended"
echo alive >"$mnt/file"
expect alive cat "$mnt/file"

note "a long allocation ends when its caller does, and what it has got by then is seen"
touch "$mnt/long" "$faults/slow-allocation"
expect '0 0' stat -c '%s %b' "$mnt/long"
fallocate -l 1800M "$mnt/long" &
pid=$!
sleep 0.3
kill "$pid"
! wait "$pid" || fail "it was not stopped"
rm "$faults/slow-allocation"
expect 0 stat -c %s "$mnt/long"
blocks=$(stat -c %b "$mnt/long")
[ "$blocks" -gt 0 ] && [ "$blocks" -lt $((1800 * 2048)) ] || fail "it has $blocks blocks"
rm "$mnt/long"

# The caller's groups are looked for before anything is locked, by a request for which a worker keeps the turn.
hold_one() {
	mkdir -m 777 "$mnt/dir.$1"
	setpriv --reuid nobody --regid nogroup --clear-groups perl -e \
		'use POSIX; POSIX::mkfifo($ARGV[0], 02755) or die "mkfifo: $!\n"' "$mnt/dir.$1/fifo" &
	holders="$holders $!"
}
answers() {
	! timeout 20 stat "$mnt/$1" 2>"$tmp/said" || fail "there is no such file"
	grep -q 'No such file' "$tmp/said" || fail "no answer while $2"
}
holders=
for workers in default 2; do
	note "requests that wait keep no other from being served: $workers workers"
	[ "$workers" = default ] || { unmount "$mnt" && faulty -o "allow_other,threads=$workers" "$image" "$mnt"; }
	rm -rf "$mnt"/dir.*
	touch "$faults/hold-groups"
	hold_one 1
	sleep 0.2
	answers "one.$workers" "one waits"
	if [ "$workers" = default ]; then
		# More than there are workers.
		for i in $(seq 2 $(($(nproc) + 3))); do hold_one "$i"; done
		sleep 0.2
		answers many "all workers wait"
	fi
	[ ! -e "$mnt/dir.1/fifo" ] || fail "it did not wait"
	rm "$faults/hold-groups"
	# shellcheck disable=SC2086 # process ids
	wait $holders
	holders=
	expect 'fifo 2755' stat -c '%F %a' "$mnt/dir.1/fifo"
done
unmount "$mnt"
fsck_clean "$image"

note "damage is told, and a disk that fails later too"
cc -std=gnu17 -D_GNU_SOURCE -O2 -o "$tmp/bin/poke" "$MMFS_SOURCE/tests/image/helpers/poke.c"
mount_image "$image" "$mnt"
echo bad >"$mnt/bad"
inode=$(stat -c %i "$mnt/bad")
unmount "$mnt"
"$tmp/bin/poke" "$image" item "$inode" 1 0 0 ffffffff
faulty -f "$image" "$mnt" 2>"$tmp/log" &
pid=$!
until mountpoint -q "$mnt"; do sleep 0.05; done
expect_fail 1 'Structure needs cleaning' cat "$mnt/bad"
grep -q 'damage found' "$tmp/log" || fail "the damage was not told: $(cat "$tmp/log")"
touch "$faults/sync-fails"
# shellcheck disable=SC2016 # of the inner shell
expect_fail 1 'Input/output error|I/O error' bash -c 'echo lost >>"$1" && sync "$1"' bash "$mnt/file"
expect_fail 1 'Input/output error' mkdir "$mnt/new"
grep -q 'the image failed' "$tmp/log" || fail "the failure was not told: $(cat "$tmp/log")"
expect 2 sh -c 'wc -l <"$1"' sh "$tmp/log"
umount "$mnt"
! wait "$pid" || fail "it ended as if nothing had been"
