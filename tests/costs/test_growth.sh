#!/bin/bash
# What a create, a lookup and an unlink cost hardly grows with the number of files: of the core library, tree nodes
# read (which are the same in every run), and with the full size processor time at 10 million files; through a
# mount, with the full size, time at a million files.
# timeout: 300
. "$(dirname "$0")/../lib.sh"

# grow FILES: lines "NAME NODES NANOSECONDS".
grow() {
	"$MMFS_BUILD/tests/core" grow "$tmp/$1" "$1" 1000
	rm "$tmp/$1"
}

# compare WHAT FIELD TIMES FILE FILE: the second's field is less than so many times the first's.
compare() {
	join "$4" "$5" | awk -v what="$1" -v a="$2" -v b="$(($2 + $(head -n 1 "$4" | wc -w) - 1))" -v most="$3" '
		{ printf "%s, %s: %s, then %s\n", $1, what, $a, $b; if ($b >= $a * most) bad = 1; lines++ }
		END { exit bad || lines != 3 }' || fail "$1 grows"
}

few=10000 many=$(size 100000 10000000)
grow $few >"$tmp/few"
grow "$many" >"$tmp/many"
compare "nodes read" 2 "$(size 1.3 1.6)" "$tmp/few" "$tmp/many"
! full || compare "nanoseconds" 3 3 "$tmp/few" "$tmp/many"
full || exit 0

note "through a mount"
# shellcheck disable=SC2034 # of helper
here=$MMFS_SOURCE/tests/bench
helper phases
helper million
image=$tmp/a.img mnt=$tmp/mnt

# through NAME: lines "create RATE -", and so on, the best of three.
through() {
	local phase
	for phase in create stat unlink; do : >"$tmp/$phase"; done
	for _ in 1 2 3; do
		mkdir "$mnt/work"
		phases create "$mnt/work" 1 10000 1000 1 >>"$tmp/create"
		echo 2 >/proc/sys/vm/drop_caches
		phases stat "$mnt/work" 1 10000 1000 1 >>"$tmp/stat"
		phases rename "$mnt/work" 1 10000 1000 1 >/dev/null
		phases unlink "$mnt/work" 1 10000 1000 1 >>"$tmp/unlink"
		rm -r "$mnt/work"
	done
	for phase in create stat unlink; do
		sort -n "$tmp/$phase" | awk -v phase=$phase 'END { printf "%s %.0f\n", phase, 1e9 / $1 }'
	done
}

mount_image "$image" "$mnt"
through >"$tmp/few"
mkdir "$mnt/many"
million "$mnt/many" 1000000
through >"$tmp/many"
compare "nanoseconds through the mount" 2 1.5 "$tmp/few" "$tmp/many"
from=$(date +%s%N)
remount "$image" "$mnt"
note "unmounted and mounted again in $((($(date +%s%N) - from) / 1000000)) ms"
kill_daemon "$image"
umount "$mnt"
from=$(date +%s%N)
mount_image "$image" "$mnt"
took=$((($(date +%s%N) - from) / 1000000))
[ $took -lt 1000 ] || fail "the mount after a kill took $took ms"
unmount "$mnt"
from=$(date +%s%N)
mount_image "$image" "$mnt"
took=$((($(date +%s%N) - from) / 1000000))
[ $took -lt 100 ] || fail "a clean mount took $took ms"
unmount "$mnt"
