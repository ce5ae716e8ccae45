#!/bin/bash
# 100,000 files in one directory, listed again and again while most of them are removed.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
helper directory
image=$tmp/a.img mnt=$tmp/mnt
count=100000
mount_image "$image" "$mnt"
mkdir "$mnt/many"
started=$SECONDS
directory make "$mnt/many" $count
note "made in $((SECONDS - started)) s"
expect $count sh -c 'ls -U "$1" | wc -l' sh "$mnt/many"
remount "$image" "$mnt"
started=$SECONDS
expect $count sh -c 'find "$1" -type f | wc -l' sh "$mnt/many"
note "found in $((SECONDS - started)) s"
started=$SECONDS
directory remove "$mnt/many" $count
note "removed in $((SECONDS - started)) s"
remount "$image" "$mnt"
expect $((count / 10)) sh -c 'ls -U "$1" | wc -l' sh "$mnt/many"
unmount "$mnt"
fsck_clean "$image"
mount_image "$image" "$mnt"
rm -r "$mnt/many"
expect "" ls -A "$mnt"
unmount "$mnt"
fsck_clean "$image"
[ "$(host_bytes "$image")" -le $((24 * 1048576)) ] || fail "an empty image keeps $(host_bytes "$image") bytes"
