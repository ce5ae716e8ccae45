#!/bin/bash
# -o scratch where the host promises no more memory than it has (vm.overcommit_memory=2): several mounts of one
# image, each of which takes what it needs. With the plain build: a sanitizer's own memory is promised nowhere.
export MMFS_BUILD
MMFS_BUILD=$(cd "$(dirname "$0")/../.." && pwd)/build-plain
. "$(dirname "$0")/../lib.sh"
need_fuse
# All of the machine goes by that setting meanwhile.
full || { note "in full only: it changes vm.overcommit_memory" && exit 0; }
image=$tmp/a.img
vm=/proc/sys/vm

# KiB that are promised to a process: its mappings with the flag "ac".
promised_kib() {
	awk '/^Size:/ { size = $2 } /^VmFlags:.* ac( |$)/ { sum += size } END { print sum + 0 }' "/proc/$1/smaps"
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
# 100 TiB: enough for whatever else runs here. What is looked at is how much of it is taken.
if ! { echo $((100 << 30)) >$vm/overcommit_kbytes && echo 2 >$vm/overcommit_memory; } 2>"$tmp/said"; then
	fail "vm.overcommit_memory cannot be set: $(cat "$tmp/said")"
fi
expect 2 cat $vm/overcommit_memory

for i in 1 2 3; do
	mount_image "$image" "$tmp/mnt$i" -o scratch
	head -c 30000000 /dev/zero | tr '\0' $i >"$tmp/mnt$i/new"
	rm -r "$tmp/mnt$i/unit"
done
for pid in $(daemons_of "$image"); do
	taken=$(promised_kib "$pid")
	note "a mount with 30 MB takes $((taken / 1024)) MiB"
	[ "$taken" -gt 30000 ] || fail "$taken KiB: this test is blind"
	[ "$taken" -lt 500000 ] || fail "$taken KiB"
done
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
