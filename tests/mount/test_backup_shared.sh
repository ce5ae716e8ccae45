#!/bin/bash
# mmfsctl backup on XFS, which shares blocks between files: the copy takes none of the host's, and holds what a copy
# made byte by byte does. And of a scratch mount, whose image is not what it shows.
. "$(dirname "$0")/../lib.sh"
. "$MMFS_SOURCE/tests/host/lib.sh"
need_fuse
host=$tmp/host mnt=$tmp/mnt
image=$host/a.img

# Blocks of a file that lie on the host's disk, and those of them that another file has, too.
blocks_of() {
	sync "$1"
	filefrag -b4096 -v "$1" | awk -F: '/^ +[0-9]+:/ { all += $4; if (/shared/) shared += $4 } END { print all + 0, shared + 0 }'
}

# same_files A B: all files of two images, with every attribute.
same_files() {
	mmfsctl export "$1" | cksum >"$tmp/sum-a"
	mmfsctl export "$2" | cksum >"$tmp/sum-b"
	cmp "$tmp/sum-a" "$tmp/sum-b" || fail "$1 and $2 differ"
}

host_can xfs || skip "this kernel has no xfs"
host_make xfs "$host" 400M
[ "$(xfs_info "$host" | grep -c reflink=1)" = 1 ] || fail "mkfs.xfs makes no shared blocks"
mount_image "$image" "$mnt"
head -c 40000000 /dev/urandom >"$mnt/large"
cp -a "$MMFS_SOURCE/tests/unit" "$mnt"
setfattr -n user.test -v value "$mnt/unit"
sync "$mnt"

note "shared with the image"
mmfsctl backup --json "$mnt" "$host/shared.img" >"$tmp/told"
expect true jq .cloned "$tmp/told"
read -r all shared < <(blocks_of "$host/shared.img")
[ "$shared" -ge 9700 ] || fail "$shared blocks of $all are shared; the file alone has 9766"
[ $((all - shared)) -le 6000 ] || fail "$((all - shared)) blocks of its own: the journal has 4096"
note "$shared of $all blocks are shared, $((all - shared)) its own"

note "not shared: on another filesystem"
mmfsctl backup --json "$mnt" "$tmp/copied.img" >"$tmp/told"
expect false jq .cloned "$tmp/told"
[ "$(jq .copied_bytes "$tmp/told")" -ge 40000000 ] || fail "$(cat "$tmp/told")"
for copy in "$host/shared.img" "$tmp/copied.img"; do
	fsck_clean "$copy"
	same_files "$mnt" "$copy"
done

note "each goes its own way from there"
head -c 4000000 /dev/zero | tr '\0' z >"$tmp/other"
dd if="$tmp/other" of="$mnt/large" bs=1M conv=notrunc,fsync status=none
mount_image "$host/shared.img" "$tmp/second"
rm "$tmp/second/unit"/*
dd if="$tmp/other" of="$tmp/second/large" bs=1M seek=20 conv=notrunc,fsync status=none
unmount "$tmp/second"
cmp -n 4000000 "$tmp/other" "$mnt/large"
diff -r "$MMFS_SOURCE/tests/unit" "$mnt/unit"
mount_image "$tmp/copied.img" "$tmp/second"
dd if="$tmp/other" of="$tmp/second/large" bs=1M conv=notrunc status=none
cmp "$tmp/second/large" "$mnt/large"
unmount "$tmp/second"
unmount "$mnt"
fsck_clean "$image"
fsck_clean "$host/shared.img"

note "of a scratch mount: what it shows, not what is in the file"
before=$(cksum <"$image")
mount_image "$image" "$mnt" -o scratch
rm -r "$mnt/unit"
echo scratch >"$mnt/new"
dd if="$tmp/other" of="$mnt/large" bs=1M seek=10 conv=notrunc status=none
mmfsctl backup --json "$mnt" "$host/scratch.img" >"$tmp/told"
expect false jq .cloned "$tmp/told"
fsck_clean "$host/scratch.img"
mount_image "$host/scratch.img" "$tmp/second"
diff -r "$mnt" "$tmp/second"
expect scratch cat "$tmp/second/new"
unmount "$tmp/second"
unmount "$mnt"
[ "$before" = "$(cksum <"$image")" ] || fail "the image has changed"
host_gone "$host"
