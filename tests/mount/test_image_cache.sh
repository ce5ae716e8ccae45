#!/bin/bash
# -o image_cache=: data that the mount has cached leaves the host's cache of the image; nothing is lost, whoever reads,
# writes and is killed meanwhile. When memory counts as short is in tests/unit/test_cache_drop.c.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt
[ "$(stat -f -c %T "$tmp")" != tmpfs ] || skip "needs a directory on a disk: $tmp is memory"

# stat_of GROUP NAME
stat_of() {
	mmfsctl stats --json "$mnt" | jq -e ".$1.$2"
}

# Waits until so many passes more have been made.
wait_drops() {
	local until=$(($(stat_of image cache_drops) + $1)) end=$((SECONDS + 60))
	while [ "$(stat_of image cache_drops)" -lt $until ]; do
		[ $SECONDS -le $end ] || fail "nothing is dropped"
		[ -z "${2:-}" ] || "$2"
		sleep 0.2
	done
}

read_some() {
	dd if="$mnt/file" of=/dev/null bs=4k count=1 iflag=direct status=none
}

mkfs.mmfs --journal=1M "$image" >/dev/null
mount_image "$image" "$mnt" -o image_cache=drop,commit=1
head -c 32M /dev/urandom >"$tmp/file"
cp "$tmp/file" "$mnt/file"
sync "$mnt/file"
# The first may have begun before all of it was written.
wait_drops 2 read_some
# The host reads ahead what somebody reads.
cached=$(fincore -b -n -o RES "$image")
[ "$cached" -le $((16 << 20)) ] || fail "$cached bytes of the image are cached"
cmp "$tmp/file" "$mnt/file"

note "the mount's own pages stay: they are read without a message"
reads=$(stat_of requests read)
cmp "$tmp/file" "$mnt/file"
reads=$(($(stat_of requests read) - reads))
[ $reads -le 10 ] || note "$reads messages: somebody has dropped caches"

note "readers and writers meanwhile, and a daemon that is killed"
seq 1 20000 >"$tmp/lines"
(while read -r line; do echo "$line"; done <"$tmp/lines" >"$mnt/lines") &
writer=$!
for i in 1 2 3 4; do
	echo 1 >/proc/sys/vm/drop_caches
	cmp "$tmp/file" "$mnt/file"
	[ $i != 2 ] || kill -KILL "$(daemon_pid "$image")"
	dd if="$tmp/file" of="$mnt/file" bs=1M count=5 skip=$((5 * i)) seek=$((5 * i)) conv=notrunc status=none
done
wait_drops 1 read_some
wait $writer
cmp "$tmp/lines" "$mnt/lines"
cmp "$tmp/file" "$mnt/file"

note "and where it is not wanted"
for options in image_cache=keep direct_io; do
	remount "$image" "$mnt" -o $options,commit=1
	cmp "$tmp/file" "$mnt/file"
	sleep 1.2
	expect 0 stat_of image cache_drops
done
expect_fail 1 "image_cache=auto.drop.keep" mmfs -o image_cache=some "$image" "$mnt"
unmount "$mnt"
fsck_clean "$image"
