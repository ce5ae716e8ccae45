#!/bin/bash
# Many who sync at the same time share the host's syncs, each of which takes 200 ms here: also if there are more of
# them than workers, as one that goes to wait for the disk leaves another one behind that reads.
. "$(dirname "$0")/../lib.sh"
need_fuse
command -v strace >/dev/null || skip "needs strace"
helper sync_many
# strace and the leak checker both want to be the tracer.
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
image=$tmp/a.img mnt=$tmp/mnt
threads=32
mount_image "$image" "$mnt"
sync_many "$mnt" $threads 1 # the files, so that they are only overwritten below
unmount "$mnt"

syncs() { mmfsctl stats "$mnt" | awk '$1 == "syncs" { print $2 }'; }

for _ in $(seq "$(size 3 20)"); do
	# A daemon that has just begun has a worker for each processor, and one more.
	strace -f -qq -o /dev/null -e trace=msync,fdatasync -e inject=msync,fdatasync:delay_enter=200000 \
		mmfs -f -o commit=3600 "$image" "$mnt" 2>"$tmp/said.mount" &
	tracer=$!
	until mountpoint -q "$mnt"; do
		kill -0 $tracer 2>/dev/null || fail "$(cat "$tmp/said.mount")"
		sleep 0.05
	done
	before=$(syncs)
	sync_many "$mnt" $threads 1
	count=$(($(syncs) - before)) workers=$(mmfsctl stats "$mnt" | awk '$1 == "workers" { print $2 }')
	note "$threads were asked for, $count made, $workers workers"
	# Without that one more comes each 10 ms only while all of them are stuck.
	[ "$workers" -ge $((threads * 3 / 4)) ] || fail "$workers workers for $threads callers that wait for the disk"
	[ "$count" -le $((threads / 3)) ] || fail "$count syncs for $threads that were asked for at once"
	unmount "$mnt"
	wait $tracer || true
done
fsck_clean "$image"
