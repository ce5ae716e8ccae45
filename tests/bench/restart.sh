#!/bin/bash
# How long a mount stands still when its daemon is killed: kill -9, and the time until the next mkdir has returned.
#
#   tests/bench/restart.sh [ROUNDS]       20 by default; prints milliseconds
#
# MMFS_BUILD names a release build (by default build-plain).
: "${MMFS_BUILD:=$(cd "$(dirname "$0")/../.." && pwd)/build-plain}"
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt rounds=${1:-20}
mount_image "$image" "$mnt"
for i in $(seq "$rounds"); do
	echo "$i" >"$mnt/file-$i"
	sleep 0.3
	pid=$(daemon_pid "$image")
	start=$(date +%s%N)
	kill -KILL "$pid"
	mkdir "$mnt/directory-$i"
	echo $((($(date +%s%N) - start) / 100000))
done | sort -n | awk '{ t[NR] = $1 / 10 } END { printf "least %.1f, median %.1f, most %.1f ms\n", t[1], t[int((NR + 1) / 2)], t[NR] }'
unmount "$mnt"
fsck_clean "$image"
