#!/bin/bash
# mmfsctl stats: requests are counted by type, and go on counting when the daemon is killed; as text, JSON and for
# Prometheus.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
need_fuse
image=$tmp/a.img mnt="$tmp/m \"n\""

# requests TYPE: how many of it.
requests() {
	mmfsctl stats --json "$mnt" | jq -e ".requests.$1"
}

# counts TYPE NUMBER COMMAND...: the command costs so many requests of this type.
counts() {
	local type=$1 wanted=$2 before after
	shift 2
	before=$(requests "$type")
	"$@"
	after=$(requests "$type")
	[ $((after - before)) = "$wanted" ] || fail "'$*': $((after - before)) requests $type, not $wanted"
}

mount_image "$image" "$mnt"
counts mkdir 1 mkdir "$mnt/a"
counts mkdir 3 mkdir "$mnt/b" "$mnt/c" "$mnt/d"
counts rmdir 1 rmdir "$mnt/d"
counts symlink 1 ln -s nowhere "$mnt/l"
counts write 4 dd if=/dev/zero of="$mnt/f" bs=4096 count=4 status=none
counts fsync 1 sync "$mnt/f"
# Each question is one, too.
counts ioctl 3 mmfsctl status "$mnt" >"$tmp/status"
expect 0 requests other

note "the daemon is killed"
before=$(requests mkdir)
kill -KILL "$(daemon_pid "$image")"
expect "$before" requests mkdir
counts mkdir 1 mkdir "$mnt/e"
expect 1 jq .restarts <(mmfsctl status --json "$mnt")

note "what the image did, and memory"
before=$(mmfsctl stats --json "$mnt" | jq -e .image.journal_records)
touch "$mnt/g"
after=$(mmfsctl stats --json "$mnt" | jq -e .image.journal_records)
[ "$after" -gt "$before" ] || fail "journal_records: $before, $after"
# It cannot forget what is open; there are 8 others.
exec {one}>"$mnt/one" {two}>"$mnt/two" {three}>"$mnt/three"
known=$(mmfsctl stats --json "$mnt" | jq -e .now.known_inodes)
exec {one}>&- {two}>&- {three}>&-
[ "$known" -ge 4 ] && [ "$known" -le 11 ] || fail "the kernel knows $known inodes"

note "text and Prometheus"
mmfsctl stats "$mnt" >"$tmp/text"
grep -qx "  mkdir  *5" "$tmp/text" || fail "$(cat "$tmp/text")"
! grep -q "  setlk " "$tmp/text" || fail "a request that never came"
mmfsctl --prometheus stats "$mnt" >"$tmp/prometheus"
grep -qxF "mmfs_requests_total{mountpoint=\"$tmp/m \\\"n\\\"\",type=\"mkdir\"} 5" "$tmp/prometheus" ||
	fail "$(cat "$tmp/prometheus")"
grep -qxF '# TYPE mmfs_overlay_bytes gauge' "$tmp/prometheus"
grep -qxF '# TYPE mmfs_seals_total counter' "$tmp/prometheus"
! grep -vE '^(# (HELP|TYPE) mmfs_[a-z0-9_]+ .+|mmfs_[a-z0-9_]+\{mountpoint="([^"\\]|\\.)*"(,type="[a-z0-9_]+")?\} [0-9]+)$' \
	"$tmp/prometheus" || fail "not the format"
expect_fail 2 'no such output' mmfsctl status --prometheus "$mnt"
expect_fail 1 'no mmfs is mounted here' mmfsctl stats "$tmp"
unmount "$mnt"

note "without a supervisor"
mount_image "$image" "$mnt" -o supervise=no,threads=3
counts unlink 1 rm "$mnt/f"
expect 3 jq .now.workers <(mmfsctl stats --json "$mnt")
unmount "$mnt"
fsck_clean "$image"
