#!/bin/bash
# The daemon is killed again and again under processes that know what each of their system calls must give: none
# fails, none is done twice or not at all. Then the image is whole. MMFS_RESTARTS sets the number of kills.
# timeout: 600
# A sanitizer would turn crashes into exits.
export MMFS_ASAN_EXTRA=handle_segv=0:handle_abort=0
. "$(dirname "$0")/../lib.sh"
need_fuse
helper checked
kills=${MMFS_RESTARTS:-$(size 50 500)}
seed=${MMFS_KILL_SEED:-$(od -An -N 4 -t u4 /dev/urandom | tr -d ' ')}
note "seed $seed (MMFS_KILL_SEED), $kills kills"
RANDOM=$((seed % 32768))
image=$tmp/a.img mnt=$tmp/mnt

mount_image "$image" "$mnt"
supervisor=$(supervisors_of "$image")
# Long enough for the kills; ended by a file.
workers=()
for i in 1 2 3 4; do
	mkdir "$mnt/$i"
	checked "$mnt/$i" $((seed + i)) $((kills / 4 + 8)) >"$tmp/said.$i" 2>&1 &
	workers+=($!)
done
signals=(KILL KILL KILL KILL SEGV ABRT)
for ((i = 1; i <= kills; i++)); do
	sleep "0.$(printf %03d $((RANDOM % 200 + 20)))"
	# Three in a row that have answered nothing would be given up.
	[ $((i % 3)) = 0 ] || stat -f "$mnt" >/dev/null
	pid=$(daemon_pid "$image")
	if [ -z "$pid" ]; then
		[ -n "$(supervisors_of "$image")" ] || fail "gave up after $i kills"
		continue # between two daemons
	fi
	kill "-${signals[RANDOM % 6]}" "$pid"
done
for i in 1 2 3 4; do
	wait "${workers[i - 1]}" || fail "worker $i, seed $((seed + i)): $(cat "$tmp/said.$i")"
	note "$(cat "$tmp/said.$i")"
done
expect "$supervisor" supervisors_of "$image"
unmount "$mnt"
fsck_clean "$image"
