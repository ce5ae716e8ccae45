#!/bin/bash
# Mounts that nobody uses: memory and processor time of daemon and supervisor.
. "$(dirname "$0")/../lib.sh"
need_fuse
mounts=$(size 20 100)
seconds=$(size 6 30) # longer than the 5 between two looks of the daemon at what it has to make durable

# proportional PID...: their memory in KiB, what they share with others divided among them.
proportional() {
	local pid
	for pid; do cat "/proc/$pid/smaps_rollup"; done | awk '/^Pss:/ { sum += $2 } END { print sum }'
}

# run_ns PID...: processor time of all their threads.
run_ns() {
	local pid
	for pid; do cat "/proc/$pid"/task/*/schedstat; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

for ((i = 0; i < mounts; i++)); do mount_image "$tmp/$i.img" "$tmp/mnt$i"; done
pids=$(daemons_below "$tmp" && supervisors_below "$tmp")
[ "$(wc -w <<<"$pids")" = $((2 * mounts)) ] || fail "processes: $pids"
# shellcheck disable=SC2086 # process ids
memory=$(proportional $pids)
note "new images: $((memory / mounts)) KiB for each of $mounts mounts"
[ $((memory / mounts)) -lt 5120 ] || fail "more than 5 MiB each"

# shellcheck disable=SC2086
before=$(run_ns $pids)
sleep "$seconds"
# shellcheck disable=SC2086
spent=$(($(run_ns $pids) - before))
note "$((spent / mounts / 1000)) microseconds for each mount in $seconds seconds"
[ $((spent / mounts)) -lt $((seconds * 1000000000 / 200)) ] || fail "more than 0.5 % of a processor each"
# shellcheck disable=SC2086
memory=$(proportional $pids)
note "then: $((memory / mounts)) KiB for each"
[ $((memory / mounts)) -lt 5120 ] || fail "more than 5 MiB each"
for ((i = 0; i < mounts; i++)); do unmount "$tmp/mnt$i"; done

note "images that were used before"
for ((i = 0; i < mounts; i++)); do mount_image "$tmp/$i.img" "$tmp/mnt$i"; done
pids=$(daemons_below "$tmp" && supervisors_below "$tmp")
# shellcheck disable=SC2086
memory=$(proportional $pids)
note "$((memory / mounts)) KiB for each"
[ $((memory / mounts)) -lt 5120 ] || fail "more than 5 MiB each"
for ((i = 0; i < mounts; i++)); do unmount "$tmp/mnt$i"; done
