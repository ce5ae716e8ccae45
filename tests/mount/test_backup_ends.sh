#!/bin/bash
# What ends a backup of a mount in its middle leaves a whole copy or none, and the mount goes on: the daemon is killed,
# with and without a supervisor; Ctrl-C.
. "$(dirname "$0")/../lib.sh"
need_fuse
command -v strace >/dev/null || skip "needs strace"
mnt=$tmp/mnt
image=$tmp/a.img

fill() {
	head -c 20000000 /dev/urandom >"$mnt/large"
	cp -a "$MMFS_SOURCE/tests/unit" "$mnt"
	sync "$mnt"
}

# begin_slowly: a backup, into $tmp/copy.img, that waits at each write into the copy; goes on when there were some.
begin_slowly() {
	: >"$tmp/trace"
	strace -f -qq -o "$tmp/trace" -p "$(daemon_pid "$image")" -e trace=pwrite64 \
		-e inject=pwrite64:delay_enter=300000:when=3+ 2>"$tmp/strace" &
	tracer=$!
	until grep -q 'TracerPid:.*[1-9]' "/proc/$(daemon_pid "$image")/status"; do
		kill -0 $tracer || fail "$(cat "$tmp/strace")"
		sleep 0.02
	done
	# a shell lets what is in its background ignore Ctrl-C
	env --default-signal=INT mmfsctl backup "$mnt" "$tmp/copy.img" >"$tmp/told" 2>"$tmp/said" &
	backup=$!
	until [ "$(grep -c pwrite64 "$tmp/trace")" -ge 3 ]; do
		kill -0 $backup || fail "too fast: $(cat "$tmp/said")"
		sleep 0.02
	done
}

# ended: sets $code to the backup's status.
ended() {
	code=0
	wait $backup || code=$?
	kill $tracer 2>/dev/null || true
	wait $tracer || true
}

no_copy() {
	expect "" find "$tmp" -maxdepth 1 -name 'copy.img*'
}

whole_copy() {
	fsck_clean "$tmp/copy.img"
	mount_image "$tmp/copy.img" "$tmp/copy" -o ro
	diff -r "$mnt" "$tmp/copy"
	unmount "$tmp/copy"
	rm "$tmp/copy.img"
}

goes_on() {
	echo "$1" >"$mnt/after"
	sync "$mnt/after"
	mmfsctl backup --force "$mnt" "$tmp/copy.img" >"$tmp/told"
	whole_copy
}

note "Ctrl-C"
mount_image "$image" "$mnt"
fill
begin_slowly
kill -INT $backup
ended
[ $code = 1 ] || fail "status $code"
grep -q 'stopped by a signal' "$tmp/said" || fail "$(cat "$tmp/said")"
no_copy
goes_on interrupted

note "the daemon is killed, and another one goes on"
begin_slowly
kill -KILL "$(daemon_pid "$image")"
ended
if [ $code = 0 ]; then
	whole_copy
else
	no_copy
	note "no copy: $(cat "$tmp/said")"
fi
goes_on killed
expect 1 sh -c 'mmfsctl status --json "$1" | jq .restarts' sh "$mnt"
unmount "$mnt"
fsck_clean "$image"

note "the daemon is killed, and there is no other"
mount_image "$image" "$mnt" -o supervise=no
begin_slowly
kill -KILL "$(daemon_pid "$image")"
ended
[ $code = 1 ] || fail "status $code: $(cat "$tmp/told")"
no_copy
umount -l "$mnt"
mount_image "$image" "$mnt"
goes_on again
unmount "$mnt"
fsck_clean "$image"
