#!/bin/bash
# A host that fails to write the image (an ext4 whose own disk turns out to be full): whoever waits for an fsync is
# told, nothing is retried, errors=remount-ro reads on and errors=abort ends the daemon. What was durable before
# is there again afterwards.
. "$(dirname "$0")/../lib.sh"
. "$here/lib.sh"
need_root
need_fuse
image=$tmp/ext4/a.img mnt=$tmp/mnt

# Past the kernel's cache.
daemon_reads() {
	dd if="$1" iflag=direct bs=64K status=none
}

# A mount with a durable file and later ones, whose host has then failed an fsync.
fail_host() {
	host_thin "$tmp/ext4" 256M 48M
	mount_image "$image" "$mnt"
	head -c 1000000 /dev/urandom >"$mnt/durable"
	sync "$mnt/durable"
	cksum <"$mnt/durable" >"$tmp/sum"
	echo "not durable" >"$mnt/later"
	dd if=/dev/zero of="$mnt/large" bs=1M count=60 status=none || true
	expect_fail 1 'Input/output error|not connected|abort' sync "$mnt/large"
}

# The disk has room again: the image recovers to what was durable.
mend_host() {
	mount -o remount,size=300M "$tmp/ext4.disk"
	mmfs "$image" "$mnt" # also over a dead mount
	cksum <"$mnt/durable" | cmp - "$tmp/sum"
	echo new >"$mnt/new"
	sync "$mnt/new"
	expect new cat "$mnt/new"
	unmount "$mnt"
	fsck_clean "$image"
	host_gone "$tmp/ext4"
}

note "errors=remount-ro, the default: reading goes on, nothing is written, no later fsync lies"
fail_host
pid=$(daemon_pid "$image")
daemon_reads "$mnt/durable" | cksum | cmp - "$tmp/sum"
expect "not durable" daemon_reads "$mnt/later"
expect_fail 2 'Input/output error|Read-only' sh -c 'echo x >"$1"' sh "$mnt/other"
expect_fail 1 'Input/output error|Read-only' rm -f "$mnt/later"
expect_fail 1 'Input/output error' sync "$mnt/durable"
expect_fail 1 'Input/output error' sync "$mnt"
expect "durable large later" sh -c 'echo $(ls "$1")' sh "$mnt"
expect "$pid" daemon_pid "$image"
# Frozen: no mapping of the image can be written any more.
! grep -E "^[0-9a-f]+-[0-9a-f]+ .w.* $image\$" "/proc/$pid/maps" || fail "the image can still be written"
sum=$(sha256sum <"$image")
sleep 1
[ "$sum" = "$(sha256sum <"$image")" ] || fail "the image changed after its failure"
unmount "$mnt"
mend_host

note "errors=abort: the daemon says why and ends; its mount stays, dead"
mkdir -p "$mnt"
host_thin "$tmp/ext4" 256M 48M
mmfs -f -o errors=abort "$image" "$mnt" 2>"$tmp/daemon.said" &
daemon=$!
for _ in $(seq 100); do
	! mountpoint -q "$mnt" || break
	sleep 0.1
done
head -c 1000000 /dev/urandom >"$mnt/durable"
sync "$mnt/durable"
cksum <"$mnt/durable" >"$tmp/sum"
dd if=/dev/zero of="$mnt/large" bs=1M count=60 status=none || true
expect_fail 1 'Input/output error|not connected|abort' sync "$mnt/large"
code=0
wait "$daemon" || code=$?
[ "$code" = 2 ] || fail "the daemon ended with status $code: $(cat "$tmp/daemon.said")"
grep -q 'the image failed (.*): nothing more is written' "$tmp/daemon.said" || fail "$(cat "$tmp/daemon.said")"
grep -q 'errors=abort' "$tmp/daemon.said" || fail "$(cat "$tmp/daemon.said")"
expect_fail 2 'not connected' ls "$mnt"
mend_host

note "values"
expect_fail 1 "errors=remount-ro\|abort" mmfs -o errors=panic "$tmp/x.img" "$mnt"
