#!/bin/bash
# mmfsctl: everything that dump can print, of a whole image and of damaged ones.
. "$(dirname "$0")/../lib.sh"

# says REGEX COMMAND...: it succeeds and prints such a line.
says() {
	local regex=$1
	shift
	"$@" >"$tmp/said" || fail "$*: status $?"
	grep -Eq -- "$regex" "$tmp/said" || { cat "$tmp/said" >&2; fail "$*: no line like '$regex'"; }
}

image=$tmp/a.img
mkfs.mmfs -q --journal=1M --label=dumped "$image"
sum=$(cksum <"$image")

note "a whole image"
says '"dumped"' mmfsctl info "$image"
says 'state +clean' mmfsctl info "$image"
says '^superblock slot 0' mmfsctl dump "$image" super
says '^superblock slot 1' mmfsctl dump "$image" super
says 'this one counts' mmfsctl dump "$image" super
says 'magic +"mmfs\\x0d\\x0a\\x1a\\x0a"' mmfsctl dump "$image" super
says '^ring: 1048576 bytes' mmfsctl dump "$image" ring
says 'the end \(' mmfsctl dump "$image" ring
says '^roots block 273' mmfsctl dump "$image" roots
says ' inodes +1$' mmfsctl dump "$image" roots
root=$(mmfsctl dump "$image" roots | sed -n 's/.*tree 0 (files): root block \([0-9]*\),.*/\1/p')
says "^node $root of tree 0 \(files\), level 0" mmfsctl dump "$image" node "$root"
says '\(1, 1, 0\) inode: mode 040755' mmfsctl dump "$image" node "$root"
says '\(1, 1, 0\) inode: mode 040755' mmfsctl dump "$image" tree
says '\(1, 1, 0\) inode: mode 040755' mmfsctl dump "$image" inode 1
says "metadata, 3 blocks in use: 272..27[34]" mmfsctl dump "$image" map 0
says '^0000000000  6d 6d 66 73 0d 0a 1a 0a  01 00 00 00 00 10 00 00  \|mmfs' mmfsctl dump "$image" block 0
says '^superblock slot 0' mmfsctl dump "$image"
says '^roots block' mmfsctl dump "$image"
says '^ring:' mmfsctl dump "$image"
[ "$sum" = "$(cksum <"$image")" ] || fail "looking changed the image"

note "what is not there"
expect_fail 1 'past its end' mmfsctl dump "$image" block 99999999
expect_fail 1 'block 5' mmfsctl dump "$image" node 5
expect_fail 1 'block' mmfsctl dump "$image" map 9
expect_fail 1 'no zone' mmfsctl dump "$image" map 99999999999
expect_fail 1 'no such file' mmfsctl info "$tmp/none.img"
expect_fail 2 'help' mmfsctl
expect_fail 2 'no command' mmfsctl nonsense
expect_fail 2 'nothing to dump' mmfsctl dump "$image" nonsense
expect_fail 2 'missing' mmfsctl dump "$image" node
expect_fail 2 'not a number' mmfsctl dump "$image" node x1
expect_fail 2 'too many' mmfsctl dump "$image" super 1
[ ! -e "$tmp/none.img" ] || fail "it made an image"

note "what an unfinished repair leaves"
helper poke
cp "$image" "$tmp/unfinished.img"
says ' salvage +0$' mmfsctl dump "$image" roots
says ' rebuilt +0$' mmfsctl dump "$image" map 0
poke "$tmp/unfinished.img" block 273 80 01
poke "$tmp/unfinished.img" block 272 56 01
says ' salvage +1$' mmfsctl dump "$tmp/unfinished.img" roots
says ' rebuilt +1$' mmfsctl dump "$tmp/unfinished.img" map 0

note "damaged: roots gone, superblock and ring are still printed"
cp "$image" "$tmp/roots.img"
head -c 4096 /dev/zero | dd of="$tmp/roots.img" bs=4096 seek=273 conv=notrunc status=none
says '^superblock slot 0' mmfsctl dump "$tmp/roots.img" super
says '^ring:' mmfsctl dump "$tmp/roots.img" ring
says '^0000273|^0000111000' mmfsctl dump "$tmp/roots.img" block 273
expect_fail 1 'roots|block 273' mmfsctl dump "$tmp/roots.img" roots
expect_fail 1 '.' mmfsctl dump "$tmp/roots.img" tree
says "^node $root" mmfsctl dump "$tmp/roots.img" node "$root"

note "damaged: both superblock slots"
cp "$image" "$tmp/super.img"
for slot in 0 1; do
	printf zzzz | dd of="$tmp/super.img" bs=1 seek=$((slot * 4096 + 1000)) conv=notrunc status=none
done
says 'superblock slot 0: damaged' mmfsctl dump "$tmp/super.img" super
expect_fail 1 'superblock' mmfsctl dump "$tmp/super.img" ring
expect_fail 1 'superblock' mmfsctl info "$tmp/super.img"

note "an image that was not unmounted: the ring has records, and the tree is recovered in memory"
need_fuse
mount_image "$tmp/dirty.img" "$tmp/mnt"
mkdir "$tmp/mnt/directory"
echo text >"$tmp/mnt/directory/file"
seq 1000 >"$tmp/mnt/directory/numbers"
ln -s /target "$tmp/mnt/link"
sync "$tmp/mnt/directory/numbers"
kill_daemon "$tmp/dirty.img"
umount -l "$tmp/mnt"
says 'state +not unmounted' mmfsctl info "$tmp/dirty.img"
says 'REDO, [0-9]+ bytes' mmfsctl dump "$tmp/dirty.img" ring
says 'name: "directory" inode' mmfsctl dump "$tmp/dirty.img" tree
says 'symlink: "/target"' mmfsctl dump "$tmp/dirty.img" tree
says 'extent: blocks 0..0 at' mmfsctl dump "$tmp/dirty.img" tree
says '^    inline +5 bytes' mmfsctl dump "$tmp/dirty.img" tree
says '^0000000000  74 65 78 74 0a  .*text' mmfsctl dump "$tmp/dirty.img" tree
says 'incompatible 0x3$' mmfsctl dump "$tmp/dirty.img" super
