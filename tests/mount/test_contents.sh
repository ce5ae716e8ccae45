#!/bin/bash
# Contents: reading and writing in every way, sparse files, allocation, mappings, locks, running programs.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper syscalls
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt"
cd "$mnt"

note "written is read, in sizes that fit no block"
dd if=/dev/urandom of="$tmp/random" bs=1M count=20 status=none
cp "$tmp/random" whole
dd if="$tmp/random" of=pieces bs=7919 status=none
dd if="$tmp/random" of=backwards bs=4096 count=1 seek=100 skip=100 status=none
for at in 99 50 3 2 1 0; do
	dd if="$tmp/random" of=backwards bs=4096 count=1 seek=$at skip=$at conv=notrunc status=none
done
cmp "$tmp/random" whole
cmp "$tmp/random" pieces
cmp -n 16384 "$tmp/random" backwards
cmp -i 204800 -n 4096 "$tmp/random" backwards
dd if="$tmp/random" of=direct bs=1M oflag=direct status=none
dd if=direct bs=4096 iflag=direct status=none | cmp - "$tmp/random"
syscalls copy-range whole copied
cmp "$tmp/random" copied
expect_fail 1 'Invalid argument|same file' cp whole whole
rm pieces backwards direct copied

note "overwriting, appending, cutting"
printf 'abcdefghij' >small
printf 'XY' | dd of=small bs=1 seek=3 conv=notrunc status=none
expect abcXYfghij cat small
printf 'tail' >>small
expect abcXYfghijtail cat small
truncate -s 5 small
expect abcXY cat small
syscalls open-truncate small
expect 0 stat -c %s small
syscalls append lines
syscalls zeros zeros

note "sparse files, large offsets"
truncate -s 1T sparse
expect "1099511627776 0" stat -c "%s %b" sparse
printf 'end' | dd of=sparse bs=1 seek=1099511627773 conv=notrunc status=none
expect end tail -c 3 sparse
[ "$(stat -c %b sparse)" -le 16 ]
printf 'x' | dd of=sparse bs=1 seek=5000000000 conv=notrunc status=none
expect x sh -c 'dd if=sparse bs=1 skip=5000000000 count=1 status=none'
expect_fail 1 'File too large|Invalid argument|cannot' truncate -s 9223372036854775807 small
syscalls holes holes
rm sparse holes

note "allocation"
fallocate -l 10M allocated
expect 10485760 stat -c %s allocated
[ "$(stat -c %b allocated)" -ge 20480 ]
expect 0 sh -c 'tr -d "\0" <allocated | wc -c'
cp "$tmp/random" punched
fallocate -p -o 1M -l 2M punched
(dd if="$tmp/random" bs=1M count=1 && head -c 2M /dev/zero && dd if="$tmp/random" bs=1M skip=3) 2>/dev/null | cmp - punched
[ "$(stat -c %b punched)" -le $((18 * 2048 + 64)) ]
fallocate -p -o 4000000 -l 5000 punched
expect 0 sh -c 'dd if=punched bs=1 skip=4000000 count=5000 status=none | tr -d "\0" | wc -c'
fallocate -z -o 5000001 -l 100001 punched
expect 0 sh -c 'tail -c +5000002 punched | head -c 100001 | tr -d "\0" | wc -c'
cmp -i 5100002 punched "$tmp/random"
expect 20971520 stat -c %s punched
fallocate -n -l 30M punched
expect 20971520 stat -c %s punched
[ "$(stat -c %b punched)" -ge 61000 ]
expect_fail 1 'not supported' fallocate -c -o 0 -l 4096 punched
rm allocated punched

note "mappings, locks, programs"
syscalls mmap mapped
syscalls locks locked
cp /bin/true program
./program
cp /bin/echo program
expect "runs from here" ./program runs from here

note "what fsync promised, and the rest, after a remount"
sync whole
cd /
cp "$mnt/mapped" "$tmp/mapped"
remount "$image" "$mnt"
cmp "$tmp/random" "$mnt/whole"
cmp "$tmp/mapped" "$mnt/mapped"
expect "runs from here" "$mnt/program" runs from here
unmount "$mnt"
fsck_clean "$image"
