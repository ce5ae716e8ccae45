#!/bin/bash
# A large file (5 GiB; in CI 1 GiB) written and verified, and a sparse file of 1 TiB.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
helper stream
image=$tmp/a.img mnt=$tmp/mnt
mib=1048576
length=$(($(size 1024 5120) * mib))
free=$(stat -f -c '%a %S' "$tmp" | { read -r blocks block && echo $((blocks * block)); })
[ "$free" -gt $((length + 512 * mib)) ] || skip "needs $((length / mib + 512)) MiB in $tmp"
mount_image "$image" "$mnt"

started=$SECONDS
stream write "$mnt/large" 0 $length 1
note "$((length / mib)) MiB written in $((SECONDS - started)) s"
expect $length stat -c %s "$mnt/large"
stream check "$mnt/large" 0 $length 1

note "parts overwritten, across every boundary; a file twice as long with a hole"
stream write "$mnt/large" 8 $((100 * mib)) 2
stream write "$mnt/large" $((511 * mib + 4000)) $((3 * mib + 96)) 3
stream write "$mnt/large" $((2 * length)) $((5 * mib)) 4
remount "$image" "$mnt"
verify() {
	stream check "$mnt/large" 0 8 1
	stream check "$mnt/large" 8 $((100 * mib)) 2
	stream check "$mnt/large" $((100 * mib + 8)) $((411 * mib + 3992)) 1
	stream check "$mnt/large" $((511 * mib + 4000)) $((3 * mib + 96)) 3
	stream check "$mnt/large" $((514 * mib + 4096)) $((length - 514 * mib - 4096)) 1
	stream check "$mnt/large" $((2 * length)) $((5 * mib)) 4
}
verify
expect $((2 * length + 5 * mib)) stat -c %s "$mnt/large"
[ "$(host_bytes "$image")" -le $((length + 100 * mib)) ] || fail "the image takes $(host_bytes "$image") bytes"
rm "$mnt/large"

note "1 TiB, sparse"
truncate -s 1T "$mnt/sparse"
for ((at = 0; at < 1024; at += 64)); do
	stream write "$mnt/sparse" $((at * 1024 * mib + at)) 8192 $at
done
stream write "$mnt/sparse" $((1024 * 1024 * mib - 8)) 8 5
remount "$image" "$mnt"
for ((at = 0; at < 1024; at += 64)); do
	stream check "$mnt/sparse" $((at * 1024 * mib + at)) 8192 $at
done
stream check "$mnt/sparse" $((1024 * 1024 * mib - 8)) 8 5
expect $((1024 * 1024 * mib)) stat -c %s "$mnt/sparse"
[ "$(stat -c %b "$mnt/sparse")" -le 1000 ] || fail "sparse takes $(stat -c %b "$mnt/sparse") sectors"
expect 0 sh -c 'dd if="$1" bs=1M skip=5000 count=20 status=none | tr -d "\0" | wc -c' sh "$mnt/sparse"
rm "$mnt/sparse"
sync "$mnt"
unmount "$mnt"
[ "$(host_bytes "$image")" -le $((32 * mib)) ] || fail "an empty image keeps $(host_bytes "$image") bytes"
fsck_clean "$image"
