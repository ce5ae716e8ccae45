#!/bin/bash
# Every way of asking for durability makes a file durable before it returns: with the periodic sync an hour away, the image
# is copied right after the call, and a cold recovery of the copy, which believes only what was made durable, has it.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper synced
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt" -o commit=3600
cd "$mnt"

for mode in O_SYNC O_DSYNC RWF_DSYNC fsync fdatasync msync directory; do
	synced $mode $mode
	cp --sparse=always "$image" "$tmp/$mode.img"
done

note "a rename over another file is durable by one fsync"
echo old >name
echo new >name.new
sync name.new
mv name.new name
sync name
cp --sparse=always "$image" "$tmp/rename.img"
cd /
unmount "$mnt"

for mode in O_SYNC O_DSYNC RWF_DSYNC fsync fdatasync msync directory; do
	mount_image "$tmp/$mode.img" "$mnt" -o recover=cold,ro
	expect $mode cat "$mnt/$mode"
	unmount "$mnt"
done
mount_image "$tmp/rename.img" "$mnt" -o recover=cold,ro
expect new cat "$mnt/name"
[ ! -e "$mnt/name.new" ]
unmount "$mnt"
fsck_clean "$tmp/rename.img"
fsck_clean "$image"
