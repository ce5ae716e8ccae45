#!/bin/bash
# -o scratch where the host promises no more memory than it has (vm.overcommit_memory=2): several mounts of one
# image, each of which takes what it needs. With the plain build: a sanitizer's own memory is promised nowhere.
export MMFS_BUILD
MMFS_BUILD=$(cd "$(dirname "$0")/../.." && pwd)/build-plain
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img
vm=/proc/sys/vm

promised_kib() {
	sed -n 's/^Committed_AS: *\([0-9]*\) kB$/\1/p' /proc/meminfo
}

read -r memory <$vm/overcommit_memory
read -r ratio <$vm/overcommit_ratio
read -r kib <$vm/overcommit_kbytes
# ratio and kbytes set each other to 0.
restore() {
	echo "$memory" >$vm/overcommit_memory
	if [ "$kib" != 0 ]; then
		echo "$kib" >$vm/overcommit_kbytes
	else
		echo "$ratio" >$vm/overcommit_ratio
	fi
}
trap 'saved=$?; set +eE; restore; (exit $saved); cleanup' EXIT

mkfs.mmfs -q --journal 1M "$image"
mmfsctl put "$image" "$MMFS_SOURCE/tests/unit" /
sum=$(cksum <"$image")
before=$(promised_kib)
# Enough for whatever else runs here: what is looked at is how much is taken.
if ! { echo $((before + 4194304)) >$vm/overcommit_kbytes && echo 2 >$vm/overcommit_memory; } 2>"$tmp/said"; then
	fail "vm.overcommit_memory cannot be set: $(cat "$tmp/said")"
fi
expect 2 cat $vm/overcommit_memory

for i in 1 2 3; do
	mount_image "$image" "$tmp/mnt$i" -o scratch
	head -c 30000000 /dev/zero | tr '\0' $i >"$tmp/mnt$i/new"
	rm -r "$tmp/mnt$i/unit"
done
taken=$(($(promised_kib) - before))
note "three mounts with 30 MB each take $((taken / 1024)) MiB"
[ $taken -lt 1500000 ] || fail "$taken KiB"
for i in 1 2 3; do
	expect "$i" sh -c 'tail -c 1 "$1"' sh "$tmp/mnt$i/new"
	unmount "$tmp/mnt$i"
done
[ "$sum" = "$(cksum <"$image")" ] || fail "the image has changed"

note "a mount for writing"
mount_image "$image" "$tmp/mnt"
cp -a "$tmp/mnt/unit" "$tmp/mnt/again"
diff -r "$MMFS_SOURCE/tests/unit" "$tmp/mnt/again"
unmount "$tmp/mnt"
restore
fsck_clean "$image"
