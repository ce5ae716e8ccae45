#!/bin/bash
# mmfsctl on a mount, and on the image behind it: compact under load and when it is killed, trim, limit, grow, label,
# sync, info; an image that shrinks by itself; who may.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper moment
image=$tmp/a.img mnt=$tmp/mnt
mib=1048576

bytes_long() {
	stat -c %s "$image"
}

within() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "$what: $(bytes_long) bytes long, $(host_bytes "$image") of the host"
		sleep 0.2
	done
}

shorter_than() {
	[ "$(bytes_long)" -lt "$1" ]
}

steps_done() {
	[ -s "$tmp/log" ] && od -An -N8 -tu8 "$tmp/log" | tr -d ' '
}

note "compact under load"
mount_image "$image" "$mnt" -o commit=1
fallocate -l 150M "$mnt/first"
mkdir "$mnt/load"
moment write "$mnt/load" "$tmp/log" &
load=$!
until [ "$(steps_done || echo 0)" -gt 300 ]; do sleep 0.05; done
head -c 10000000 /dev/urandom >"$mnt/last"
cksum <"$mnt/last" >"$tmp/sum"
rm "$mnt/first"
long=$(bytes_long)
mmfsctl compact --json "$image" >"$tmp/told"
[ "$(jq .moved_bytes "$tmp/told")" -ge 10000000 ] || fail "$(cat "$tmp/told")"
shorter_than $((long - 100 * mib)) || fail "$long bytes became $(bytes_long): $(cat "$tmp/told")"
kill -0 "$load" || fail "the load has ended"
cksum <"$mnt/last" | cmp - "$tmp/sum"

note "killed while it compacts, again and again; nothing is lost"
for i in $(seq "$(size 3 50)"); do
	fallocate -l 80M "$mnt/first"
	head -c 3000000 /dev/urandom >"$mnt/last.$i"
	cksum <"$mnt/last.$i" >"$tmp/sum.$i"
	rm "$mnt/first"
	mmfsctl compact "$mnt" >/dev/null 2>&1 &
	sleep "0.0$((RANDOM % 9 + 1))"
	kill -KILL "$(daemon_pid "$image")"
	wait $! || note "mmfsctl: status $?"
	cksum <"$mnt/last.$i" | cmp - "$tmp/sum.$i"
done
kill -0 "$load" || fail "the load has ended"
kill "$load"
wait "$load" || true
# it may have been killed in the midst of a step
moment check "$mnt/load" "$(steps_done)" $(($(steps_done) + 1)) >/dev/null
unmount "$mnt"
fsck_clean "$image"
mount_image "$image" "$mnt"
cksum <"$mnt/last" | cmp - "$tmp/sum"
moment check "$mnt/load" "$(steps_done)" $(($(steps_done) + 1)) >/dev/null

note "by itself: deleted files give their space back, and the file gets shorter"
fallocate -l 200M "$mnt/first"
long=$(bytes_long)
rm "$mnt/first"
within 40 "deleting 200 MiB" shorter_than $((long - 150 * mib))
[ "$(host_bytes "$image")" -lt $((long - 150 * mib)) ] || fail "$(host_bytes "$image") bytes of the host"

note "unmounted"
fallocate -l 100M "$mnt/first"
echo behind >"$mnt/behind"
head -c 5000000 /dev/urandom >"$mnt/last"
cksum <"$mnt/last" >"$tmp/sum"
rm "$mnt/first"
unmount "$mnt"
mmfsctl compact "$image" | grep -Eq 'moved [0-9]+ KiB, size from [0-9]+ to [0-9]+ KiB'
shorter_than $((90 * mib)) || fail "$(bytes_long) bytes long"
fsck_clean "$image"
mmfsctl trim --json "$image" | jq -e '.trimmed_bytes >= 0' >/dev/null
mount_image "$image" "$mnt"
cksum <"$mnt/last" | cmp - "$tmp/sum"

note "limit, label, sync, trim, grow: of the mount and of the image that it serves"
expect none mmfsctl limit "$mnt"
expect_fail 1 'reaches to [0-9]+ KiB; move what lies at its end with .mmfsctl compact' mmfsctl limit "$mnt" 20M
mmfsctl limit "$image" 150M
expect 157286400 mmfsctl limit "$mnt"
expect_fail 1 'No space left' fallocate -l 200M "$mnt/first"
rm -f "$mnt/first"
mmfsctl limit "$mnt" none
fallocate -l 200M "$mnt/first"
mmfsctl label "$mnt" "while mounted"
expect "while mounted" mmfsctl label "$image"
expect_fail 1 'longer than 63' mmfsctl label "$mnt" "$(printf '%064d' 0)"
mmfsctl sync "$mnt"
mmfsctl sync "$image"
mmfsctl grow "$mnt" | grep -q 'grows by itself'
mmfsctl trim "$image" | grep -Eq ': [0-9]+ bytes given back'
expect "mounted $mnt" sh -c 'mmfsctl info --json "$1" | jq -r ".state, .mountpoint" | tr "\n" " " | sed "s/ $//"' sh "$image"
mmfsctl stats "$image" | grep -q journal_used
expect_fail 1 'its blocks change while they are read' mmfsctl dump "$image"
expect_fail 2 'not a size|wrong' sh -c 'mmfsctl limit "$1" nonsense || exit 2' sh "$mnt"
unmount "$mnt"
expect "while mounted" mmfsctl label "$image"
expect_fail 1 'not mounted here' mmfsctl stats "$image"
fsck_clean "$image"

note "what sync returned from survives a power cut"
mount_image "$image" "$mnt" -o commit=600
echo durable >"$mnt/durable"
mmfsctl sync "$mnt"
echo perhaps >"$mnt/perhaps"
kill_daemon "$image"
umount -l "$mnt"
mount_image "$image" "$mnt" -o recover=cold
expect durable cat "$mnt/durable"
[ ! -e "$mnt/perhaps" ] || fail "a cold recovery kept what was not sealed"

note "a mount that is read-only is not changed"
remount "$image" "$mnt" -o ro
expect_fail 1 'mounted read-only at .*: nothing can be changed' mmfsctl compact "$image"
expect_fail 1 'mounted read-only' mmfsctl label "$mnt" x
expect "mounted read-only" sh -c 'mmfsctl info --json "$1" | jq -r .state' sh "$mnt"
expect durable mmfsctl cat "$image" durable
unmount "$mnt"

note "who may"
nobody_setup
mount_image "$image" "$mnt" -o allow_other
as_nobody mmfsctl info "$mnt" >/dev/null
as_nobody mmfsctl sync "$mnt"
expect_fail 1 'only root and the user who mounted it may' as_nobody mmfsctl trim "$mnt"
expect_fail 1 'only root and the user who mounted it may' as_nobody mmfsctl label "$mnt" x
expect_fail 1 'only root and the user who mounted it may' as_nobody mmfsctl backup "$mnt" "$tmp/nobody/copy.img"
unmount "$mnt"
as_nobody mkdir "$tmp/nobody/mnt"
as_nobody mmfs "$tmp/nobody/own.img" "$tmp/nobody/mnt"
as_nobody mmfsctl compact "$tmp/nobody/own.img" >/dev/null
as_nobody mmfsctl backup "$tmp/nobody/mnt" "$tmp/nobody/copy.img" >/dev/null
expect_fail 1 'mounted at .* by the user nobody, who alone' mmfsctl sync "$tmp/nobody/own.img"
fsck_clean "$tmp/nobody/copy.img"
unmount "$tmp/nobody/mnt"
