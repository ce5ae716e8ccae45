#!/bin/bash
# The daemon is killed at each point on the way of a request of each kind: the call gives what it should, and is done
# exactly once.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
need_fuse
helper exactly
ninja -C "$MMFS_BUILD" tests/mmfs-points >"$tmp/build" 2>&1 || { tail "$tmp/build"; fail "cannot build mmfs-points"; }
cp "$MMFS_BUILD/tests/mmfs-points" "$tmp/bin/mmfs"
PATH=$tmp/bin:$PATH
export MMFS_POINT_FILE=$tmp/orders
image=$tmp/a.img mnt=$tmp/mnt

note "each kind at each point"
mount_image "$image" "$mnt"
mkdir "$mnt/d"
(cd "$mnt/d" && exactly "$tmp/orders" "$(size some all)")
expect "" ls -A "$mnt/d"
unmount "$mnt"
fsck_clean "$image"
