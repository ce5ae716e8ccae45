#!/bin/bash
# Growth of the image is durable before it is used (R13), though only its last page is synced for that and none of
# the data: as soon as a store has grown, the disk of the host is copied as it is. In a host mounted from that copy
# the image has its new size; what was made longer after it without a sync (the control) has not.
. "$(dirname "$0")/../lib.sh"
. "$here/lib.sh"
from=$((24 << 20)) to=$((96 << 20))

# The size of a file in the host that comes up from the copy.
size_after_cut() {
	local options=loop
	[ "$kind" != xfs ] || options+=,nouuid
	mount -t "$kind" -o "$options" "$tmp/cut.img" "$tmp/cut"
	stat -c %s "$tmp/cut/$1"
	umount "$tmp/cut"
}

mkdir "$tmp/cut"
for kind in ext4 xfs btrfs; do
	host_can "$kind" || fail "this kernel cannot mount $kind"
	note "$kind"
	host=$tmp/host.$kind
	host_make "$kind" "$host" 600M
	# The host is not to commit by itself meanwhile, as xfs does each 30 s.
	[ "$kind" = xfs ] || mount -o remount,commit=300 "$host"
	echo >"$host/control"
	sync -f "$host"
	"$MMFS_BUILD/tests/grow" "$host/a.img" $from $to
	truncate -s $to "$host/control"
	cp --sparse=always "$host.img" "$tmp/cut.img"
	expect $to size_after_cut a.img
	expect 1 size_after_cut control
	host_gone "$host"
	rm "$tmp/cut.img"
done
