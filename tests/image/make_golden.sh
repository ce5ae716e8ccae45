#!/bin/bash
# Makes the golden images of a format version: tests/image/make_golden.sh NAME, once, when the format changes.
# golden/NAME.img.gz was unmounted, golden/NAME-killed.img.gz is the same image after its daemon was killed with
# synced records in the ring; golden/NAME.manifest tells what is in both. Every later version mounts them
# (test_golden.sh), or refuses them by the name of a feature.
. "$(dirname "$0")/../lib.sh"
. "$here/manifest.sh"
need_fuse
name=${1:?usage: make_golden.sh NAME}
image=$tmp/golden.img mnt=$tmp/mnt

mkfs.mmfs --journal=1M --label=golden "$image"
mount_image "$image" "$mnt"
cd "$mnt"
mkdir -p a/deep/er empty sticky
chmod 1777 sticky
: >nothing
printf x >one-byte
head -c 4096 /dev/zero | tr '\0' b >block
seq 30000 >numbers
printf end | dd of=sparse bs=1 seek=5000000000 conv=notrunc status=none
seq 20000 >punched
fallocate -p -o 8192 -l 40960 punched
fallocate -l 100000 allocated
ln numbers a/hard
ln numbers a/deep/hard-too
ln -s numbers symbolic
ln -s "$(printf 'long/%.0s' {1..800})" long-symbolic
mkfifo fifo
mknod null c 1 3
mknod disk b 8 1
touch "$(printf 'n%.0s' {1..255})" $'odd\tname \xff'
setfattr -n user.small -v value numbers
setfattr -n user.large -v "$(seq 2000 | tr '\n' ' ')" numbers
setfattr -n trusted.t -v t a
chown 1000:2000 one-byte
chmod 4751 one-byte
for i in $(seq 600); do echo "$i" >"a/deep/er/file-$i"; done
find . -depth -exec touch -h -d '2001-02-03 04:05:06.789012345 UTC' {} +
touch -d '1901-12-14 00:00:00 UTC' nothing
touch -d '2500-01-01 00:00:00.000000001 UTC' block
cd /
unmount "$mnt"
cp --sparse=always "$image" "$tmp/clean.img"

mount_image "$image" "$mnt"
manifest "$mnt" >"$here/golden/$name.manifest"
# More records than one, of every sort, that leave everything as it is; then durable, then killed.
mkdir "$mnt/more"
for i in $(seq 100); do echo "$i" >"$mnt/more/$i"; done
rm -r "$mnt/more"
touch -d '2001-02-03 04:05:06.789012345 UTC' "$mnt"
sync "$mnt"
dd of="$mnt/one-byte" if=/dev/null conv=notrunc,fsync status=none
kill_daemon "$image"
umount -l "$mnt"
gzip -9n <"$tmp/clean.img" >"$here/golden/$name.img.gz"
gzip -9n <"$image" >"$here/golden/$name-killed.img.gz"
ls -l "$here/golden"
