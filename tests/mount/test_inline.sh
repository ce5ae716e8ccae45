#!/bin/bash
# Small files, whose contents stand in the tree: through the kernel's cache and without it, by mappings, after kill -9;
# what they take; and none of it in an image that was made without.
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt"
seq 2000 >"$tmp/text"

# contents DIRECTORY: a checksum for each file.
contents() {
	(cd "$1" && sha256sum -- *)
}

note "files of every size around the bound, written at once and in pieces"
mkdir "$tmp/want" "$mnt/files"
for size in 0 1 7 8 100 510 511 512 513 600 4095 4096 4097 5000; do
	head -c $size "$tmp/text" >"$tmp/want/$size"
	head -c $size "$tmp/text" >"$mnt/files/$size"
	cp "$tmp/want/$size" "$tmp/want/pieces-$size"
	dd if="$tmp/want/$size" of="$mnt/files/pieces-$size" bs=90 status=none
done
contents "$tmp/want" >"$tmp/sums"
contents "$mnt/files" | diff "$tmp/sums" -

note "what they take: never nothing, or tar would see a hole"
expect 0 stat -c %b "$mnt/files/0"
expect 1 stat -c %b "$mnt/files/100"
expect 1 stat -c %b "$mnt/files/512"
expect 8 stat -c %b "$mnt/files/513"
tar -C "$mnt/files" --sparse -cf "$tmp/files.tar" .
mkdir "$tmp/untarred"
tar -C "$tmp/untarred" -xf "$tmp/files.tar"
contents "$tmp/untarred" | diff "$tmp/sums" -

note "mappings, direct I/O, copies"
python3 - "$mnt/files/100" "$mnt/mapped" <<'END'
import mmap, os, sys
with open(sys.argv[1], "rb") as small, mmap.mmap(small.fileno(), 0, prot=mmap.PROT_READ) as there:
    assert there[:] == small.read()
with open(sys.argv[2], "w+b") as file:
    file.write(b"a" * 300)
    file.flush()
    with mmap.mmap(file.fileno(), 300) as there:
        there[100:200] = b"b" * 100
        there.flush()
    os.fsync(file.fileno())
    assert os.pread(file.fileno(), 1000, 0) == b"a" * 100 + b"b" * 100 + b"a" * 100
    # a hole behind it, and the file is one of blocks when that is written
    os.truncate(file.fileno(), 10000)
    assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 4096
    os.pwrite(file.fileno(), b"end", 9997)
    assert os.pread(file.fileno(), 10000, 0) == b"a" * 100 + b"b" * 100 + b"a" * 100 + bytes(9697) + b"end"
END
dd if="$mnt/files/510" iflag=direct bs=4096 status=none | cmp - "$tmp/want/510"
cp "$mnt/files/511" "$mnt/copy"
cmp "$mnt/copy" "$tmp/want/511"
cp -r --reflink=never "$mnt/files" "$mnt/again"
contents "$mnt/again" | diff "$tmp/sums" -

note "after kill -9, after a clean end, without a mount"
kill_daemon "$image"
umount -l "$mnt"
mount_image "$image" "$mnt"
contents "$mnt/files" | diff "$tmp/sums" -
remount "$image" "$mnt"
contents "$mnt/again" | diff "$tmp/sums" -
unmount "$mnt"
fsck_clean "$image"
for size in 1 512 513; do mmfsctl cat "$image" "/files/$size" | cmp - "$tmp/want/$size"; done
mmfsctl dump "$image" tree | grep ' inline: ' >/dev/null || fail "nothing is inline: this test is blind"

note "an image of before has none, and can still be used with what made it"
gzip -dc "$MMFS_SOURCE/tests/image/golden/v1.img.gz" >"$tmp/old.img"
mount_image "$tmp/old.img" "$mnt"
cp -r "$tmp/want" "$mnt/files"
contents "$mnt/files" | diff "$tmp/sums" -
expect 8 stat -c %b "$mnt/files/100"
unmount "$mnt"
fsck_clean "$tmp/old.img"
! mmfsctl dump "$tmp/old.img" tree | grep ' inline: ' >/dev/null || fail "it has become one that an older version misreads"
