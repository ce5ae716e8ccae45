#!/bin/bash
# -o writeback: the kernel collects writes. Sizes, times, appends, set-id bits and flags are as without it; what it has
# not yet written outlives the daemon; writeback settings of the mount.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt" -o writeback,allow_other
chmod 777 "$mnt"

# writes: how many WRITE requests there were.
writes() {
	mmfsctl stats --json "$mnt" | jq -e .requests.write
}

note "many small writes are few requests, and all there once the file is closed"
before=$(writes)
seq 1 20000 | dd of="$mnt/small" bs=100 iflag=fullblock status=none
after=$(writes)
[ $((after - before)) -le 8 ] || fail "$((after - before)) requests"
expect "$(seq 1 20000 | sha256sum)" sh -c 'sha256sum <"$1"' sh "$mnt/small"

note "parts of pages, through a descriptor that cannot read"
head -c 10000 /dev/zero | tr '\0' a >"$mnt/part"
sync "$mnt/part"
echo 3 >/proc/sys/vm/drop_caches
before=$(stat -c %x "$mnt/part")
printf XY | dd of="$mnt/part" bs=1 seek=5000 conv=notrunc status=none
expect aXYa sh -c 'dd if="$1" bs=1 skip=4999 count=4 status=none' sh "$mnt/part"
expect 10000 stat -c %s "$mnt/part"

note "times are those of the writes, and of utimensat, after a remount too"
exec {file}>"$mnt/times"
echo one >&$file
sleep 0.1
touch "$mnt/marker"
exec {file}>&-
[ "$mnt/times" -ot "$mnt/marker" ] || fail "the time of the close"
echo old >"$mnt/old"
touch -d '2001-02-03 04:05:06.789' "$mnt/old"
before=$(cd "$mnt" && stat -c '%n %s %y %z' times old small part)
remount "$image" "$mnt" -o writeback,allow_other
expect "$before" sh -c 'cd "$1" && stat -c "%n %s %y %z" times old small part' sh "$mnt"

note "appends by several"
for i in 1 2 3; do
	for ((j = 0; j < 200; j++)); do echo "$i $j"; done >>"$mnt/log" &
done
wait
expect 600 sh -c 'sort -u "$1" | wc -l' sh "$mnt/log"

note "set-id bits go with a write by another"
install -m 6777 /dev/null "$mnt/program"
nobody_setup
as_nobody sh -c "echo text >>$mnt/program"
expect 777 stat -c %a "$mnt/program"

note "what is written before a file becomes immutable stays, and nothing after that"
exec {file}>"$mnt/guarded"
echo before >&$file
chattr +i "$mnt/guarded"
exec {file}>&-
expect before cat "$mnt/guarded"
remount "$image" "$mnt" -o writeback,allow_other
expect before cat "$mnt/guarded"
expect_fail 2 'not permitted' sh -c "echo after >>$mnt/guarded"
chattr -i "$mnt/guarded"

note "the daemon dies, and what it never saw is not lost"
exec {file}>"$mnt/late"
seq 1 5000 >&$file
kill -KILL "$(daemon_pid "$image")"
seq 5001 9000 >&$file
exec {file}>&-
expect "$(seq 1 9000 | sha256sum)" sh -c 'sha256sum <"$1"' sh "$mnt/late"
sync "$mnt/late"
kill -KILL "$(daemon_pid "$image")"
echo 3 >/proc/sys/vm/drop_caches
expect "$(seq 1 9000 | sha256sum)" sh -c 'sha256sum <"$1"' sh "$mnt/late"

note "a mapped file, and a hole"
truncate -s 1M "$mnt/hole"
printf end | dd of="$mnt/hole" bs=1 seek=900000 conv=notrunc,fsync status=none
[ "$(stat -c %b "$mnt/hole")" -le 16 ] || fail "no hole"

bdi=/sys/class/bdi/0:$(stat -c %d "$mnt")
expect 0 cat "$bdi/strict_limit"
expect 50 cat "$bdi/max_ratio"
unmount "$mnt"
fsck_clean "$image"
