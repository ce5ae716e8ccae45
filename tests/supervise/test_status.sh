#!/bin/bash
# mmfsctl status: what it says of a mount, as text and as JSON, before and after its daemon was killed; and what it
# says of that which is no mount.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
nobody_setup

# value MOUNT NAME: of the JSON.
value() {
	mmfsctl status --json "$1" | jq -r ".$2"
}

note "a mount"
name=$'a "b" \xff\xc3\xa9'
image=$tmp/$name.img mnt=$tmp/$name
mount_image "$image" "$mnt" -o allow_other
expect "$(daemon_pid "$image")" value "$mnt" pid
expect "$(supervisors_of "$image")" value "$mnt" supervisor_pid
expect "$(mmfs --version | sed 's/mmfs \([^ ]*\) .*/\1/')" value "$mnt" version
expect false value "$mnt" read_only
expect 0 value "$mnt" restarts
for what in failure damage last_error; do
	expect null value "$mnt" $what
done
# Bytes that are no UTF-8 cannot be shown in JSON.
expect "$tmp/"$'a "b" \xef\xbf\xbd\xc3\xa9' value "$mnt" mountpoint
expect "$tmp/"$'a "b" \xef\xbf\xbd\xc3\xa9.img' value "$mnt" image
mkdir "$mnt/directory"
sync "$mnt/directory"
read -r sealed head tail < <(mmfsctl --json status "$mnt" | jq -r '"\(.sealed_lsn) \(.head_lsn) \(.tail_lsn)"')
[ "$tail" -le "$sealed" ] && [ "$sealed" -le "$head" ] || fail "tail $tail, sealed $sealed, head $head"
touch "$mnt/file"
[ "$(value "$mnt" head_lsn)" -gt "$head" ] || fail "a record was written, and the head is still $head"
mmfsctl status "$mnt" >"$tmp/text"
grep -q "^  state  *good$" "$tmp/text" && grep -q "^  last error  *none$" "$tmp/text" || fail "$(cat "$tmp/text")"
grep -qE "^  uptime  *0 d 00:0[0-9]:[0-9]{2}$" "$tmp/text" || fail "$(cat "$tmp/text")"
as_nobody mmfsctl status "$mnt" >/dev/null

note "after a restart"
before=$(daemon_pid "$image")
kill -KILL "$before"
expect 1 value "$mnt" restarts
expect "the daemon was ended by signal 9 (Killed)" value "$mnt" last_error
[ "$(value "$mnt" pid)" != "$before" ] || fail "the process is the one that was killed"
# (of one moment)
read -r uptime daemon_uptime < <(mmfsctl --json status "$mnt" | jq -r '"\(.uptime_seconds) \(.daemon_uptime_seconds)"')
[ "$uptime" -ge "$daemon_uptime" ] || fail "a daemon of $daemon_uptime s is older than the mount, $uptime s"

note "no mount of ours"
expect_fail 1 'no mmfs is mounted here' mmfsctl status "$mnt/directory"
expect_fail 1 'no mmfs is mounted here' mmfsctl status "$tmp"
mmfsctl status "$image" | grep -q '^  supervisor' || fail "not found by its image"
expect_fail 1 'No such file' mmfsctl status "$tmp/none"
expect_fail 2 'give an image file or a mountpoint' mmfsctl status
expect_fail 2 'no such output' mmfsctl upgrade --json "$image"
unmount "$mnt"
expect_fail 1 'no mmfs is mounted here' mmfsctl status "$mnt"

note "read-only, without a supervisor, and when that daemon is dead"
mount_image "$image" "$mnt" -o ro,supervise=no
expect true value "$mnt" read_only
expect 0 value "$mnt" supervisor_pid
mmfsctl status "$mnt" | grep -q "supervisor  *none" || fail "$(mmfsctl status "$mnt")"
kill_daemon "$image"
expect_fail 1 'the daemon of this mount has ended' mmfsctl status "$mnt"
umount "$mnt"
fsck_clean "$image"
