#!/bin/bash
# mmfs-static in a root directory that has nothing else, as on a machine with another libc or none: it mounts, keeps
# the mount when its daemon is killed, checks and looks into images.
. "$(dirname "$0")/../lib.sh"
need_fuse
ninja -C "$MMFS_BUILD" mmfs-static >"$tmp/build.log" 2>&1 || fail "$(tail -n 30 "$tmp/build.log")"
program=$MMFS_BUILD/mmfs-static
! readelf -d "$program" | grep NEEDED || fail "it needs libraries"

root=$tmp/root
mkdir -p "$root"/{dev,proc,images,mnt,etc}
install "$program" "$root/mmfs-static"
mknod -m 666 "$root/dev/fuse" c 10 229
mknod -m 666 "$root/dev/null" c 1 3
mount -t proc proc "$root/proc"

inside() {
	chroot "$root" "$@"
}

note "every program of it, by its argument and by its name"
inside /mmfs-static mkfs.mmfs --label box /images/a.img
inside /mmfs-static fsck.mmfs -n /images/a.img
ln "$root/mmfs-static" "$root/mmfsctl"
inside /mmfsctl info /images/a.img >"$tmp/info"
grep -q box "$tmp/info" || fail "no label in: $(cat "$tmp/info")"
for name in mkfs.mmfs fsck.mmfs mmfsctl; do
	inside /mmfs-static "$name" --help >"$tmp/help"
	grep -q "$name" "$tmp/help" || fail "$name --help: $(cat "$tmp/help")"
done
inside /mmfs-static --help >"$tmp/help"
grep -q "MOUNTPOINT" "$tmp/help" || fail "--help: $(cat "$tmp/help")"

note "a mount, that goes on when its daemon is killed"
inside /mmfs-static /images/a.img /mnt
cp -r "$MMFS_SOURCE/backend" "$root/mnt"
inside /mmfsctl status --json /mnt >"$tmp/status"
pid=$(jq .pid "$tmp/status")
kill -KILL "$pid"
wait_gone 10 "$pid"
diff -r "$MMFS_SOURCE/backend" "$root/mnt/backend"
[ "$(inside /mmfsctl status --json /mnt | jq .restarts)" = 1 ] || fail "no other daemon: $(inside /mmfsctl status /mnt)"
pid=$(inside /mmfsctl status --json /mnt | jq .pid)
umount "$root/mnt"
wait_gone 30 "$pid"
inside /mmfs-static fsck.mmfs -n /images/a.img
expect "$(cat "$MMFS_SOURCE/backend/format.h")" inside /mmfsctl cat /images/a.img backend/format.h

note "archives"
inside /mmfsctl export /images/a.img /images/a.tar.zst
inside /mmfs-static mkfs.mmfs --from /images/a.tar.zst /images/b.img
expect "$(cat "$MMFS_SOURCE/backend/format.h")" inside /mmfsctl cat /images/b.img backend/format.h

note "what is wrong is said as by the programs"
expect_fail 1 'no such file|does not exist' inside /mmfs-static mmfsctl info /images/none.img
umount "$root/proc"
